"""A policy is compared by what it allows: each way to widen one is found, and a reordering is nothing."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedml_infra.errors import PolicyError
from fedml_infra.policies.comparison import How, canonical, compare
from fedml_infra.policies.document import Kind, NamedDocument, allow, document
from fedml_infra.policies.who_can import Who
from tests.policies.examples import BOTH, HUB, PUBLISHER, RECEIVER, STRANGER, config, documents

STACK = documents(config())
ROOT = f"arn:aws:iam::{STRANGER}:root"


def made(kind: Kind) -> NamedDocument:
    return next(each for each in STACK if each.kind is kind and not each.name.startswith("fedml-cardio"))


def statement(found: Any, sid: str) -> dict[str, Any]:
    one: dict[str, Any] = next(each for each in found["Statement"] if each["Sid"] == sid)
    return one


def shifts(kind: Kind, alter: Callable[[Any], object]) -> set[tuple[bool, Who, str, str]]:
    """What an alteration of a stack's document is found to change."""
    one = made(kind)
    now = deepcopy(one.document)
    alter(now)
    found = compare(one, now)
    assert found.rewritten
    return {(each.gained, each.who, each.name, each.action) for each in found.shifts}


def set_in(sid: str, **parts: Any) -> Callable[[Any], object]:
    return lambda found: statement(found, sid).update(parts)


def without(sid: str) -> Callable[[Any], object]:
    return lambda found: found["Statement"].remove(statement(found, sid))


def condition(sid: str, value: Any) -> Callable[[Any], object]:
    return set_in(sid, Condition=value)


