"""The answer to "who can": for people, as JSON, and refused where it would be a guess."""

from __future__ import annotations

import json

import pytest

from fedml_infra.errors import PolicyError
from fedml_infra.policies.document import Kind
from fedml_infra.policies.topic import topic_policy
from fedml_infra.policies.who_can import Who, who_can
from tests.policies.examples import (
    BOTH,
    EVERYTHING,
    HUB,
    PUBLISHER,
    RECEIVER,
    STRANGER,
    config,
    documents,
    hub,
    joiner,
    named,
)

TOPIC = f"arn:aws:sns:us-east-1:{HUB}:cardio"
QUEUE = f"arn:aws:sqs:us-east-1:{HUB}:cardio_charite"


@pytest.fixture(scope="module")
def stack():
    return documents(config())


@pytest.mark.parametrize(
    ("action", "resource", "accounts"),
    [
        ("sns:Publish", TOPIC, (HUB, BOTH, PUBLISHER)),
        ("sns:Subscribe", TOPIC, (HUB, BOTH, RECEIVER)),
        ("sns:DeleteTopic", TOPIC, (HUB,)),
        ("sqs:ReceiveMessage", QUEUE, (HUB,)),
        ("sqs:ReceiveMessage", f"{QUEUE}_dlq", (HUB,)),
        ("s3:GetObject", "arn:aws:s3:::cardio-charite/updates/1", (HUB,)),
        ("s3:GetObject", f"arn:aws:s3:::fedml-cardio-{HUB}-us-east-1/roster.json", (HUB, BOTH, PUBLISHER, RECEIVER)),
        ("s3:PutObject", f"arn:aws:s3:::fedml-cardio-{HUB}-us-east-1/roster.json", (HUB,)),
        ("ssm:GetParameter", f"arn:aws:ssm:us-east-1:{HUB}:parameter/fedml/cardio/charite", (HUB,)),
    ],
)
def test_of_a_whole_stack(stack, action, resource, accounts):
    assert who_can(action, resource, stack).accounts == accounts


def test_nobody_else_reads_the_secret(stack):
    answer = who_can("ssm:GetParameter", f"arn:aws:ssm:us-east-1:{HUB}:parameter/fedml/cardio/charite", stack)
    assert [(each.who, each.name) for each in answer.grantees] == [
        (Who.ACCOUNT, HUB),
        (Who.NODE, f"arn:aws:iam::{HUB}:role/charite"),
    ]


def test_it_prints_for_people(stack):
    assert str(who_can("sns:Publish", TOPIC, stack)) == "\n".join(
        [
            f"sns:Publish on {TOPIC}:",
            f"account {HUB}",
            "    over TLS",
            f"account {BOTH}",
            "    over TLS",
            f"account {PUBLISHER}",
            "    over TLS",
            f"node arn:aws:iam::{HUB}:role/charite",
            "    over TLS",
        ]
    )


def test_nobody_is_said(stack):
    answer = who_can("sns:Publish", TOPIC, [named(Kind.TOPIC, topic_policy(hub(), {}), TOPIC, HUB)])
    assert answer.accounts == (HUB,)
    denied = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}],
    }
    assert str(who_can("sns:Publish", TOPIC, [named(Kind.TOPIC, denied, TOPIC, HUB)])).endswith("nobody")


def test_plain_http_is_shouted():
    everyone = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
    }
    text = str(who_can("sns:Publish", TOPIC, [named(Kind.TOPIC, everyone, TOPIC, HUB)]))
    assert "any other account\n    over TLS\n    over PLAIN HTTP" in text
    assert "anyone without credentials" in text


def test_as_json_it_is_plain_values(stack):
    found = json.loads(json.dumps(who_can("sns:Subscribe", TOPIC, stack).as_json()))
    assert found["action"] == "sns:Subscribe"
    assert {way["sns:Protocol"] for each in found["grantees"] for way in each["ways"]} == {"sqs"}
    assert found["notes"] == []


def test_a_resource_without_a_policy_of_ours_is_noted():
    """An adopted bucket's policy is its owner's: what it gives others is not known here."""
    stack = documents(joiner(nodes=[{"pid": "insel", "s3_bucket": "insel-fed", "adopt_bucket": True}]), BOTH)
    answer = who_can("s3:GetObject", "arn:aws:s3:::insel-fed/1", stack)
    assert answer.accounts == (BOTH,)
    assert "only what its own account gives is counted" in answer.notes[0]


@pytest.mark.parametrize(
    "resource", [f"arn:aws:sns:us-east-1:{STRANGER}:cardio", "arn:aws:s3:::somebody-elses/1", TOPIC.replace(HUB, BOTH)]
)
def test_somebody_elses_resource_is_refused(stack, resource):
    with pytest.raises(PolicyError, match="is no resource of this stack"):
        who_can("sns:Publish", resource, stack)


def test_the_hubs_topic_is_not_judged_from_a_joiners_stack():
    """Its policy is in another stack."""
    with pytest.raises(PolicyError, match="is no resource of this stack"):
        who_can("sns:Publish", TOPIC, documents(joiner(), BOTH))


def test_a_key_is_refused(stack):
    with pytest.raises(PolicyError, match="the key's own policy"):
        who_can("kms:Decrypt", f"arn:aws:kms:us-east-1:{HUB}:key/1", stack)


def test_what_is_no_arn_is_refused(stack):
    with pytest.raises(PolicyError, match="'cardio' is not an ARN"):
        who_can("sns:Publish", "cardio", stack)


def test_a_document_outside_the_dialect_is_refused():
    odd = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "NotPrincipal": "*", "Action": "*", "Resource": "*"}],
    }
    with pytest.raises(PolicyError, match="NotPrincipal"):
        who_can("sns:Publish", TOPIC, [named(Kind.TOPIC, odd, TOPIC, HUB)])


def test_every_one_of_many_accounts_is_told():
    crowd = {f"{n:012d}": EVERYTHING for n in range(1, 1951)}
    policy = named(Kind.TOPIC, topic_policy(hub(), crowd), TOPIC, HUB)
    assert who_can("sns:Subscribe", TOPIC, [policy]).accounts == tuple(sorted({HUB, *crowd}))
