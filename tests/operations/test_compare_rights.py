"""Who gains and loses which right, told in words."""

from __future__ import annotations

from typing import Any

import pytest

from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import validate
from fedml_infra.operations.compare_rights import compare_rights
from tests.operations.worlds import MEMBER, OTHER


def config(members: list[Any] | None = None, nodes: list[Any] | None = None, **more: Any) -> StackConfig:
    values: dict[str, Any] = {
        "aws:region": "us-east-1",
        "fedml-infra:fed_name": "cardio",
        "fedml-infra:sync_sched": "m30",
        "fedml-infra:fed_secret_key": Ciphertext("x"),
        "fedml-infra:members": members or [],
        "fedml-infra:nodes": nodes or [],
    }
    return validate(values | {f"fedml-infra:{key}": value for key, value in more.items()}, stack="cardio")


def outputs(*members: tuple[str, list[str]], **nodes: str | None) -> dict[str, Any]:
    return {
        "federation": {"members": [{"aws_id": each, "rights": rights} for each, rights in members]},
        "nodes": {pid: {"queue_arn": queue} for pid, queue in nodes.items()},
    }


BOTH = ["publish", "receive"]


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (outputs(), [{"aws_id": MEMBER}], "Account 222222222222 becomes a member: it may publish and receive."),
        (
            outputs((MEMBER, BOTH)),
            [],
            "Account 222222222222 is no longer a member: it may not publish or receive any more. "
            "Its subscriptions are removed.",
        ),
        (
            outputs((MEMBER, BOTH)),
            [{"aws_id": MEMBER, "rights": ["publish"]}],
            "Account 222222222222 may not receive any more. Its subscriptions are removed.",
        ),
        (
            outputs((MEMBER, ["publish"])),
            [{"aws_id": MEMBER, "rights": BOTH}],
            "Account 222222222222 may now also receive.",
        ),
        (
            outputs((MEMBER, ["receive"])),
            [{"aws_id": MEMBER, "rights": ["publish"]}],
            "Account 222222222222 may now also publish, and may not receive any more. Its subscriptions are removed.",
        ),
    ],
)
def test_a_member_s_change_is_one_sentence(before: dict[str, Any], after: list[Any], text: str) -> None:
    (change,) = compare_rights(before, config(after))
    assert str(change) == text


def test_losing_publish_alone_removes_no_subscription() -> None:
    (change,) = compare_rights(outputs((MEMBER, BOTH)), config([{"aws_id": MEMBER, "rights": ["receive"]}]))
    assert str(change) == "Account 222222222222 may not publish any more."


def test_what_stays_is_not_told() -> None:
    assert compare_rights(outputs((MEMBER, BOTH), (OTHER, BOTH)), config([{"aws_id": OTHER}, {"aws_id": MEMBER}])) == ()


def test_a_changed_topology_changes_every_member_s_rights() -> None:
    changes = compare_rights(
        outputs((MEMBER, BOTH), (OTHER, BOTH)),
        config([{"aws_id": MEMBER}, {"aws_id": OTHER}], topology="centralized"),
    )
    assert [(each.who, sorted(each.loses)) for each in changes] == [(MEMBER, ["receive"]), (OTHER, ["receive"])]


NODE = {"pid": "charite", "s3_bucket": "cardio-charite"}


def test_a_new_node_is_told() -> None:
    (change,) = compare_rights({}, config(nodes=[NODE]))
    assert str(change) == "Node charite is new: it may publish and receive."


def test_a_node_that_loses_its_queue_is_told() -> None:
    (change,) = compare_rights(outputs(charite="arn"), config(nodes=[{**NODE, "rights": ["publish"]}]))
    assert str(change) == "Node charite may not receive any more."


def test_a_publish_only_node_that_goes_loses_only_that() -> None:
    (change,) = compare_rights(outputs(charite=None), config())
    assert str(change) == "Node charite goes: it may not publish any more."


def test_a_node_as_it_was_is_not_told() -> None:
    assert compare_rights(outputs(charite="arn"), config(nodes=[NODE])) == ()
