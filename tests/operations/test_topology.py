"""A change of topology: who follows it, who is an exception and stays, and that hybrid says everything."""

from __future__ import annotations

from typing import Any

import pytest

from fedml_infra.errors import ConfigurationError
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY, Topology
from fedml_infra.model.validation import NAMESPACE, validate
from fedml_infra.operations.rotate import losers, rights_of
from fedml_infra.operations.topology import exempt, parse_topology, set_topology
from tests.operations.worlds import MEMBER, OTHER


def values(topology: str | None, *members: dict[str, Any], node: dict[str, Any] | None = None) -> dict[str, Any]:
    given: dict[str, Any] = {
        "fed_name": "cardio",
        "sync_sched": "m30",
        "fed_secret_key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "members": [{"aws_id": account, **more} for account, more in zip((MEMBER, OTHER), members, strict=False)],
        "nodes": [{"pid": "charite", "s3_bucket": "cardio-charite", **(node or {})}],
    }
    if topology is not None:
        given["topology"] = topology
    return {"aws:region": "us-east-1", **{NAMESPACE + key: value for key, value in given.items()}}


def changed(given: dict[str, Any], to: Topology) -> dict[str, Any]:
    edit = set_topology(validate(given, stack="cardio"), to)
    edit(given)
    once = str(given)
    edit(given)
    assert str(given) == once, "a second time changes nothing"
    return given


def rights(given: dict[str, Any]) -> dict[str, Any]:
    config = validate(given, stack="cardio")
    return {**rights_of(config), **{node.pid: config.node_rights(node) for node in config.nodes}}


def test_centralized_takes_receive_from_members_and_not_from_own_nodes() -> None:
    after = changed(values(None, {}), Topology.CENTRALIZED)
    assert rights(after) == {MEMBER: PUBLISH_ONLY, "charite": BOTH}
    assert losers({MEMBER: BOTH}, {MEMBER: PUBLISH_ONLY}) == (MEMBER,)


def test_decentralized_gives_it_back() -> None:
    assert rights(changed(values("centralized", {}), Topology.DECENTRALIZED))[MEMBER] == BOTH


def test_rights_that_are_what_the_old_topology_gives_follow_the_new_one() -> None:
    given = values(None, {"rights": ["publish", "receive"]})
    assert exempt(validate(given, stack="cardio"), Topology.CENTRALIZED) == ()
    assert rights(changed(given, Topology.CENTRALIZED))[MEMBER] == PUBLISH_ONLY


def test_rights_that_are_an_exception_stay_and_are_told() -> None:
    given = values(None, {"rights": ["receive"]}, {}, node={"rights": ["publish"]})
    told = [str(each) for each in exempt(validate(given, stack="cardio"), Topology.CENTRALIZED)]
    assert told == [
        f"Account {MEMBER} keeps what was given to it: receive.",
        "Node charite keeps what was given to it: publish.",
    ]
    after = rights(changed(given, Topology.CENTRALIZED))
    assert (after[MEMBER], after["charite"]) == (frozenset({"receive"}), PUBLISH_ONLY)


def test_a_narrow_exception_is_not_widened() -> None:
    given = values(None, {"rights": ["publish"]})
    assert rights(changed(changed(given, Topology.CENTRALIZED), Topology.CENTRALIZED))[MEMBER] == PUBLISH_ONLY


@pytest.mark.parametrize("topology", [None, "centralized"])
def test_hybrid_writes_down_what_each_has(topology: str | None) -> None:
    given = values(topology, {}, {"rights": ["receive"]})
    before = rights(given)
    after = changed(given, Topology.HYBRID)
    assert rights(after) == before
    assert all("rights" in entry for key in ("members", "nodes") for entry in after[NAMESPACE + key])


def test_from_hybrid_nothing_stays_given() -> None:
    given = values("hybrid", {"rights": ["receive"]}, {"rights": ["publish"]}, node={"rights": ["publish"]})
    assert exempt(validate(given, stack="cardio"), Topology.CENTRALIZED) == ()
    after = changed(given, Topology.CENTRALIZED)
    assert rights(after) == {MEMBER: PUBLISH_ONLY, OTHER: PUBLISH_ONLY, "charite": BOTH}
    assert not any("rights" in entry for key in ("members", "nodes") for entry in after[NAMESPACE + key])


def test_the_topology_that_it_has_already_leaves_the_file_alone() -> None:
    given = values(None, {"rights": ["publish", "receive"]})
    before = str(given)
    assert str(changed(given, Topology.DECENTRALIZED)) == before


def test_a_topology_is_read_by_its_name() -> None:
    assert parse_topology("hybrid") is Topology.HYBRID
    with pytest.raises(ConfigurationError, match="topology") as refused:
        parse_topology("centralised")
    assert refused.value.fix == "did you mean centralized?"
