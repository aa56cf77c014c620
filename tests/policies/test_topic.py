"""Who can do what on the topic, for every set of rights and every partition, and what no altered policy hides."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedml_infra.model.resources import Grants, HubResources
from fedml_infra.model.rights import Right
from fedml_infra.policies.document import Document, Kind
from fedml_infra.policies.evaluation import glob
from fedml_infra.policies.topic import ACTIONS, topic_policy
from fedml_infra.policies.who_can import Who, WhoCan, who_can
from tests.policies.examples import (
    BOTH,
    EVERYTHING,
    HUB,
    MEMBERS,
    PUBLISH,
    PUBLISHER,
    RECEIVE,
    RECEIVER,
    REGIONS,
    STRANGER,
    Alter,
    altered,
    condition,
    config,
    documents,
    dropped,
    element,
    hub,
    named,
    operator,
    statement,
)


def violations(where: HubResources, grants: Grants, document: Document) -> set[str]:
    """What the document lets anyone do beyond (or keeps from) what is granted, and what SNS would refuse in it."""
    topic = named(Kind.TOPIC, document, where.topic_arn, where.account)
    answers = {action: who_can(action, where.topic_arn, [topic]) for action in ACTIONS}
    found = set(_form(where, document))
    for right, action in ((Right.PUBLISH, "sns:Publish"), (Right.RECEIVE, "sns:Subscribe")):
        entitled = {account for account, rights in grants.items() if right in rights} | {where.account}
        found |= {f"not granted: {action}" for _ in set(answers[action].accounts) - entitled}
        found |= {f"kept from: {action}" for _ in entitled - set(answers[action].accounts)}
    for action, answer in answers.items():
        found |= _everywhere(action, answer)
        if action not in {"sns:Publish", "sns:Subscribe"} and answer.accounts != (where.account,):
            found.add("administration")
    for grantee in answers["sns:Subscribe"].grantees:
        for way in grantee.ways:
            found |= {"protocol"} if way.get("sns:Protocol") != "sqs" else set()
            right_queue = f"arn:{where.partition}:sqs:*:*:{where.federation}_*"
            found |= {"endpoint"} if not glob(right_queue, way.get("sns:Endpoint") or "") else set()
    return found


def _everywhere(action: str, answer: WhoCan) -> Iterable[str]:
    plain = not all(way.tls for grantee in answer.grantees for way in grantee.ways)
    return {
        *(["plain HTTP"] if plain else []),
        *(["any account"] if answer.of(Who.ANY_ACCOUNT) else []),
        *(["anonymous"] if answer.of(Who.ANYONE) else []),
        *(["service"] if answer.services else []),
    }


def _form(where: HubResources, document: Document) -> Iterable[str]:
    statements = document["Statement"]
    sids = [each["Sid"] for each in statements]
    if len(set(sids)) != len(sids) or not document.get("Id") or not statements:
        yield "form"
    for each in statements:
        if each["Resource"] != where.topic_arn or not set(each["Action"]) <= set(ACTIONS):
            yield "form"


@pytest.mark.parametrize("partition", REGIONS)
@pytest.mark.parametrize(
    "grants",
    [
        {},
        {BOTH: EVERYTHING},
        {PUBLISHER: PUBLISH},
        {RECEIVER: RECEIVE},
        MEMBERS,
        {**MEMBERS, HUB: EVERYTHING},
        {BOTH: frozenset()},
    ],
    ids=["nobody", "both", "publisher", "receiver", "each", "the hub too", "no rights"],
)
def test_exactly_the_granted_accounts_can(partition, grants):
    where = hub(partition)
    assert violations(where, grants, topic_policy(where, grants)) == set()


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[0-9]{12}", fullmatch=True), st.frozensets(st.sampled_from(list(Right))), max_size=8
    )
)
def test_exactly_the_granted_accounts_can_in_any_federation(grants):
    where = hub()
    assert violations(where, grants, topic_policy(where, grants)) == set()


def add_account(sid: str, account: str) -> Alter:
    def alter(document: Document) -> None:
        statement(document, sid)["Condition"]["StringEquals"]["aws:PrincipalAccount"].append(account)

    return alter


def merged_denies(document: Document) -> None:
    """One Deny with both conditions, which denies only what fails both."""
    endpoints = statement(document, "OnlyItsQueues")
    document["Statement"].remove(endpoints)
    statement(document, "OnlySqs")["Condition"].update(endpoints["Condition"])


def same_sids(document: Document) -> None:
    for each in document["Statement"]:
        each["Sid"] = "Same"


MUTATIONS: dict[str, tuple[Alter, str]] = {
    "no account condition": (condition("Both"), "any account"),
    "an extra account": (add_account("Publish", STRANGER), "not granted: sns:Publish"),
    "a publisher among the receivers": (add_account("Receive", PUBLISHER), "not granted: sns:Subscribe"),
    "a receiver among the publishers": (add_account("Publish", RECEIVER), "not granted: sns:Publish"),
    "NotEquals": (operator("Publish", "StringEquals", "StringNotEquals"), "any account"),
    "IfExists": (operator("Publish", "StringEquals", "StringEqualsIfExists"), "service"),
    "accounts by a pattern": (
        condition("Publish", StringLike={"aws:PrincipalAccount": ["*"]}),
        "any account",
    ),
    "accounts by the start of a pattern": (
        condition("Publish", StringLike={"aws:PrincipalAccount": ["333333333333", "77*"]}),
        "not granted: sns:Publish",
    ),
    "a role of any account": (
        condition("Publish", ArnLike={"aws:PrincipalArn": "arn:aws:iam::*:role/x*"}),
        "any account",
    ),
    "a role of accounts by a pattern": (
        condition("Publish", ArnLike={"aws:PrincipalArn": "arn:aws:iam::77*:role/x*"}),
        "not granted: sns:Publish",
    ),
    "Null in place of the accounts": (condition("Publish", Null={"aws:PrincipalAccount": "false"}), "anonymous"),
    "a member lost": (
        condition("Both", StringEquals={"aws:PrincipalAccount": [STRANGER]}),
        "kept from: sns:Subscribe",
    ),
    "sns:*": (element("Publish", "Action", ["sns:*"]), "administration"),
    "SetTopicAttributes for members": (
        element("Publish", "Action", ["sns:Publish", "sns:SetTopicAttributes"]),
        "administration",
    ),
    "Subscribe for publishers": (element("Publish", "Action", ["sns:Subscribe"]), "not granted: sns:Subscribe"),
    "plain HTTP not denied": (dropped("OnlyTls"), "plain HTTP"),
    "TLS denied": (condition("OnlyTls", Bool={"aws:SecureTransport": "true"}), "plain HTTP"),
    "plain HTTP denied to one account": (
        element("OnlyTls", "Principal", {"AWS": [f"arn:aws:iam::{BOTH}:root"]}),
        "plain HTTP",
    ),
    "plain HTTP not denied for Publish": (element("OnlyTls", "Action", ["sns:Subscribe"]), "plain HTTP"),
    "protocols not denied": (dropped("OnlySqs"), "protocol"),
    "one protocol denied": (
        condition("OnlySqs", StringEquals={"sns:Protocol": "https"}),
        "protocol",
    ),
    "a protocol not given": (
        condition("OnlySqs", StringNotEquals={"sns:Protocol": "sqs"}, Null={"sns:Protocol": "false"}),
        "protocol",
    ),
    "endpoints not denied": (dropped("OnlyItsQueues"), "endpoint"),
    "any queue": (
        condition("OnlyItsQueues", StringNotLike={"sns:Endpoint": "arn:aws:sqs:*:*:*"}),
        "endpoint",
    ),
    "a neighbour's queues": (
        condition("OnlyItsQueues", StringNotLike={"sns:Endpoint": "arn:aws:sqs:*:*:cardio*"}),
        "endpoint",
    ),
    "both Denies in one statement": (merged_denies, "protocol"),
    "two statements of one Sid": (same_sids, "form"),
    "no Id": (lambda document: document.pop("Id"), "form"),
    "any resource": (element("Publish", "Resource", "*"), "form"),
}


@pytest.mark.parametrize(("alter", "caught"), MUTATIONS.values(), ids=MUTATIONS)
def test_an_altered_policy_is_caught(alter, caught):
    where = hub()
    policy = topic_policy(where, MEMBERS)
    assert violations(where, MEMBERS, policy) == set()
    assert caught in violations(where, MEMBERS, altered(policy, alter))


def test_the_topics_account_is_not_named():
    """IAM, "Policy evaluation logic": in its own account an identity policy suffices."""
    where = hub()
    assert HUB not in str([each.get("Condition") for each in topic_policy(where, {HUB: EVERYTHING})["Statement"]])


def test_credentials_in_a_message_cannot_publish():
    """The hub's reader role, whose credentials travel in messages, has nothing on the topic."""
    found = documents(config())
    topic = next(each for each in found if each.kind is Kind.TOPIC)
    assert who_can("sns:Publish", topic.attached_to, found).of(Who.READER_ROLE) == ()
    assert who_can("sns:Publish", topic.attached_to, found).of(Who.NODE) != ()


