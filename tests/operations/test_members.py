"""Who is in a federation, granted and in force and subscribed; and how one entry is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from fedml_infra.aws.subscriptions import Subscription
from fedml_infra.errors import ConfigurationError
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY, Right
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import NAMESPACE, validate
from fedml_infra.operations.members import (
    MemberRow,
    after_removal,
    member_rows,
    parse_rights,
    remove_member,
    require_member,
    set_rights,
)
from tests.operations.worlds import MEMBER, OTHER, OWN

TOPIC = f"arn:aws:sns:us-east-1:{OWN}:cardio"
KEY = "A" * 43 + "="
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Recorded:
    since: datetime | None = None
    epoch: int | None = None


def values(members: Any, **more: Any) -> dict[str, Any]:
    given = {
        "fed_name": "cardio",
        "sync_sched": "m30",
        "fed_secret_key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "members": members,
        **more,
    }
    return {"aws:region": "us-east-1", **{NAMESPACE + key: value for key, value in given.items()}}


def config(members: Any, **more: Any) -> StackConfig:
    return validate(values(members, **more), stack="cardio")


def outputs(*members: dict[str, Any]) -> dict[str, Any]:
    return {"federation": {"topic_arn": TOPIC, "epoch": 1, "members": list(members)}, "nodes": {}}


def made(account: str, *rights: str) -> dict[str, Any]:
    return {"aws_id": account, "rights": list(rights), "nodes": ["usz"]}


def subscription(endpoint: str, owner: str, protocol: str = "sqs", arn: str = f"{TOPIC}:1") -> Subscription:
    return Subscription(arn, protocol, endpoint, owner, TOPIC)


def queue(account: str, name: str) -> str:
    return f"arn:aws:sqs:us-east-1:{account}:{name}"


def one(stack: StackConfig, made: dict[str, Any], *rows: Subscription, **seen: Recorded) -> MemberRow:
    (row,) = member_rows(stack, made, rows, {account.removeprefix("_"): known for account, known in seen.items()})
    return row


def test_a_member_is_told_whole() -> None:
    stack = config([{"aws_id": MEMBER, "nodes": ["insel"], "public_key": KEY}])
    own = queue(MEMBER, "cardio_insel")
    row = one(
        stack,
        outputs(made(MEMBER, "publish", "receive")),
        subscription(own, MEMBER),
        **{f"_{MEMBER}": Recorded(MOMENT, 3)},
    )
    assert row.as_json() == {
        "aws_id": MEMBER,
        "state": "member",
        "rights": ["publish", "receive"],
        "in_force": ["publish", "receive"],
        "pids": ["insel"],
        "subscribed": [own],
        "version": "v2",
        "since": "2026-03-01T00:00:00+00:00",
        "epoch": 3,
    }


@pytest.mark.parametrize(
    ("members", "now", "state"),
    [
        ([{"aws_id": MEMBER}], (), "to_come"),
        ([{"aws_id": MEMBER}], ("publish",), "to_come"),
        ([{"aws_id": MEMBER, "rights": ["publish"]}], ("publish", "receive"), "to_go"),
        ([], ("publish",), "to_go"),
        ([{"aws_id": MEMBER, "rights": ["publish"]}], ("publish",), "member"),
    ],
)
def test_what_is_granted_is_told_from_what_is_in_force(members: Any, now: tuple[str, ...], state: str) -> None:
    assert one(config(members), outputs(*([made(MEMBER, *now)] if now else []))).state == state


def test_a_member_that_was_taken_out_and_still_receives_is_listed_with_its_queues() -> None:
    row = one(config([]), outputs(made(MEMBER, "publish")), subscription(queue(MEMBER, "cardio_usz"), MEMBER))
    assert (row.granted, row.pids, row.sealed) == (frozenset(), ("usz",), False)
    assert row.subscribed == (queue(MEMBER, "cardio_usz"),)


@pytest.mark.parametrize(
    "row",
    [
        subscription(queue(OTHER, "cardio_x"), OTHER),
        subscription("eve@example.org", MEMBER, protocol="email"),
        subscription(queue(MEMBER, "cardio_insel"), MEMBER, arn="PendingConfirmation"),
    ],
)
def test_strangers_and_what_is_no_subscription_yet_are_no_queue_of_a_member(row: Subscription) -> None:
    assert one(config([{"aws_id": MEMBER}]), {}, row).subscribed == ()


def test_nothing_is_made_up_of_a_member_that_nobody_recorded() -> None:
    row = one(config([{"aws_id": MEMBER}]), {})
    assert (row.since, row.epoch, row.as_json()["version"], row.as_json()["since"]) == (None, None, "v1", None)


@pytest.mark.parametrize(
    ("text", "rights"),
    [
        ("publish", PUBLISH_ONLY),
        ("receive", frozenset({Right.RECEIVE})),
        ("publish,receive", BOTH),
        ("receive, publish", BOTH),
    ],
)
def test_rights_are_read(text: str, rights: frozenset[Right]) -> None:
    assert parse_rights(text) == rights


@pytest.mark.parametrize("text", ["", ",", "publsh", "publish,admin"])
def test_rights_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="rights"):
        parse_rights(text)


@pytest.mark.parametrize(
    ("topology", "rights", "said"),
    [
        ("decentralized", PUBLISH_ONLY, ["publish"]),
        ("decentralized", BOTH, None),
        ("centralized", PUBLISH_ONLY, None),
        ("centralized", BOTH, ["publish", "receive"]),
        ("hybrid", BOTH, ["publish", "receive"]),
    ],
)
def test_rights_are_written_only_where_the_topology_does_not_give_them(
    topology: str, rights: frozenset[Right], said: list[str] | None
) -> None:
    edited = values([{"aws_id": OTHER, "rights": ["receive"]}, {"aws_id": MEMBER, "rights": ["receive"]}])
    edited[NAMESPACE + "topology"] = topology
    set_rights(validate(edited, stack="cardio"), MEMBER, rights)(edited)
    assert edited[NAMESPACE + "members"][0] == {"aws_id": OTHER, "rights": ["receive"]}
    assert edited[NAMESPACE + "members"][1].get("rights") == said


def test_entries_that_pulumi_wrote_as_text_are_edited_too() -> None:
    edited = values(f'[{{"aws_id": "{MEMBER}"}}, {{"aws_id": "{OTHER}"}}]')
    stack = validate(edited, stack="cardio")
    set_rights(stack, MEMBER, PUBLISH_ONLY)(edited)
    remove_member(stack, {}, OTHER)(edited)
    assert edited[NAMESPACE + "members"] == [{"aws_id": MEMBER, "rights": ["publish"]}]


def test_the_last_member_takes_the_key_with_it() -> None:
    edited = values([{"aws_id": 222222222222}])
    edit = remove_member(validate(edited, stack="cardio"), {}, MEMBER)
    for _ in range(2):
        edit(edited)
        assert NAMESPACE + "members" not in edited


def test_an_account_that_is_no_member_is_refused_with_those_that_are() -> None:
    stack = config([{"aws_id": MEMBER}])
    with pytest.raises(ConfigurationError, match=f"Account {OTHER} is no member of cardio") as refused:
        set_rights(stack, OTHER, BOTH)
    assert refused.value.fix == f"Its members are {MEMBER}."
    with pytest.raises(ConfigurationError) as refused:
        require_member(config([]), OTHER)
    assert refused.value.fix == "It has no members."


def test_a_removal_that_was_begun_is_no_mistake() -> None:
    remove_member(config([]), outputs(made(MEMBER, "publish")), MEMBER)
    remove_member(config([]), {}, MEMBER, was=lambda account: account == MEMBER)
    with pytest.raises(ConfigurationError):
        remove_member(config([]), {}, MEMBER)


def test_what_a_removal_does_not_undo_at_once_is_told() -> None:
    text = " ".join(after_removal(config([])))
    assert "72 hours" in text and "in an hour" in text and "has not synchronised" in text
    assert "in an hour" not in " ".join(after_removal(config([], sharing="bucket_policy")))
