"""What a node's process and its reader role may do: their own things, by their rights, and nothing of a neighbour's."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fedml_infra.errors import PolicyError
from fedml_infra.model.resources import NodeResources
from fedml_infra.policies.document import Document, Kind, render
from fedml_infra.policies.evaluation import Caller, Request, evaluate
from fedml_infra.policies.node import node_policy, reader_role_policy, reader_role_trust, reader_session_policy
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
    statement,
)
from tests.policies.examples import named as named_document

TOPIC = f"arn:aws:sns:us-east-1:{HUB}:cardio"
ROLE = f"arn:aws:iam::{BOTH}:role/trainer"
KEY = f"arn:aws:kms:us-east-1:{BOTH}:key/mrk-1234abcd12ab34cd56ef1234567890ab"
QUEUE_ACTIONS = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
}
OBJECT_ACTIONS = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}
OTHERS = {
    "sns:Subscribe",
    "sns:SetTopicAttributes",
    "sqs:SendMessage",
    "sqs:PurgeQueue",
    "sqs:SetQueueAttributes",
    "s3:PutObjectAcl",
    "s3:GetObjectVersion",
    "s3:DeleteObjectVersion",
    "s3:PutBucketPolicy",
    "ssm:PutParameter",
    "ssm:GetParameterHistory",
    "iam:PutRolePolicy",
    "iam:PassRole",
    "sts:AssumeRoleWithWebIdentity",
}


def allows(policy: Document, action: str, resource: str, owner: str = BOTH, **keys: str) -> bool:
    """Whether the identity policy by itself gives the action, as within one account."""
    context = tuple((name.replace("__", ":"), value) for name, value in keys.items())
    caller = Caller(owner, f"arn:aws:iam::{owner}:role/trainer")
    request = Request(caller, action, resource, owner, (("aws:ResourceAccount", owner), *context))
    # A role's trust or a key's policy must allow as well: here both leave it to the account.
    delegating = {"Effect": "Allow", "Principal": {"AWS": owner}, "Action": ["sts:*", "kms:*"], "Resource": "*"}
    theirs = {"Version": "2012-10-17", "Statement": [delegating]}
    return bool(evaluate(request, resource_policy=theirs, identity_policies=[policy]))


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


def trust_violations(where: NodeResources, trust: Document) -> set[str]:
    arn = where.reader_role_arn or ""
    answer = who_can("sts:AssumeRole", arn, [named_document(Kind.TRUST, trust, arn, where.account)])
    found = {"another account"} if set(answer.accounts) - {where.account} else set()
    found |= {"a service"} if answer.services else set()
    found |= {"anonymous"} if answer.of(Who.ANYONE) else set()
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    for role in ("admin", "path/admin", "trainer-2", "xtrainer"):
        caller = Caller(where.account, f"arn:{where.partition}:iam::{where.account}:role/{role}")
        request = Request(caller, "sts:AssumeRole", arn, where.account)
        if where.node_role and evaluate(request, resource_policy=trust, identity_policies=[everything]):
            found.add("another role")
    for action in ("sts:TagSession", "sts:SetSourceIdentity", "sts:AssumeRoleWithSAML"):
        request = Request(Caller(where.account, ROLE), action, arn, where.account)
        if evaluate(request, resource_policy=trust, identity_policies=[everything]):
            found.add("another action")
    return found


@pytest.mark.parametrize("changes", [{}, {"node_role": "trainer"}], ids=["account", "role"])
def test_only_the_own_account_assumes_the_reader_role(changes):
    where = node(**changes)
    assert trust_violations(where, reader_role_trust(where)) == set()


@pytest.mark.parametrize("path", ["", "hospital/research/"])
def test_the_nodes_role_assumes_the_reader_role_whatever_its_path(path):
    where = node(node_role="trainer")
    caller = Caller(BOTH, f"arn:aws:iam::{BOTH}:role/{path}trainer")
    request = Request(caller, "sts:AssumeRole", where.reader_role_arn or "", BOTH)
    assert evaluate(request, resource_policy=reader_role_trust(where), identity_policies=[node_policy(where)])


def test_a_root_arn_leaves_it_to_identity_policies():
    """IAM, "AWS JSON policy elements: Principal": an account as principal delegates to that account."""
    where = node()
    request = Request(Caller(BOTH, ROLE), "sts:AssumeRole", where.reader_role_arn or "", BOTH)
    assert not evaluate(request, resource_policy=reader_role_trust(where))


TRUST_MUTATIONS = {
    "an extra account": (
        lambda document: (
            element("AllowNode", "Principal", {"AWS": [BOTH, HUB]})(document),
            condition("AllowNode")(document),
        ),
        "another account",
    ),
    "an extra account's role": (
        lambda document: (
            element("AllowNode", "Principal", {"AWS": [BOTH, HUB]})(document),
            condition("AllowNode", ArnLike={"aws:PrincipalArn": "arn:aws:iam::*:role/trainer"})(document),
        ),
        "another account",
    ),
    "everyone": (
        lambda document: (
            element("AllowNode", "Principal", "*")(document),
            condition("AllowNode")(document),
        ),
        "anonymous",
    ),
    "a service": (
        lambda document: (
            element("AllowNode", "Principal", {"Service": "sns.amazonaws.com"})(document),
            condition("AllowNode")(document),
        ),
        "a service",
    ),
    "no condition on the role": (condition("AllowNode"), "another role"),
    "a role by its end": (
        condition("AllowNode", ArnLike={"aws:PrincipalArn": f"arn:aws:iam::{BOTH}:role/*trainer"}),
        "another role",
    ),
    "a role by its start": (
        condition("AllowNode", ArnLike={"aws:PrincipalArn": f"arn:aws:iam::{BOTH}:role/trainer*"}),
        "another role",
    ),
    "NotEquals": (condition("AllowNode", ArnNotLike={"aws:PrincipalArn": ROLE}), "another role"),
    "sts:*": (element("AllowNode", "Action", ["sts:*"]), "another action"),
}


@pytest.mark.parametrize(("alter", "caught"), TRUST_MUTATIONS.values(), ids=TRUST_MUTATIONS)
def test_an_altered_trust_is_caught(alter, caught):
    where = node(node_role="trainer")
    assert caught in trust_violations(where, altered(reader_role_trust(where), alter))


def reader_violations(policy: Document) -> set[str]:
    bucket, found = "arn:aws:s3:::insel-fed", set()
    if not allows(policy, "s3:GetObject", f"{bucket}/updates/1.bin"):
        found.add("too little")
    if allows(policy, "s3:GetObject", f"{bucket}/updates/1.bin", **{"aws:SecureTransport": "false"}):
        found.add("plain HTTP")
    outside = ("other/1.bin", "updates", "updates-old/1.bin", "1.bin")
    if any(allows(policy, "s3:GetObject", f"{bucket}/{key}") for key in outside):
        found.add("another prefix")
    if allows(policy, "s3:GetObject", "arn:aws:s3:::insel-fed-2/updates/1.bin"):
        found.add("another bucket")
    if any(
        allows(policy, action, f"{bucket}/updates/1.bin")
        for action in OBJECT_ACTIONS | OTHERS - {"s3:GetObject"}
        if action != "s3:GetObject"
    ):
        found.add("another action")
    if allows(policy, "s3:ListBucket", bucket):
        found.add("listing")
    return found


def test_the_reader_role_reads_its_prefix_and_nothing_else():
    assert reader_violations(reader_role_policy(node())) == set()


READER_MUTATIONS = {
    "the whole bucket": (element("Read", "Resource", "arn:aws:s3:::insel-fed/*"), "another prefix"),
    "a neighbour's prefix": (element("Read", "Resource", "arn:aws:s3:::insel-fed/updates*"), "another prefix"),
    "every bucket": (element("Read", "Resource", "arn:aws:s3:::*/updates/*"), "another bucket"),
    "s3:*": (element("Read", "Action", ["s3:*"]), "another action"),
    "versions": (element("Read", "Action", ["s3:GetObject*"]), "another action"),
    "plain HTTP": (condition("Read"), "plain HTTP"),
    "listing": (
        lambda document: (
            element("Read", "Action", ["s3:GetObject", "s3:ListBucket"])(document),
            element("Read", "Resource", ["arn:aws:s3:::insel-fed/updates/*", "arn:aws:s3:::insel-fed"])(document),
        ),
        "listing",
    ),
}


@pytest.mark.parametrize(("alter", "caught"), READER_MUTATIONS.values(), ids=READER_MUTATIONS)
def test_an_altered_reader_policy_is_caught(alter, caught):
    assert caught in reader_violations(altered(reader_role_policy(node()), alter))


def session_reads(key: str, session_key: str = "updates/1.bin") -> bool:
    where = node()
    caller = Caller(BOTH, where.reader_role_arn)
    request = Request(caller, "s3:GetObject", f"{where.bucket_arn}/{key}", BOTH)
    return bool(
        evaluate(
            request,
            identity_policies=[reader_role_policy(where)],
            session_policies=[reader_session_policy(where, session_key)],
        )
    )


@pytest.mark.parametrize("key", ["updates/2.bin", "updates/1.bin.bak", "updates/1.bi", "updates/x/updates/1.bin"])
def test_a_session_reads_one_object(key):
    """IAM, "Session policies": what a session may is what role and session policy both allow."""
    assert session_reads("updates/1.bin")
    assert not session_reads(key)


@pytest.mark.parametrize("key", ["updates/*", "updates/?.bin", "updates/${aws:username}", "updates/1$"])
def test_a_key_that_a_policy_would_read_as_a_pattern_is_refused(key):
    """IAM, "IAM policy elements: Variables and tags": *, ? and $ mean something in a Resource."""
    with pytest.raises(PolicyError, match="reads as a pattern"):
        reader_session_policy(node(), key)


@pytest.mark.parametrize("key", ["", "1.bin", "other/1.bin", "updates", "updates-old/1.bin"])
def test_a_key_outside_the_prefix_is_refused(key):
    with pytest.raises(PolicyError, match="is not under the prefix 'updates'"):
        reader_session_policy(node(), key)


def test_a_key_too_long_for_a_session_policy_is_refused():
    """AWS STS, AssumeRole, Policy: at most 2,048 characters."""
    with pytest.raises(PolicyError, match=r"session policy needs 2,\d+ bytes and AWS takes 2,048"):
        reader_session_policy(node(), "updates/" + "k" * 2000)


def test_the_longest_key_in_ascii_fits():
    """Amazon S3, "Naming Amazon S3 objects": a key has at most 1,024 bytes."""
    where = node(kms_key_arn=KEY)
    assert len(render(reader_session_policy(where, "updates/" + "k" * 1016))) <= 2048


def test_the_reader_decrypts_through_s3_only():
    policy = reader_role_policy(node(kms_key_arn=KEY))
    assert statement(policy, "Decrypt")["Action"] == ["kms:Decrypt"]
    assert statement(policy, "Decrypt")["Condition"] == {
        "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
    }


@pytest.mark.parametrize(
    "make", [reader_role_trust, reader_role_policy, lambda each: reader_session_policy(each, "updates/1")]
)
def test_under_bucket_policy_there_is_no_reader_role(make):
    with pytest.raises(PolicyError, match="has no reader role"):
        make(node(sharing="bucket_policy"))


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