WIDENED: list[tuple[Kind, Callable[[Any], object], tuple[Who, str, str]]] = [
    # An account more, a condition turned round, weakened, taken out, or made a pattern.
    (Kind.TOPIC, condition("Both", {"StringEquals": {"aws:PrincipalAccount": [BOTH, STRANGER]}}),
     (Who.ACCOUNT, STRANGER, "sns:Publish")),
    (Kind.TOPIC, condition("Both", {"StringNotEquals": {"aws:PrincipalAccount": [BOTH]}}),
     (Who.ANY_ACCOUNT, "", "sns:Publish")),
    (Kind.TOPIC, condition("Both", {"StringEqualsIfExists": {"aws:PrincipalAccount": [BOTH]}}),
     (Who.SERVICE, "", "sns:Publish")),
    (Kind.TOPIC, condition("Both", {"StringLike": {"aws:PrincipalAccount": ["22222222222?"]}}),
     (Who.ACCOUNT, "222222222220", "sns:Subscribe")),
    (Kind.TOPIC, condition("Both", {"StringLike": {"aws:PrincipalAccount": ["*"]}}),
     (Who.ANYONE, "", "sns:Publish")),
    (Kind.TOPIC, condition("Both", {}), (Who.ANYONE, "", "sns:Publish")),
    (Kind.TOPIC, set_in("Publish", Action=["sns:Publish", "sns:Subscribe"]),
     (Who.ACCOUNT, PUBLISHER, "sns:Subscribe")),
    (Kind.TOPIC, set_in("Publish", Action=["SNS:Set*", "sns:Publish"]),
     (Who.ACCOUNT, PUBLISHER, "sns:SetTopicAttributes")),
    (Kind.TOPIC, lambda found: found["Statement"].append(
        {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sns:Publish", "Resource": "*"}),
     (Who.ACCOUNT, STRANGER, "sns:Publish")),
    (Kind.TOPIC, lambda found: found["Statement"].append(
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:role/x"}, "Action": "sns:Publish",
         "Resource": "*"}),
     (Who.ACCOUNT, f"arn:aws:iam::{STRANGER}:role/x", "sns:Publish")),
    (Kind.TOPIC, lambda found: found["Statement"].append(
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish", "Resource": "*"}),
     (Who.SERVICE, "s3.amazonaws.com", "sns:Publish")),
    # A Deny gone, turned into an Allow, or one that never holds.
    (Kind.TOPIC, without("OnlySqs"), (Who.ACCOUNT, BOTH, "sns:Subscribe")),
    (Kind.TOPIC, condition("OnlyItsQueues", {"StringNotLike": {"sns:Endpoint": "arn:aws:sqs:*:*:*"}}),
     (Who.ACCOUNT, RECEIVER, "sns:Subscribe")),
    (Kind.TOPIC, condition("OnlyTls", {"Bool": {"aws:SecureTransport": "true"}}),
     (Who.ACCOUNT, BOTH, "sns:Publish")),
    (Kind.TOPIC, set_in("OnlyTls", Effect="Allow"), (Who.ANYONE, "", "sns:DeleteTopic")),
    (Kind.QUEUE, condition("AllowTopic", {}), (Who.SERVICE, "sns.amazonaws.com", "sqs:SendMessage")),
    (Kind.QUEUE, condition("AllowTopic", {"ArnLike": {"aws:SourceArn": f"arn:aws:sns:*:{HUB}:*"}}),
     (Who.SERVICE, "sns.amazonaws.com", "sqs:SendMessage")),
    (Kind.QUEUE, set_in("AllowTopic", Principal="*"), (Who.SERVICE, "", "sqs:SendMessage")),
    (Kind.QUEUE, set_in("AllowTopic", Action="sqs:*"), (Who.SERVICE, "sns.amazonaws.com", "sqs:PurgeQueue")),
    (Kind.BUCKET, lambda found: found["Statement"].append(
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::cardio-charite/*"}),
     (Who.ANYONE, "", "s3:GetObject")),
    (Kind.TRUST, lambda found: found["Statement"][0].update(Principal="*"), (Who.ANYONE, "", "sts:AssumeRole")),
    (Kind.TRUST, lambda found: found["Statement"][0].update(Principal={"AWS": [ROOT]}),
     (Who.ACCOUNT, STRANGER, "sts:AssumeRole")),
    (Kind.TRUST, lambda found: found["Statement"][0].update(Principal={"Service": "ec2.amazonaws.com"}),
     (Who.SERVICE, "ec2.amazonaws.com", "sts:AssumeRole")),
    (Kind.NODE, lambda found: found["Statement"].append(allow("All", ["s3:*"], "*")),
     (Who.NODE, "", "s3:DeleteBucket")),
    (Kind.NODE, lambda found: statement(found, "Payloads").update(Resource="arn:aws:s3:::*/*"),
     (Who.NODE, "", "s3:GetObject")),
    (Kind.NODE, lambda found: statement(found, "Payloads").pop("Condition"), (Who.NODE, "", "s3:PutObject")),
    (Kind.NODE, lambda found: found["Statement"].append(allow("Iam", ["iam:*"], "*")),
     (Who.NODE, "", "iam:CreateAccessKey")),
    (Kind.ROLE, lambda found: statement(found, "Read").pop("Condition"), (Who.READER_ROLE, "", "s3:GetObject")),
    (Kind.ROLE, lambda found: statement(found, "Read").update(Action=["s3:*Object"]),
     (Who.READER_ROLE, "", "s3:DeleteObject")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "alter", "expected"), WIDENED)
def test_each_way_to_widen_a_policy_is_found(
    kind: Kind, alter: Callable[[Any], object], expected: tuple[Who, str, str]
) -> None:
    assert (True, *expected) in shifts(kind, alter)


def test_what_is_taken_away_is_found_too() -> None:
    assert (False, Who.ACCOUNT, BOTH, "sns:Publish") in shifts(Kind.TOPIC, without("Both"))
    assert (False, Who.SERVICE, "sns.amazonaws.com", "sqs:SendMessage") in shifts(Kind.QUEUE, without("AllowTopic"))


def test_a_condition_turned_round_takes_from_the_one_and_gives_to_all_others() -> None:
    turned = shifts(Kind.TOPIC, condition("Both", {"StringNotEquals": {"aws:PrincipalAccount": [BOTH]}}))
    assert {who for gained, who, _, _ in turned if gained} >= {Who.ANYONE, Who.ANY_ACCOUNT}
    assert {name for gained, _, name, _ in turned if not gained} == {BOTH}


def test_plain_http_is_told_as_that() -> None:
    one = made(Kind.TOPIC)
    now = deepcopy(one.document)
    without("OnlyTls")(now)
    assert {each.how for each in compare(one, now).shifts} == {How.PLAIN_HTTP}


def test_the_key_that_counts_no_longer_is_named() -> None:
    one = made(Kind.TOPIC)
    now = deepcopy(one.document)
    without("OnlySqs")(now)
    assert {each.keys for each in compare(one, now).shifts} == {("sns:Protocol",)}


@pytest.mark.parametrize("one", STACK, ids=lambda each: f"{each.kind} {each.name}")
def test_a_document_is_as_it_was(one: NamedDocument) -> None:
    assert not compare(one, deepcopy(one.document)).rewritten


@pytest.mark.parametrize(
    "one", [each for each in STACK if each.kind is not Kind.KEY], ids=lambda e: f"{e.kind} {e.name}"
)
def test_another_name_for_a_statement_changes_nothing(one: NamedDocument) -> None:
    now = deepcopy(one.document)
    now["Statement"][0]["Sid"] = "Renamed"
    found = compare(one, now)
    assert (found.rewritten, found.shifts) == (True, ())


@given(st.randoms(use_true_random=False), st.sampled_from(STACK))
def test_no_order_of_statements_keys_and_values_is_a_change(random: Any, one: NamedDocument) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = random.sample([*value], len(value))
            return {key: shuffled(value[key]) for key in keys}
        if isinstance(value, list):
            return [shuffled(each) for each in random.sample(value, len(value))]
        return [value] if random.random() < 0.2 else value

    now = shuffled(one.document)
    assert not compare(one, now).rewritten


def test_accounts_that_stand_alike_are_all_named() -> None:
    accounts = [f"{number:012d}" for number in range(600)]
    many = document(
        allow(
            "Both",
            ["sns:Publish"],
            made(Kind.TOPIC).attached_to,
            principal="*",
            condition={"StringEquals": {"aws:PrincipalAccount": accounts}},
        )
    )
    one = NamedDocument(Kind.TOPIC, "cardio", made(Kind.TOPIC).attached_to, HUB, many)
    fewer = deepcopy(many)
    fewer["Statement"][0]["Condition"]["StringEquals"]["aws:PrincipalAccount"] = accounts[:-2]
    assert {(each.gained, each.name) for each in compare(one, fewer).shifts} == {
        (False, account) for account in accounts[-2:]
    }


@pytest.mark.parametrize(
    "now",
    [
        {"Version": "2012-10-17"},
        {"Version": "2012-10-17", "Statement": 3},
        {"Version": "2008-10-17", "Statement": []},
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "NotPrincipal": "*", "Action": "*", "Resource": "*"}],
        },
        {"Version": "2012-10-17", "Statement": ["x"]},
        [],
        None,
    ],
)
def test_what_cannot_be_judged_is_refused(now: Any) -> None:
    with pytest.raises(PolicyError):
        compare(made(Kind.TOPIC), now)


def test_more_conditions_than_can_be_tried_are_refused() -> None:
    one = made(Kind.TOPIC)
    now = deepcopy(one.document)
    keys = ("sns:Endpoint", "s3:prefix", "iam:PolicyARN", "kms:ViaService", "sns:Protocol")
    condition("Both", {"StringLike": {key: [f"{key}{n}*x*y" for n in range(6)] for key in keys}})(now)
    with pytest.raises(PolicyError, match="too many conditions"):
        compare(one, now)


def test_order_is_all_that_canonical_text_forgets() -> None:
    assert canonical({"a": [1, "2"]}) == canonical({"a": ["2", 1, 1]})
    assert canonical({"a": 1}) != canonical({"a": "1"})
