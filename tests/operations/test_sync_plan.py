"""What a roster changes in a member's file, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from fedml_infra.errors import RosterError
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY, Right, Rights, Topology
from fedml_infra.model.schedule import Schedule
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import NAMESPACE, validate
from fedml_infra.operations.sync_plan import SyncPlan, joined_in_force, plan_sync, queues_to_go
from fedml_infra.wire.v2.roster import Entry, Roster
from tests.operations.federations import TOPIC
from tests.operations.worlds import MEMBER, OTHER

RECEIVE_ONLY: Rights = frozenset({Right.RECEIVE})


def roster(
    rights: Rights = BOTH,
    *,
    epoch: int = 1,
    sched: str = "m30",
    topology: Topology = Topology.DECENTRALIZED,
    nodes: tuple[str, ...] = (),
    account: str = MEMBER,
) -> Roster:
    entry = Entry(aws_id=account, rights=rights, nodes=nodes, public_key=None, sealed_key=None)
    return Roster(
        fed_name="cardio",
        aws_topic_arn=TOPIC,
        fed_epoch=epoch,
        sync_sched=Schedule.parse(sched),
        topology=topology,
        members=(entry,),
    )


def values(nodes: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    given = {
        "fed_name": "cardio",
        "sync_sched": "m30",
        "fed_secret_key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "aws_topic_arn": TOPIC,
        "nodes": nodes or [{"pid": "insel", "s3_bucket": "insel-fed"}],
        **more,
    }
    return {"aws:region": "us-east-1", **{NAMESPACE + key: value for key, value in given.items()}}


def config(nodes: list[dict[str, Any]] | None = None, **more: Any) -> StackConfig:
    return validate(values(nodes, **more), stack="cardio")


def planned(of: Roster, stack: StackConfig, **more: Any) -> SyncPlan:
    return plan_sync(of, stack, {node.pid: MEMBER for node in stack.nodes}, **more)


def after(of: Roster, nodes: list[dict[str, Any]] | None = None, how: dict[str, Any] | None = None, **more: Any) -> Any:
    """The first node's entry once the plan is carried out."""
    edited = values(nodes, **more)
    plan = planned(of, validate(edited, stack="cardio"), **(how or {}))
    plan.apply(edited)
    result = validate(edited, stack="cardio")
    assert planned(of, result, **(how or {})).rights == {}, "a second time changes nothing"
    return edited[NAMESPACE + "nodes"][0]


def test_a_roster_that_says_what_the_file_says_changes_nothing() -> None:
    plan = planned(roster(), config())
    assert not plan.changes_file
    assert (plan.changes, plan.warnings, plan.held_back) == ((), (), ())


def test_a_later_epoch_brings_a_new_key() -> None:
    plan = planned(roster(epoch=2), config())
    assert (plan.new_key, plan.account, plan.epoch) == (True, MEMBER, 2)
    assert plan.changes == ("The key is of epoch 2 (it was 1).",)


def test_keys_that_were_never_picked_up_are_told() -> None:
    assert planned(roster(epoch=2), config()).warnings == ()
    assert planned(roster(epoch=4), config()).warnings == (
        "The key of epoch 2 and 3 was never picked up here: what it sealed stays closed.",
    )


def test_schedule_and_topology_follow() -> None:
    plan = planned(roster(PUBLISH_ONLY, sched="m15", topology=Topology.CENTRALIZED), config())
    assert plan.values == {NAMESPACE + "sync_sched": "m15", NAMESPACE + "topology": "centralized"}
    assert plan.changes == (
        "The schedule is m15 (it was m30).",
        "The topology is centralized (it was decentralized).",
        "Node insel may not receive any more.",
    )


@pytest.mark.parametrize(
    ("rights", "topology", "entry", "said"),
    [
        (BOTH, Topology.DECENTRALIZED, {}, None),
        (PUBLISH_ONLY, Topology.DECENTRALIZED, {}, ["publish"]),
        (BOTH, Topology.DECENTRALIZED, {"rights": ["publish"]}, None),
        (RECEIVE_ONLY, Topology.DECENTRALIZED, {"rights": ["publish"]}, ["receive"]),
        (BOTH, Topology.DECENTRALIZED, {"rights": ["publish", "receive"]}, ["publish", "receive"]),
        (PUBLISH_ONLY, Topology.CENTRALIZED, {}, None),
        (BOTH, Topology.CENTRALIZED, {}, ["publish", "receive"]),
        (BOTH, Topology.HYBRID, {}, ["publish", "receive"]),
        (PUBLISH_ONLY, Topology.HYBRID, {"rights": ["publish", "receive"]}, ["publish"]),
    ],
)
def test_a_node_gets_what_its_account_is_granted(
    rights: Rights, topology: Topology, entry: dict[str, Any], said: list[str] | None
) -> None:
    node = {"pid": "insel", "s3_bucket": "insel-fed", **entry}
    assert after(roster(rights, topology=topology), [node]).get("rights") == said


