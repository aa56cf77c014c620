"""What a node's process may do: its own things, by its rights, and nothing of a neighbour's."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fedml_infra.model.resources import NodeResources
from fedml_infra.policies.document import Document, render
from fedml_infra.policies.evaluation import Caller, Request, evaluate
from fedml_infra.policies.node import node_policy, reader_role_policy, reader_role_trust
from tests.policies.examples import (
    BOTH,
    HUB,
    STRANGER,
    altered,
    condition,
    dropped,
    element,
    node,
    statement,
)
from tests.policies.node_actions import KEY, OBJECT_ACTIONS, OTHERS, QUEUE_ACTIONS, ROLE, TOPIC, allows


def own(where: NodeResources) -> Mapping[str, set[str]]:
    """What the node's rights call for: resource -> actions."""
    wanted = {f"{where.bucket_arn}/updates/1.bin": OBJECT_ACTIONS, where.parameter_arn: {"ssm:GetParameter"}}
    if where.queue_arn:
        wanted[where.queue_arn] = QUEUE_ACTIONS
    if "publish" in where.rights:
        wanted[where.topic_arn] = {"sns:Publish"}
        wanted[f"arn:aws:iam::{BOTH}:role/fedml.cardio.insel.reader"] = {"sts:AssumeRole"}
    return wanted


FOREIGN = (
    f"arn:aws:sns:us-east-1:{HUB}:cardio-other",
    f"arn:aws:sns:eu-west-1:{HUB}:cardio",
    f"arn:aws:sns:us-east-1:{STRANGER}:cardio",
    f"arn:aws:sqs:us-east-1:{BOTH}:cardio_insel_dlq",
    f"arn:aws:sqs:us-east-1:{BOTH}:cardio_other",
    f"arn:aws:sqs:us-east-1:{STRANGER}:cardio_insel",
    "arn:aws:s3:::insel-fed",
    "arn:aws:s3:::insel-fed/other/1.bin",
    "arn:aws:s3:::insel-fed/updates",
    "arn:aws:s3:::insel-fed/updates-old/1.bin",
    "arn:aws:s3:::insel-fed-old/updates/1.bin",
    f"arn:aws:iam::{BOTH}:role/admin",
    f"arn:aws:iam::{BOTH}:role/fedml.cardio.other.reader",
    f"arn:aws:ssm:us-east-1:{BOTH}:parameter/fedml/cardio/other",
    f"arn:aws:ssm:us-east-1:{BOTH}:parameter/fedml/cardio/insel/more",
)


def violations(where: NodeResources, policy: Document) -> set[str]:
    wanted = own(where)
    everything = set().union(*own(node()).values()) | OTHERS
    found: set[str] = set()
    for resource in {*own(node()), *wanted, *FOREIGN}:
        for action in everything:
            if allows(policy, action, resource) and action not in wanted.get(resource, set()):
                found.add(f"too much: {action.split(':')[0]}")
            if action in wanted.get(resource, set()) and not allows(policy, action, resource):
                found.add(f"too little: {action.split(':')[0]}")
    listed = {
        p: allows(policy, "s3:ListBucket", where.bucket_arn, s3__prefix=p)
        for p in ("updates/", "updates/a", "", "o", "updates", "updates-of-others/")
    }
    if {prefix for prefix, may in listed.items() if may} != {"updates/", "updates/a"}:
        found.add("listing")
    sniped = Request(
        Caller(BOTH, ROLE), "s3:PutObject", f"{where.bucket_arn}/updates/1", BOTH, (("aws:ResourceAccount", STRANGER),)
    )
    if evaluate(sniped, identity_policies=[policy]):
        found.add("somebody else's bucket")
    return found


@pytest.mark.parametrize("rights", [["publish"], ["receive"], ["publish", "receive"]], ids="+".join)
def test_the_process_has_what_its_rights_call_for(rights):
    where = node(rights=rights)
    assert violations(where, node_policy(where)) == set()


MUTATIONS = {
    "sns:*": (element("Publish", "Action", ["sns:*"]), "too much: sns"),
    "every topic": (element("Publish", "Resource", "*"), "too much: sns"),
    "sqs:*": (element("Receive", "Action", ["sqs:*"]), "too much: sqs"),
    "a neighbour's queue": (element("Receive", "Resource", f"arn:aws:sqs:*:{BOTH}:cardio_*"), "too much: sqs"),
    "the whole bucket": (element("Payloads", "Resource", "arn:aws:s3:::insel-fed/*"), "too much: s3"),
    "a neighbour's prefix": (element("Payloads", "Resource", "arn:aws:s3:::insel-fed/updates*"), "too much: s3"),
    "a neighbour's bucket": (element("Payloads", "Resource", "arn:aws:s3:::insel-fed*/updates/*"), "too much: s3"),
    "s3:*": (element("Payloads", "Action", ["s3:*"]), "too much: s3"),
    "whoever owns the bucket": (condition("Payloads"), "somebody else's bucket"),
    "listing everything": (condition("ListPayloads"), "listing"),
    "listing a neighbour whose prefix goes on": (
        condition("ListPayloads", StringLike={"s3:prefix": "updates*"}),
        "listing",
    ),
    "listing a neighbour": (condition("ListPayloads", StringLike={"s3:prefix": "*"}), "listing"),
    "listing if a prefix is given": (
        condition("ListPayloads", StringNotLike={"s3:prefix": "other/*"}),
        "listing",
    ),
    "no listing": (dropped("ListPayloads"), "listing"),
    "any role": (element("ShareOneObject", "Resource", f"arn:aws:iam::{BOTH}:role/*"), "too much: sts"),
    "all secrets": (element("FederationKey", "Resource", f"arn:aws:ssm:*:{BOTH}:parameter/fedml/*"), "too much: ssm"),
    "writing secrets": (element("FederationKey", "Action", ["ssm:*"]), "too much: ssm"),
    "no secret": (dropped("FederationKey"), "too little: ssm"),
    "no queue": (dropped("Receive"), "too little: sqs"),
}