def test_naming_the_topics_account_would_let_the_reader_role_publish():
    """An Allow to * reaches every role of the topic's own account without an identity policy."""
    found = documents(config())
    topic = next(each for each in found if each.kind is Kind.TOPIC)
    widened = altered(topic.document, add_account("Both", HUB))
    others = [each for each in found if each is not topic]
    answer = who_can("sns:Publish", topic.attached_to, [*others, named(Kind.TOPIC, widened, topic.attached_to, HUB)])
    assert len(answer.of(Who.READER_ROLE)) == 1


def test_only_actions_that_a_topic_policy_accepts():
    """Amazon SNS, API permissions: Actions and resources reference, Valid Amazon SNS policy actions."""
    assert ACTIONS == (
        "sns:AddPermission",
        "sns:DeleteTopic",
        "sns:GetDataProtectionPolicy",
        "sns:GetTopicAttributes",
        "sns:ListSubscriptionsByTopic",
        "sns:ListTagsForResource",
        "sns:Publish",
        "sns:PutDataProtectionPolicy",
        "sns:RemovePermission",
        "sns:SetTopicAttributes",
        "sns:Subscribe",
    )


def test_one_resource_and_it_is_the_topic():
    """Amazon SNS, API permissions: Policy quotas: one resource, which must be the ARN of the policy's topic."""
    where = hub("aws-cn")
    resources = {each["Resource"] for each in topic_policy(where, MEMBERS)["Statement"]}
    assert resources == {f"arn:aws-cn:sns:cn-north-1:{HUB}:cardio"}


def test_every_principal_list_is_one_to_two_hundred():
    """Amazon SNS, API permissions: Policy quotas: 1 to 200 principals; `*` is one, however many accounts."""
    crowd = {f"{n:012d}": EVERYTHING for n in range(1, 601)}
    assert {each["Principal"] for each in topic_policy(hub(), crowd)["Statement"]} == {"*"}


def test_accounts_are_sorted_whatever_the_order():
    """The same members give the same text, so that a preview shows no difference."""
    backwards = dict(reversed(MEMBERS.items()))
    assert topic_policy(hub(), backwards) == topic_policy(hub(), MEMBERS)


def test_an_account_is_listed_once():
    listed = [
        account
        for each in topic_policy(hub(), MEMBERS)["Statement"]
        for account in each["Condition"].get("StringEquals", {}).get("aws:PrincipalAccount", [])
    ]
    assert sorted(listed) == sorted(MEMBERS)