def test_rights_may_be_kept_where_the_account_gets_more() -> None:
    node = {"pid": "insel", "s3_bucket": "insel-fed", "rights": ["publish"]}
    assert after(roster(), [node], {"keep_rights": True})["rights"] == ["publish"]


def test_kept_rights_go_where_the_account_loses_them() -> None:
    node = {"pid": "insel", "s3_bucket": "insel-fed", "rights": ["publish"]}
    assert after(roster(RECEIVE_ONLY), [node], {"keep_rights": True})["rights"] == ["receive"]


def test_a_protected_queue_stays_until_somebody_agrees() -> None:
    stack = config(protect=True)
    held = planned(roster(PUBLISH_ONLY), stack)
    assert (held.held_back, held.rights, held.changes) == (("insel",), {}, ())
    agreed = planned(roster(PUBLISH_ONLY), stack, may_drop_queues=True)
    assert (agreed.held_back, agreed.rights) == ((), {"insel": ["publish"]})


def test_a_held_back_node_keeps_its_rights_under_the_new_topology() -> None:
    entry = after(roster(PUBLISH_ONLY, topology=Topology.CENTRALIZED), protect=True)
    assert entry["rights"] == ["publish", "receive"]


def test_a_queue_without_protection_goes_unasked() -> None:
    assert planned(roster(PUBLISH_ONLY), config()).held_back == ()


def test_who_is_not_on_the_roster_is_refused() -> None:
    with pytest.raises(RosterError) as refused:
        planned(roster(account=OTHER), config())
    assert refused.value.refusal == "not_a_member"


def test_one_of_several_accounts_that_is_not_on_it_is_told() -> None:
    stack = config(
        [
            {"pid": "insel", "s3_bucket": "insel-fed"},
            {"pid": "usz", "s3_bucket": "usz-fed", "account": {"profile": "z"}},
        ]
    )
    plan = plan_sync(roster(PUBLISH_ONLY), stack, {"insel": MEMBER, "usz": OTHER})
    assert plan.rights == {"insel": ["publish"]}
    assert plan.warnings == (f"Node usz: account {OTHER} is not on the roster, and may do nothing.",)


def test_a_node_that_the_hub_does_not_list_is_told() -> None:
    (warning,) = planned(roster(nodes=("usz",)), config()).warnings
    assert "Node insel is not among the nodes" in warning


def test_rights_follow_in_a_list_that_pulumi_wrote_as_text() -> None:
    edited = values()
    edited[NAMESPACE + "nodes"] = '[{"pid": "insel", "s3_bucket": "insel-fed"}]'
    planned(roster(PUBLISH_ONLY), validate(edited, stack="cardio")).apply(edited)
    assert edited[NAMESPACE + "nodes"] == [{"pid": "insel", "s3_bucket": "insel-fed", "rights": ["publish"]}]


OUTPUTS: dict[str, Any] = {
    "federation": {
        "name": "cardio",
        "topology": "decentralized",
        "schedule": "m30",
        "epoch": 1,
        "topic_arn": TOPIC,
        "roster_bucket": "fedml-cardio-111111111111-us-east-1",
        "members": [],
    },
    "nodes": {"insel": {"queue_arn": "arn:aws:sqs:us-east-1:222222222222:cardio_insel"}},
}


def test_a_run_that_ended_with_all_of_it_is_in_force() -> None:
    assert joined_in_force(config(), OUTPUTS)


@pytest.mark.parametrize(
    "more",
    [
        {"fed_epoch": 2},
        {"sync_sched": "m15"},
        {"topology": "centralized"},
        {"nodes": [{"pid": "insel", "s3_bucket": "insel-fed", "rights": ["publish"]}]},
        {"nodes": [{"pid": "usz", "s3_bucket": "usz-fed"}]},
    ],
)
def test_a_file_that_says_more_than_the_last_run_is_not(more: dict[str, Any]) -> None:
    assert not joined_in_force(
        validate({**values(), **{NAMESPACE + k: v for k, v in more.items()}}, stack="cardio"), OUTPUTS
    )


def test_queues_that_are_to_go_are_those_that_are_there() -> None:
    stack = config([{"pid": "insel", "s3_bucket": "insel-fed", "rights": ["publish"]}])
    assert queues_to_go(stack, OUTPUTS) == ("insel",)
    assert queues_to_go(stack, {}) == ()
    assert queues_to_go(config(), OUTPUTS) == ()
