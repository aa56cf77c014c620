"""The reader role of a node: who may assume it, what it reads, and what a session of it reads."""

from __future__ import annotations

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
    altered,
    condition,
    element,
    node,
    statement,
)
from tests.policies.examples import named as named_document
from tests.policies.node_actions import KEY, OBJECT_ACTIONS, OTHERS, ROLE, allows


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
