"""Each rule of the policy pack as a pure function: what it refuses, what it lets pass, and what it cannot tell yet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fedml_infra.gitops.policy_pack import principals, queues, storage, transport
from fedml_infra.gitops.policy_pack.seen import (
    BUCKET_POLICY,
    QUEUE,
    QUEUE_POLICY,
    ROLE,
    TOPIC,
    TOPIC_POLICY,
    UNKNOWN,
    Finding,
    Resource,
    Stack,
)
from fedml_infra.policies.topic import ACTIONS

BUCKET = "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
POLICY = "aws:iam/policy:Policy"
OWN, OTHER = "111111111111", "222222222222"
PLAIN = {"Bool": {"aws:SecureTransport": "false"}}
QUEUE_ARN = f"arn:aws:sqs:us-east-1:{OWN}:q"
QUEUE_URL = f"https://sqs.us-east-1.amazonaws.com/{OWN}/q"


def resource(kind: str, called: str = "it", links: dict[str, set[str]] | None = None, **inputs: Any) -> Resource:
    urn = f"urn:pulumi:s::p::{kind}::{called}"
    return Resource(urn, kind, inputs, links={key: frozenset(urns) for key, urns in (links or {}).items()})


def written(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(principal: Any = "*", action: Any = "sqs:SendMessage", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": QUEUE_ARN, **more}


def deny(action: Any = "sqs:*", on: Any = QUEUE_ARN, **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": on, "Condition": PLAIN, **more}


def verdict(findings: Iterator[Finding]) -> str:
    """`wrong`, `unsure` or `fine`; each finding has to say what, of which resource, and how to mend it."""
    found = list(findings)
    assert all(each.what and each.fix and each.urn for each in found)
    return "wrong" if any(each.known for each in found) else "unsure" if found else "fine"


ACCOUNT = {"StringEquals": {"aws:PrincipalAccount": [OWN]}}
SOURCE = {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:us-east-1:{OWN}:t"}}
SERVICE = {"Service": "sns.amazonaws.com"}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (allow({"AWS": f"arn:aws:iam::{OTHER}:root"}), "fine"),
        (allow(Condition=ACCOUNT), "fine"),
        (allow(Condition={"StringEquals": {"AWS:principalaccount": OWN}}), "fine"),
        (allow(Condition={"StringLike": {"aws:PrincipalArn": f"arn:aws:iam::{OWN}:role/*"}}), "fine"),
        (allow(Condition={"ArnLike": {"aws:SourceArn": f"arn:aws:sns:*:{OWN}:*"}}), "fine"),
        (allow(Condition={"StringEquals": {"aws:SourceAccount": OWN}, "Bool": {"aws:SecureTransport": True}}), "fine"),
        (allow(SERVICE, Condition=SOURCE), "fine"),
        (deny(), "fine"),
        (allow(), "wrong"),
        (allow({"AWS": "*"}), "wrong"),
        (allow({"AWS": [f"arn:aws:iam::{OWN}:root", "*"]}), "wrong"),
        ({"Effect": "Allow", "NotPrincipal": {"AWS": OWN}, "Action": "sqs:*", "Resource": "*"}, "wrong"),
        (allow(Condition={"StringEqualsIfExists": {"aws:PrincipalAccount": OWN}}), "wrong"),
        (allow(Condition={"ForAllValues:StringEquals": {"aws:PrincipalAccount": OWN}}), "wrong"),
        (allow(Condition={"StringNotEquals": {"aws:PrincipalAccount": OWN}}), "wrong"),
        (allow(Condition={"StringLike": {"aws:PrincipalAccount": "1*"}}), "wrong"),
        (allow(Condition={"StringEquals": {"aws:PrincipalAccount": [OWN, "*"]}}), "wrong"),
        (allow(Condition={"StringEquals": {"aws:PrincipalAccount": []}}), "wrong"),
        (allow(Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/reader"}}), "wrong"),
        (allow(Condition={"StringLike": {"aws:SourceArn": f"arn:aws:*:us-east-1:{OWN}:t"}}), "wrong"),
        (allow(Condition=PLAIN), "wrong"),
        (allow(SERVICE), "wrong"),
        (allow(SERVICE, Condition={"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:t"}}), "wrong"),
    ],
)
def test_everyone_is_let_in_only_with_an_account_condition(statement: dict[str, Any], expected: str) -> None:
    found = principals.open_principals(resource(QUEUE_POLICY, policy=written(statement)))
    assert verdict(found) == expected


@pytest.mark.parametrize("kind", sorted(principals.CARRYING))
def test_every_kind_of_resource_that_carries_a_policy_is_judged(kind: str) -> None:
    assert verdict(principals.open_principals(resource(kind, policy=written(allow())))) == "wrong"


@pytest.mark.parametrize("text", ["no json", "[]", '{"Statement": 3}', '{"Statement": [{"Effect": "Perhaps"}]}'])
def test_what_is_no_policy_document_is_refused(text: str) -> None:
    assert verdict(principals.open_principals(resource(QUEUE_POLICY, policy=text))) == "wrong"


def test_a_document_as_plain_values_is_judged_like_its_text() -> None:
    assert verdict(principals.open_principals(resource(TOPIC_POLICY, policy={"Statement": allow()}))) == "wrong"


def test_a_document_that_is_not_known_yet_is_not_passed_in_silence() -> None:
    for rule in (principals.open_principals, transport.denies_plain_http):
        assert verdict(rule(resource(QUEUE_POLICY, policy=UNKNOWN))) == "unsure"
    inside = {"Statement": [allow({"AWS": UNKNOWN})]}
    assert verdict(principals.open_principals(resource(QUEUE_POLICY, policy=inside))) == "unsure"


ISSUER = {"Federated": f"arn:aws:iam::{OWN}:oidc-provider/token.actions.githubusercontent.com"}
SUBJECT = "token.actions.githubusercontent.com:sub"


def web(**condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": ISSUER, "Action": "sts:AssumeRoleWithWebIdentity"}
    return {**statement, "Condition": condition} if condition else statement


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Effect": "Allow", "Principal": {"AWS": OWN}, "Action": "sts:AssumeRole"}, "fine"),
        ({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}, "fine"),
        ({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Condition": ACCOUNT}, "fine"),
        (web(StringEquals={SUBJECT: "repo:org/repo:environment:apply"}), "fine"),
        (web(StringLike={SUBJECT: "repo:org/*"}), "fine"),
        ({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}, "wrong"),
        ({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:*"}, "wrong"),
        (
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": "secret"}},
            },
            "wrong",
        ),
        (web(), "wrong"),
        (web(StringEquals={"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}), "wrong"),
        (web(StringLike={SUBJECT: "*"}), "wrong"),
        (web(StringLike={SUBJECT: "repo:*"}), "wrong"),
        (web(StringLikeIfExists={SUBJECT: "repo:org/repo:*"}), "wrong"),
    ],
)
def test_no_role_can_be_assumed_by_everybody(statement: dict[str, Any], expected: str) -> None:
    assert verdict(principals.open_roles(resource(ROLE, assumeRolePolicy=written(statement)))) == expected


def test_a_trust_that_is_not_known_yet_is_told() -> None:
    assert verdict(principals.open_roles(resource(ROLE, assumeRolePolicy=UNKNOWN))) == "unsure"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, "fine"),
        ({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::mine"}, "fine"),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, "fine"),
        ({"Effect": "Allow", "Action": "*", "Resource": "*"}, "wrong"),
        ({"Effect": "Allow", "Action": ["s3:GetObject", "*:*"], "Resource": ["*"]}, "wrong"),
        ({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::mine", "Condition": PLAIN}, "fine"),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "wrong"),
        ({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::mine"}, "wrong"),
        ({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": ACCOUNT}, "wrong"),
    ],
)
def test_no_identity_policy_allows_everything_on_everything(statement: dict[str, Any], expected: str) -> None:
    rule = principals.everything_on_everything
    for kind in principals.IDENTITY:
        assert verdict(rule(resource(kind, policy=written(statement)))) == expected
    inline = [{"name": "all", "policy": written(statement)}]
    assert verdict(rule(resource(ROLE, inlinePolicies=inline))) == expected


def test_the_administrator_s_managed_policy_is_everything_too() -> None:
    rule = principals.everything_on_everything
    attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    everything = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert verdict(rule(resource(attachment, policyArn=everything))) == "wrong"
    assert verdict(rule(resource(ROLE, managedPolicyArns=[everything]))) == "wrong"
    assert verdict(rule(resource(attachment, policyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"))) == "fine"
    assert verdict(rule(resource(attachment, policyArn=UNKNOWN))) == "unsure"


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([deny()], "fine"),
        ([deny("*", "*")], "fine"),
        ([deny(Condition={"BoolIfExists": {"aws:SecureTransport": False}})], "fine"),
        ([deny(Principal={"AWS": "*"})], "fine"),
        ([], "wrong"),
        ([deny(Principal={"AWS": OWN})], "wrong"),
        ([deny(Effect="Allow")], "wrong"),
        ([deny("sqs:SendMessage")], "wrong"),
        ([deny(Condition={"Bool": {"aws:SecureTransport": "true"}})], "wrong"),
        ([deny(Condition={**PLAIN, "StringNotEquals": {"aws:PrincipalAccount": OWN}})], "wrong"),
        ([deny(on=f"{QUEUE_ARN}_other")], "wrong"),
        (
            [{"Effect": "Deny", "NotPrincipal": {"AWS": OWN}, "Action": "*", "Resource": "*", "Condition": PLAIN}],
            "wrong",
        ),
        ([{"Effect": "Deny", "Principal": "*", "NotAction": "sqs:*", "Resource": "*", "Condition": PLAIN}], "wrong"),
    ],
)
def test_a_policy_denies_everything_over_plain_http(statements: list[dict[str, Any]], expected: str) -> None:
    policy = resource(QUEUE_POLICY, queueUrl=QUEUE_URL, policy=written(*statements))
    assert verdict(transport.denies_plain_http(policy)) == expected


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (["arn:aws:s3:::b", "arn:aws:s3:::b/*"], "fine"),
        (["arn:aws-cn:s3:::b", "arn:aws-cn:s3:::b/*"], "fine"),
        ("*", "fine"),
        ("arn:aws:s3:::b/*", "wrong"),
        ("arn:aws:s3:::b", "wrong"),
        (["arn:aws:s3:::b", "arn:aws:s3:::b/a*"], "wrong"),
        (["arn:aws:s3:::c", "arn:aws:s3:::c/*"], "wrong"),
    ],
)
def test_a_bucket_policy_denies_plain_http_to_the_bucket_and_all_in_it(on: Any, expected: str) -> None:
    policy = resource(BUCKET_POLICY, bucket="b", policy=written(deny("s3:*", on)))
    assert verdict(transport.denies_plain_http(policy)) == expected


@pytest.mark.parametrize("left_out", ACTIONS)
def test_a_topic_policy_denies_each_of_its_actions(left_out: str) -> None:
    arn = f"arn:aws:sns:us-east-1:{OWN}:t"
    whole = resource(TOPIC_POLICY, arn=arn, policy=written(deny(list(ACTIONS), arn)))
    assert verdict(transport.denies_plain_http(whole)) == "fine"
    short = written(deny([each for each in ACTIONS if each != left_out], arn))
    (finding,) = transport.denies_plain_http(resource(TOPIC_POLICY, arn=arn, policy=short))
    assert left_out in finding.what


def queue(name: str = "q", **inputs: Any) -> Resource:
    return resource(QUEUE, name, name=name, **inputs)


def tls_policy(of: Resource, name: str = "p", on: str = QUEUE_ARN) -> Resource:
    return resource(QUEUE_POLICY, name, {"queueUrl": {of.urn}}, queueUrl=UNKNOWN, policy=written(deny(on=on)))


@pytest.mark.parametrize("kind", [BUCKET, QUEUE, TOPIC])
def test_a_bucket_queue_or_topic_without_a_policy_is_refused(kind: str) -> None:
    rule = transport.has_such_a_policy
    assert verdict(rule(Stack((resource(kind),)))) == "wrong"
    assert verdict(rule(Stack((resource(kind, policy=written(deny())),)))) == "fine"


def test_a_policy_counts_for_the_queue_that_its_address_is_made_from() -> None:
    q, other = queue(), queue("other", policy=written(deny()))
    rule = transport.has_such_a_policy
    assert verdict(rule(Stack((q, other, tls_policy(q))))) == "fine"
    assert verdict(rule(Stack((q, other, tls_policy(other))))) == "wrong"


def test_a_deny_about_another_queue_than_the_policy_is_on_is_refused() -> None:
    q = queue()
    assert verdict(transport.has_such_a_policy(Stack((q, tls_policy(q, on=f"{QUEUE_ARN}x"))))) == "wrong"


def test_a_policy_on_something_unknown_may_be_anybody_s() -> None:
    policy = resource(QUEUE_POLICY, "p", queueUrl=UNKNOWN, policy=written(deny()))
    assert verdict(transport.has_such_a_policy(Stack((queue(), policy)))) == "unsure"


def test_a_derived_arn_names_a_topic_that_is_not_made_yet() -> None:
    arn = f"arn:aws:sns:us-east-1:{OWN}:t"
    policy = resource(TOPIC_POLICY, arn=arn, policy=written(deny(list(ACTIONS), arn)))
    rule = transport.has_such_a_policy
    assert verdict(rule(Stack((resource(TOPIC, name="t"), policy)))) == "fine"
    assert verdict(rule(Stack((resource(TOPIC, name="u"), policy)))) == "wrong"


def test_a_dead_letter_queue_may_be_without_a_policy() -> None:
    letters = queue("letters")
    source = queue("source", policy=written(deny()), redrivePolicy=json.dumps({"deadLetterTargetArn": "a:letters"}))
    assert verdict(transport.has_such_a_policy(Stack((source, letters)))) == "fine"


BLOCKED = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)


def test_a_public_access_block_blocks_all_four_ways() -> None:
    rule = storage.blocks_public_access
    assert verdict(rule(resource(BLOCK, **BLOCKED))) == "fine"
    for name in BLOCKED:
        assert verdict(rule(resource(BLOCK, **{**BLOCKED, name: False}))) == "wrong"
        assert verdict(rule(resource(BLOCK, **{key: True for key in BLOCKED if key != name}))) == "wrong"
        assert verdict(rule(resource(BLOCK, **{**BLOCKED, name: UNKNOWN}))) == "unsure"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"objectOwnership": "BucketOwnerEnforced"}, "fine"),
        ({"objectOwnership": "BucketOwnerPreferred"}, "wrong"),
        ({"objectOwnership": "ObjectWriter"}, "wrong"),
        ({"objectOwnership": UNKNOWN}, "unsure"),
        (UNKNOWN, "unsure"),
    ],
)
def test_ownership_turns_acls_off(rule: Any, expected: str) -> None:
    assert verdict(storage.enforces_ownership(resource(OWNERSHIP, rule=rule))) == expected


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({}, "fine"),
        ({"acl": "private"}, "fine"),
        ({"acl": "public-read"}, "wrong"),
        ({"acl": "public-read-write"}, "wrong"),
        ({"acl": "authenticated-read"}, "wrong"),
        ({"acl": UNKNOWN}, "unsure"),
        ({"grants": [{"uri": "http://acs.amazonaws.com/groups/global/AllUsers"}]}, "wrong"),
        (
            {
                "accessControlPolicy": {
                    "grants": [{"grantee": {"uri": "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"}}]
                }
            },
            "wrong",
        ),
    ],
)
def test_no_acl_opens_anything_to_everybody(inputs: dict[str, Any], expected: str) -> None:
    for kind in (BUCKET, "aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketObject:BucketObject"):
        assert verdict(storage.no_open_acl(resource(kind, **inputs))) == expected


def test_a_bucket_has_all_of_its_settings() -> None:
    bucket = resource(BUCKET, "b", bucket="b")
    settings = [resource(kind, "b", bucket="b") for kind in (BLOCK, OWNERSHIP, ENCRYPTION)]
    assert verdict(storage.is_complete(Stack((bucket, *settings)))) == "fine"
    for left_out in settings:
        rest = tuple(each for each in settings if each is not left_out)
        assert verdict(storage.is_complete(Stack((bucket, *rest)))) == "wrong"
        elsewhere = resource(left_out.kind, "c", bucket="c")
        assert verdict(storage.is_complete(Stack((bucket, *rest, elsewhere)))) == "wrong"
        unknown = resource(left_out.kind, "d", bucket=UNKNOWN)
        assert verdict(storage.is_complete(Stack((bucket, *rest, unknown)))) == "unsure"


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"sqsManagedSseEnabled": True}, "fine"),
        ({"kmsMasterKeyId": "alias/ours"}, "fine"),
        ({}, "wrong"),
        ({"sqsManagedSseEnabled": False}, "wrong"),
        ({"sqsManagedSseEnabled": False, "kmsMasterKeyId": "alias/ours"}, "fine"),
        ({"kmsMasterKeyId": ""}, "wrong"),
        ({"kmsMasterKeyId": UNKNOWN}, "unsure"),
    ],
)
def test_queues_are_encrypted_and_say_so(inputs: dict[str, Any], expected: str) -> None:
    assert verdict(queues.is_encrypted(resource(QUEUE, **inputs))) == expected


def test_each_queue_has_a_dead_letter_queue_or_is_one() -> None:
    rule = queues.has_dead_letter_queue
    letters = queue("letters")
    redrive = json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{OWN}:letters", "maxReceiveCount": 5})
    assert verdict(rule(Stack((queue(redrivePolicy=redrive), letters)))) == "fine"
    assert verdict(rule(Stack((queue(), letters)))) == "wrong"
    assert verdict(rule(Stack((queue(redrivePolicy=redrive), queue("stray"))))) == "wrong"
    linked = resource(QUEUE, "q", {"redrivePolicy": {letters.urn}}, name="q", redrivePolicy=UNKNOWN)
    assert verdict(rule(Stack((linked, letters)))) == "fine"
    assert verdict(rule(Stack((linked, letters, queue("stray"))))) == "wrong"
    unlinked = queue(redrivePolicy=UNKNOWN)
    assert verdict(rule(Stack((unlinked, letters)))) == "unsure"
    said = resource(
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", queueUrl=UNKNOWN, links={"queueUrl": {letters.urn}}
    )
    assert verdict(rule(Stack((letters, said)))) == "fine"
    apart = resource("aws:sqs/redrivePolicy:RedrivePolicy", queueUrl=UNKNOWN, links={"queueUrl": {letters.urn}})
    assert verdict(rule(Stack((letters, apart)))) == "fine"
