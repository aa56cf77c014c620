"""What two stacks of one repository would both have for their own."""

from __future__ import annotations

from typing import Any

import pytest

from fedml_infra.model.between_stacks import clashes, place
from fedml_infra.model.stack import StackConfig
from tests.model.test_secret_text import made

Config = dict[str, Any]


def stack(name: str, *nodes: Config, **more: Any) -> StackConfig:
    values = {"region": "us-east-1", "fed_name": name, "sync_sched": "m30", "fed_secret_key": made(16)}
    return StackConfig(**{**values, "nodes": list(nodes), **more})


def node(pid: str, bucket: str, **more: Any) -> Config:
    return {"pid": pid, "s3_bucket": bucket, **more}


def told(*configs: StackConfig, values: dict[str, Config] | None = None) -> list[tuple[str, str]]:
    """Stack and place of each clash."""
    placed = place({config.fed_name: config for config in configs}, values or {})
    return [(name, str(finding).split(":")[0]) for name, finding in clashes(placed)]


def test_one_queue_is_claimed_once() -> None:
    found = told(stack("a", node("b_c", "one-bucket")), stack("a_b", node("c", "two-bucket")))
    assert found == [("a", "nodes[0].pid"), ("a_b", "nodes[0].pid")]


def test_another_region_is_another_queue() -> None:
    assert (
        told(stack("a", node("b_c", "one-bucket", aws_region="eu-west-1")), stack("a_b", node("c", "two-bucket"))) == []
    )


@pytest.mark.parametrize("said", ["aws:profile", "aws:allowedAccountIds"])
def test_another_account_is_another_queue(said: str) -> None:
    value: Any = "other" if said == "aws:profile" else ["333333333333"]
    one, two = stack("a", node("b_c", "one-bucket")), stack("a_b", node("c", "two-bucket"))
    assert told(one, two, values={"a": {said: value}}) == []


def test_a_role_and_an_allowed_account_are_one_account() -> None:
    role = {"assume_role": "arn:aws:iam::333333333333:role/deploy"}
    one, two = stack("a", node("b_c", "one-bucket", account=role)), stack("a_b", node("c", "two-bucket"))
    assert len(told(one, two, values={"a_b": {"aws:allowedAccountIds": ["333333333333"]}})) == 2


def test_one_profile_is_one_account() -> None:
    account = {"profile": "insel"}
    one, two = stack("a", node("b_c", "one-bucket", account=account)), stack("a_b", node("c", "two-bucket"))
    assert len(told(one, two, values={"a_b": {"aws:profile": "insel"}})) == 2


def test_a_queue_and_anothers_dead_letters_are_one_queue() -> None:
    assert told(stack("a", node("b", "one-bucket"), node("b_dlq", "two-bucket"))) == [
        ("a", "nodes[0].pid"),
        ("a", "nodes[1].pid"),
    ]


def test_a_bucket_is_made_once() -> None:
    one, two = stack("a", node("x", "bucket/one")), stack("b", node("x", "bucket/two"))
    assert told(one, two) == [("a", "nodes[0].s3_bucket"), ("b", "nodes[0].s3_bucket")]


def test_a_bucket_adopted_by_both_is_shared_by_prefixes() -> None:
    one = stack("a", node("x", "bucket/one", adopt_bucket=True))
    assert told(one, stack("b", node("x", "bucket/two", adopt_bucket=True))) == []


def test_prefixes_do_not_overlap() -> None:
    one = stack("a", node("x", "bucket/one", adopt_bucket=True))
    assert len(told(one, stack("b", node("x", "bucket/one/two", adopt_bucket=True)))) == 2


def test_a_roster_bucket_is_no_nodes() -> None:
    assert len(told(stack("a", roster_bucket="bucket"), stack("b", node("x", "bucket")))) == 2


def test_a_stand_in_is_no_account_that_a_stack_names() -> None:
    members = [{"aws_id": "000000000001"}]
    config = stack("a", node("x", "one-bucket"), members=members)
    assert place({"a": config}, {})["a"].account == "000000000002"