@pytest.mark.parametrize(("alter", "caught"), MUTATIONS.values(), ids=MUTATIONS)
def test_an_altered_policy_is_caught(alter, caught):
    assert caught in violations(node(), altered(node_policy(node()), alter))


def test_a_bucket_without_prefix_is_the_nodes_as_a_whole():
    policy = node_policy(node(s3_bucket="insel-fed"))
    assert allows(policy, "s3:PutObject", "arn:aws:s3:::insel-fed/anything")
    assert allows(policy, "s3:ListBucket", "arn:aws:s3:::insel-fed")
    assert not allows(policy, "s3:PutObject", "arn:aws:s3:::insel-fed-2/anything")


def test_under_bucket_policy_a_receiver_reads_other_accounts_buckets_and_no_other_of_its_own():
    """IAM, "Cross-account policy evaluation logic": the reader's own identity policy must allow as well."""
    policy = node_policy(node(sharing="bucket_policy"))
    theirs = Request(Caller(BOTH, ROLE), "s3:GetObject", "arn:aws:s3:::charite/1", HUB)
    opened = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{BOTH}:root"},
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::charite/*",
            }
        ],
    }
    assert evaluate(theirs, resource_policy=opened, identity_policies=[policy])
    assert not allows(policy, "s3:GetObject", "arn:aws:s3:::own-other-bucket/1")


def test_under_bucket_policy_a_publish_only_node_reads_nobody():
    assert "ReadPayloads" not in render(node_policy(node(sharing="bucket_policy", rights=["publish"])))


def test_the_own_key_is_used_through_the_own_services_only():
    """AWS KMS, "Condition keys": kms:ViaService is the service through which a principal's request came."""
    policy = node_policy(node(kms_key_arn=KEY, rights=["publish"]))
    through = statement(policy, "OwnKey")["Condition"]["StringEquals"]["kms:ViaService"]
    assert through == ["s3.us-east-1.amazonaws.com", "ssm.us-east-1.amazonaws.com"]


def test_without_an_own_key_no_key_of_the_account_is_opened():
    assert not allows(node_policy(node()), "kms:Decrypt", KEY, kms__ViaService="s3.us-east-1.amazonaws.com")


def test_a_publisher_may_use_the_topics_key_for_this_topic_only():
    """Amazon SNS, "Managing Amazon SNS encryption keys and costs": the encryption context names the topic."""
    policy, key = node_policy(node()), f"arn:aws:kms:us-east-1:{HUB}:key/1"
    context = {"kms__ViaService": "sns.us-east-1.amazonaws.com"}
    topics = "kms__EncryptionContext__aws__sns__topicArn"
    assert statement(policy, "PublishUnderTopicKey")["Resource"] == f"arn:aws:kms:us-east-1:{HUB}:key/*"

    def opens(**keys: str) -> bool:
        request = Request(
            Caller(BOTH, ROLE),
            "kms:Decrypt",
            key,
            HUB,
            tuple((name.replace("__", ":"), value) for name, value in keys.items()),
        )
        everyone = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}],
        }
        return bool(evaluate(request, resource_policy=everyone, identity_policies=[policy]))

    assert opens(**context, **{topics: TOPIC})
    assert not opens(**context, **{topics: f"{TOPIC}-other"})
    assert not opens(**{topics: TOPIC})


@pytest.mark.parametrize(
    ("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")], ids=["China", "GovCloud"]
)
def test_every_arn_is_of_the_nodes_partition(region, partition):
    """Nothing crosses partitions: one wrong ARN and the policy gives nothing there."""
    topic = f"arn:{partition}:sns:{region}:{HUB}:cardio"
    for sharing in ("sts", "bucket_policy"):
        where = node(aws_topic_arn=topic, region=region, node_role="trainer", sharing=sharing)
        made = [
            node_policy(where),
            *([reader_role_trust(where), reader_role_policy(where)] if sharing == "sts" else []),
        ]
        assert "arn:aws:" not in "".join(map(render, made))
