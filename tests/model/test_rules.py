"""What has to fit between the values of a stack file: names, accounts, regions, rights, buckets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.rules import FILTER_POLICY_LIMIT, MEMBER_LIMITS
from tests.model.stack_values import PUBLIC_KEY, TOPIC, config, hub, joiner, node, only, problems


def members(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"aws_id": f"{100_000_000_000 + n}", **more} for n in range(count)]


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "cn-north-1"])
def test_a_topic_of_another_name_is_refused(region: str) -> None:
    problem = problems(joiner(aws_topic_arn=TOPIC.replace("cardio", "neuro"), region=region))[0]
    assert problem.key == "aws_topic_arn"
    assert "'neuro'" in problem.message


def test_a_topic_of_another_partition_is_refused() -> None:
    problem = only(joiner(region="cn-north-1"))
    assert problem.key == "aws_topic_arn"
    assert "does not cross partitions" in (problem.fix or "")


def test_a_node_in_another_partition_is_refused() -> None:
    problem = only(hub(nodes=[node(aws_region="us-gov-west-1")]))
    assert problem.key == "nodes[0].aws_region"
    assert "aws-us-gov" in problem.message


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sqs:us-east-1:111111111111:cardio",
        "arn:aws:sns:us-east-1:111111111111:cardio.fifo",
        "cardio",
        "arn:aws:sns::111111111111:cardio",
        "arn:aws:sns:us-east-1::cardio",
        "arn:aws:sns:us-east-1:111111111111:a:b",
    ],
)
def test_what_is_no_topics_arn_is_refused(arn: str) -> None:
    assert only(joiner(aws_topic_arn=arn)).key == "aws_topic_arn"


def test_opt_in_to_another_opt_in_region_is_refused() -> None:
    problem = only(hub(region="eu-south-1", nodes=[node(aws_region="af-south-1")]))
    assert problem.key == "nodes[0].aws_region"
    assert "both are opt-in" in problem.message


def test_opt_in_to_opt_in_is_refused_where_the_node_takes_the_stacks_region() -> None:
    problem = only(joiner(aws_topic_arn=TOPIC.replace("us-east-1", "me-south-1"), region="af-south-1"))
    assert problem.key == "nodes[0].aws_region"


@pytest.mark.parametrize(
    ("topic", "queue"), [("eu-south-1", "eu-south-1"), ("eu-south-1", "eu-west-1"), ("eu-west-1", "eu-south-1")]
)
def test_one_opt_in_region_is_right(topic: str, queue: str) -> None:
    assert config(hub(region=topic, nodes=[node(aws_region=queue)]))


def test_a_publish_only_node_may_be_in_any_opt_in_region() -> None:
    """It has no queue that SNS would deliver to."""
    assert config(hub(region="eu-south-1", nodes=[node(aws_region="af-south-1", rights=["publish"])]))


def test_two_nodes_of_one_pid_are_refused() -> None:
    problem = only(hub(nodes=[node("a"), node("a", s3_bucket="other")]))
    assert (problem.key, problem.message) == ("nodes[1].pid", "'a' is nodes[0].pid already")


def test_a_pid_of_a_member_is_taken() -> None:
    assert only(hub(nodes=[node("usz")])).key == "members[1].nodes[0]"


def test_one_account_twice_is_refused() -> None:
    problem = only(hub(members=[{"aws_id": 222222222222}, {"aws_id": "222222222222"}]))
    assert problem.key == "members[1].aws_id"


@pytest.mark.parametrize("values", [hub(fed_name="f" * 40, nodes=[node("p" * 36, s3_bucket="abc")], members=...)])
def test_a_queue_name_over_eighty_says_by_how_much(values: dict[str, Any]) -> None:
    problem = only(values)
    assert problem.key == "nodes[0].pid"
    assert "81 characters" in problem.message
    assert "by 1" in (problem.fix or "")


def test_a_queue_name_of_eighty_is_right() -> None:
    assert config(hub(fed_name="f" * 40, nodes=[node("p" * 35, s3_bucket="abc")], members=...))


def test_a_members_queue_name_is_measured_too() -> None:
    values = hub(fed_name="f" * 40, members=[{"aws_id": "222222222222", "nodes": ["p" * 36]}])
    assert only(values).key == "members[0].nodes[0]"


def test_members_belong_to_the_hub() -> None:
    problem = only(joiner(members=[{"aws_id": "222222222222"}]))
    assert problem.key == "members"
    assert "aws_topic_arn" in (problem.fix or "")


@pytest.mark.parametrize("side", [hub, joiner])
def test_a_roster_bucket_may_be_named_on_either_side(side: Callable[..., dict[str, Any]]) -> None:
    assert config(side(roster_bucket="roster")).roster_bucket == "roster"


def test_a_join_that_waits_is_told_how_it_goes_on() -> None:
    waiting = joiner(fed_secret_key=..., member_key=Ciphertext("x"))
    assert "join --continue" in (only(waiting).fix or "")
    assert "pulumi config set" in (only(joiner(fed_secret_key=...)).fix or "")


def test_the_hubs_public_key_belongs_to_a_joiner() -> None:
    assert only(hub(hub_public_key=PUBLIC_KEY)).key == "hub_public_key"
    assert config(joiner(hub_public_key=PUBLIC_KEY)).hub_public_key == PUBLIC_KEY


@pytest.mark.parametrize("nodes", [..., []])
def test_a_joiner_without_nodes_is_refused(nodes: object) -> None:
    assert only(joiner(nodes=nodes)).key == "nodes"


def test_a_hub_without_nodes_is_right() -> None:
    assert config(hub(nodes=...)).nodes == ()


def test_a_wrong_topic_arn_does_not_make_a_joiner_a_hub() -> None:
    assert [p.key for p in problems(joiner(aws_topic_arn="x", members=[{"aws_id": "222222222222"}]))] == [
        "members",
        "aws_topic_arn",
    ]


def test_hybrid_asks_for_the_rights_of_each() -> None:
    found = problems(hub(topology="hybrid"))
    assert [problem.key for problem in found] == ["members[0].rights", "nodes[0].rights"]
    assert "[publish]" in (found[0].fix or "")


def test_hybrid_with_rights_is_right() -> None:
    assert config(joiner(topology="hybrid", nodes=[node(rights=["receive"])]))


def filtered(receiving: int, **changes: Any) -> dict[str, Any]:
    return hub(members=members(receiving - 1), **changes)


def test_a_filter_for_180_nodes_is_right() -> None:
    assert config(filtered(FILTER_POLICY_LIMIT))


def test_a_filter_for_181_nodes_says_none() -> None:
    problem = only(filtered(FILTER_POLICY_LIMIT + 1))
    assert problem.key == "message_filter"
    assert "message_filter: none" in (problem.fix or "")


def test_without_filter_there_may_be_more() -> None:
    assert config(filtered(FILTER_POLICY_LIMIT + 1, message_filter="none"))


def test_publish_only_members_need_no_filter() -> None:
    assert config(hub(members=members(300, rights=["publish"])))
    assert config(hub(members=members(300), topology="centralized"))


def test_each_node_of_a_member_needs_a_filter() -> None:
    pids = [f"n{n}" for n in range(FILTER_POLICY_LIMIT)]
    assert only(hub(members=[{"aws_id": "222222222222", "nodes": pids}])).key == "message_filter"


@pytest.mark.parametrize(
    ("region", "limit"), [("us-east-1", 600), ("cn-north-1", MEMBER_LIMITS["aws-cn"]), ("us-gov-west-1", 490)]
)
def test_as_many_members_are_right_as_fit_in_the_partition_s_roster_policy(region: str, limit: int) -> None:
    def crowd(number: int) -> dict[str, Any]:
        return {**hub(members=members(number), message_filter="none"), "aws:region": region}

    assert config(crowd(limit))
    assert only(crowd(limit + 1)).key == "members"


@pytest.mark.parametrize(("one", "other"), [("abc", "abc"), ("abc", "abc/x"), ("abc/x", "abc/x/y")])
def test_nodes_that_could_read_each_others_payloads_are_refused(one: str, other: str) -> None:
    entries = [node("a", s3_bucket=one, adopt_bucket=True), node("b", s3_bucket=other, adopt_bucket=True)]
    problem = only(hub(nodes=entries))
    assert problem.key == "nodes[1].s3_bucket"
    assert "overlaps nodes[0]" in problem.message


def test_two_prefixes_of_one_adopted_bucket_are_right() -> None:
    entries = [node("a", s3_bucket="abc/a", adopt_bucket=True), node("b", s3_bucket="abc/b", adopt_bucket=True)]
    assert config(hub(nodes=entries))


def test_a_bucket_is_made_once() -> None:
    problem = only(hub(nodes=[node("a", s3_bucket="abc/a"), node("b", s3_bucket="abc/b")]))
    assert "made once" in problem.message


def test_the_roster_bucket_is_no_nodes_bucket() -> None:
    assert only(hub(roster_bucket="abc", nodes=[node("a", s3_bucket="abc/a")])).key == "nodes[0].s3_bucket"
