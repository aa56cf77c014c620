"""Quotas that are far, near and passed."""

from __future__ import annotations

from typing import Any

import pytest

from fedml_infra.errors import PolicyError
from fedml_infra.operations.checks import quotas
from fedml_infra.operations.checks.finding import Status
from tests.operations.graph.graphs import OWN, config


def sizes(**more: Any) -> Any:
    return quotas.policy_sizes(config(**more), account=OWN, node_accounts={"charite": OWN})


def accounts(number: int) -> list[dict[str, Any]]:
    return [{"aws_id": f"{500_000_000_000 + at}"} for at in range(number)]


def test_small_policies_are_far_from_their_limits() -> None:
    found = sizes()
    assert found.status is Status.OK
    assert "node policy" in found.told


def test_the_fullest_policy_is_named_when_it_is_near() -> None:
    found = sizes(members=accounts(550), message_filter="none")
    assert found.status is Status.WARN
    assert f"bucket policy of fedml-cardio-{OWN}-us-east-1" in found.told


def test_a_policy_that_aws_would_refuse_fails() -> None:
    full = config(members=accounts(600), message_filter="none")
    more = tuple(each.model_copy(update={"aws_id": str(int(each.aws_id) + 1000)}) for each in full.members)
    beyond = full.model_copy(update={"members": (*full.members, *more)})
    with pytest.raises(PolicyError, match="AWS takes"):
        quotas.policy_sizes(beyond, account=OWN, node_accounts={"charite": OWN})


@pytest.mark.parametrize(
    ("subscribed", "status", "code"),
    [(0, Status.OK, 0), (159, Status.OK, 0), (160, Status.WARN, 0), (200, Status.WARN, 0), (201, Status.FAIL, 4)],
)
def test_filter_policies(subscribed: int, status: Status, code: int) -> None:
    found = quotas.filter_policies(config(), subscribed)
    assert (found.status, found.exit_code) == (status, code)


def test_before_it_is_up_the_stack_file_s_nodes_are_counted() -> None:
    members = [{"aws_id": "222222222222", "nodes": ["a", "b"]}, {"aws_id": "333333333333", "rights": ["publish"]}]
    assert quotas.filter_policies(config(members=members), None).told.startswith("3 of 200")


def test_without_filters_there_is_nothing_to_count() -> None:
    assert quotas.filter_policies(config(message_filter="none"), 999).status is Status.OK
