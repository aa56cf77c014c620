"""Who can send to a node's queue: the federation's topic alone."""

from __future__ import annotations

import pytest

from fedml_infra.errors import PolicyError
from fedml_infra.model.resources import NodeResources
from fedml_infra.policies.document import Document, Kind
from fedml_infra.policies.queue import filter_policy, queue_policy, redrive_allow_policy, redrive_policy
from fedml_infra.policies.who_can import Who, who_can
from tests.policies.examples import (
    BOTH,
    HUB,
    STRANGER,
    altered,
    condition,
    dropped,
    element,
    node,
    operator,
)
from tests.policies.examples import named as named_document

ACTIONS = ("sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:PurgeQueue", "sqs:SetQueueAttributes")
TOPIC = f"arn:aws:sns:us-east-1:{HUB}:cardio"
OPT_IN = f"arn:aws:sns:af-south-1:{HUB}:cardio"


def violations(where: NodeResources, document: Document) -> set[str]:
    queue = named_document(Kind.QUEUE, document, where.queue_arn or "", where.account)
    found: set[str] = set()
    for action in ACTIONS:
        answer = who_can(action, where.queue_arn or "", [queue])
        found |= {"another account"} if answer.accounts != (where.account,) else set()
        found |= {"anonymous"} if answer.of(Who.ANYONE) else set()
        found |= {"plain HTTP" for each in answer.grantees for way in each.ways if not way.tls}
        expected = (where.service_principal,) if action == "sqs:SendMessage" else ()
        found |= {f"services: {action}"} if answer.services != expected else set()
        sources = {way.get("aws:SourceArn") for each in answer.of(Who.SERVICE) for way in each.ways}
        found |= {"source"} if sources - {where.topic_arn} else set()
    return found


@pytest.mark.parametrize(
    ("topic", "region"),
    [
        (TOPIC, "us-east-1"),
        (TOPIC, "eu-west-1"),
        (TOPIC, "af-south-1"),
        (OPT_IN, "us-east-1"),
        (OPT_IN, "af-south-1"),
        (f"arn:aws-cn:sns:cn-north-1:{HUB}:cardio", "cn-northwest-1"),
        (f"arn:aws-us-gov:sns:us-gov-west-1:{HUB}:cardio", "us-gov-east-1"),
    ],
)
def test_only_the_topic_sends(topic, region):
    where = node(aws_topic_arn=topic, region=region)
    assert violations(where, queue_policy(where)) == set()


@pytest.mark.parametrize(
    ("topic", "region", "principal"),
    [
        (TOPIC, "us-east-1", "sns.amazonaws.com"),
        (TOPIC, "eu-west-1", "sns.amazonaws.com"),
        (TOPIC, "ap-east-1", "sns.ap-east-1.amazonaws.com"),
        (OPT_IN, "eu-west-1", "sns.af-south-1.amazonaws.com"),
    ],
    ids=["one region", "default to default", "default to opt-in", "opt-in to default"],
)
def test_the_service_principal_is_regional_where_a_region_is_opt_in(topic, region, principal):
    """Amazon SNS, "Sending Amazon SNS messages to an Amazon SQS queue or AWS Lambda function in a different Region"."""
    policy = queue_policy(node(aws_topic_arn=topic, region=region))
    assert policy["Statement"][0]["Principal"] == {"Service": principal}


def source(arn: str) -> dict[str, dict[str, str]]:
    return {"ArnEquals": {"aws:SourceArn": arn}}


MUTATIONS = {
    "missing SourceArn": (condition("AllowTopic"), "source"),
    "any topic of the account": (condition("AllowTopic", **source(f"arn:aws:sns:us-east-1:{HUB}:*")), "source"),
    "a topic of that name anywhere": (condition("AllowTopic", **source("arn:aws:sns:*:*:cardio")), "source"),
    "another topic": (condition("AllowTopic", **source(f"arn:aws:sns:us-east-1:{STRANGER}:cardio")), "source"),
    "NotEquals": (operator("AllowTopic", "ArnEquals", "ArnNotEquals"), "source"),
    "IfExists": (operator("AllowTopic", "ArnEquals", "ArnEqualsIfExists"), "source"),
    "everyone with the SourceArn": (element("AllowTopic", "Principal", "*"), "services: sqs:SendMessage"),
    "everyone": (
        lambda document: (
            element("AllowTopic", "Principal", "*")(document),
            condition("AllowTopic")(document),
        ),
        "anonymous",
    ),
    "another service": (
        element("AllowTopic", "Principal", {"Service": "events.amazonaws.com"}),
        "services: sqs:SendMessage",
    ),
    "another account": (
        lambda document: (
            element("AllowTopic", "Principal", {"AWS": [f"arn:aws:iam::{STRANGER}:root"]})(document),
            condition("AllowTopic")(document),
        ),
        "another account",
    ),
    "sqs:*": (element("AllowTopic", "Action", ["sqs:*"]), "services: sqs:ReceiveMessage"),
    "plain HTTP not denied": (dropped("DenyPlainHttp"), "plain HTTP"),
    "plain HTTP denied for sending only": (element("DenyPlainHttp", "Action", ["sqs:SendMessage"]), "plain HTTP"),
    "another queue": (
        element("AllowTopic", "Resource", f"arn:aws:sqs:us-east-1:{BOTH}:cardio_other"),
        "services: sqs:SendMessage",
    ),
}


@pytest.mark.parametrize(("alter", "caught"), MUTATIONS.values(), ids=MUTATIONS)
def test_an_altered_policy_is_caught(alter, caught):
    where = node()
    assert violations(where, queue_policy(where)) == set()
    assert caught in violations(where, altered(queue_policy(where), alter))


@pytest.mark.parametrize("make", [queue_policy, redrive_policy, redrive_allow_policy])
def test_a_publish_only_node_has_no_queue(make):
    with pytest.raises(PolicyError, match="insel has no queue"):
        make(node(rights=["publish"]))


def test_five_receives_and_then_the_dead_letter_queue():
    assert redrive_policy(node()) == {
        "deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{BOTH}:cardio_insel_dlq",
        "maxReceiveCount": 5,
    }


def test_the_dead_letter_queue_takes_from_this_queue_only():
    """Amazon SQS, SetQueueAttributes, RedriveAllowPolicy: `byQueue` with up to ten source queues."""
    assert redrive_allow_policy(node()) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"arn:aws:sqs:us-east-1:{BOTH}:cardio_insel"],
    }


def test_the_filter_keeps_out_echoes_and_probes():
    assert filter_policy("insel", "sender") == {
        "sender": [{"anything-but": ["insel"]}],
        "probe": [{"exists": False}],
    }


def test_no_filter_where_nodes_set_no_sender():
    assert filter_policy("insel", "none") is None


def test_an_unknown_filter_is_refused():
    with pytest.raises(PolicyError, match="'all' is no message filter"):
        filter_policy("insel", "all")
