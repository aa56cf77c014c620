"""A change of a hub: foreseen, written with its rotation in one step, brought up, published; cut off anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fedml_infra.engine.protocol import RunOptions
from fedml_infra.errors import ConfigurationError, ResourceError
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY, Right
from fedml_infra.model.schedule import Schedule
from fedml_infra.operations.hub_change import (
    Applied,
    Edit,
    HubPlan,
    apply_hub_change,
    plan_hub_change,
    require_hub,
)
from fedml_infra.operations.load import load_stack
from fedml_infra.operations.members import remove_member, set_rights
from fedml_infra.operations.schedule import parse_schedule, set_schedule
from fedml_infra.wire.v2.keypairs import hub_public_key
from fedml_infra.wire.v2.roster import Roster, read_roster
from tests.operations.federations import BUCKET, ENTRY, TOPIC, Party, hub, joiner
from tests.operations.worlds import MEMBER, OTHER

ANOTHER = f'{{aws_id: "{OTHER}"}}'


@pytest.fixture
def the_hub(tmp_path: Path) -> Party:
    return hub(tmp_path / "hub", members=f"{ENTRY}\n{ANOTHER}")


def nothing(_: dict[str, Any]) -> None:
    """No change at all."""


def planned(the_hub: Party, edit: Edit, *, rotate: bool = False) -> HubPlan:
    return plan_hub_change(load_stack(the_hub.world.project, "cardio"), the_hub.outputs, edit, rotate=rotate)


def applied(the_hub: Party, edit: Edit, *, rotate: bool = False) -> Applied:
    return apply_hub_change(
        the_hub.world.project, the_hub.recovery(), the_hub.outputs, edit, RunOptions(), rotate=rotate
    )


def removal(the_hub: Party, account: str = OTHER) -> Edit:
    return remove_member(the_hub.config, the_hub.outputs, account)


def published(the_hub: Party) -> Roster:

    signer = the_hub.key("fedml-infra:hub_key")
    assert signer is not None
    return read_roster(
        the_hub.world.aws.rosters[BUCKET].body,
        hub_public_key=hub_public_key(SecretStr(signer)),
        fed_name="cardio",
        aws_topic_arn=TOPIC,
    )


def test_a_removal_is_foreseen_with_its_rotation(the_hub: Party) -> None:
    plan = planned(the_hub, removal(the_hub))
    assert [(change.who, change.after) for change in plan.rights] == [(OTHER, frozenset())]
    assert (plan.rotates_to, plan.because_of, plan.cut_off, plan.in_force) == (2, (OTHER,), (), False)
    assert the_hub.config.fed_epoch == 1


def test_members_that_a_rotation_cuts_off_are_foreseen(the_hub: Party) -> None:
    assert planned(the_hub, removal(the_hub, MEMBER)).cut_off == (OTHER,)
    assert planned(the_hub, nothing).cut_off == ()


def test_a_removal_takes_rights_key_and_roster_in_one_go(the_hub: Party) -> None:
    key = the_hub.key()
    done = applied(the_hub, removal(the_hub))
    assert (done.rotated, done.config.fed_epoch) == (True, 2)
    assert [member.aws_id for member in done.config.members] == [MEMBER]
    assert the_hub.key() != key
    assert [each["aws_id"] for each in the_hub.outputs["federation"]["members"]] == [MEMBER]
    roster = published(the_hub)
    assert (roster.fed_epoch, [each.aws_id for each in roster.members]) == (2, [MEMBER])


def test_a_removal_done_again_changes_nothing(the_hub: Party) -> None:
    edit = removal(the_hub)
    applied(the_hub, edit)
    key, etag = the_hub.key(), the_hub.world.aws.rosters[BUCKET].etag
    assert planned(the_hub, edit).in_force
    assert not applied(the_hub, edit).rotated
    assert (the_hub.key(), the_hub.world.aws.rosters[BUCKET].etag) == (key, etag)


def test_a_removal_cut_off_in_the_run_goes_on_with_its_rotation(the_hub: Party) -> None:
    the_hub.world.engine.faults["cardio"] = ResourceError("cut off")
    with pytest.raises(ResourceError, match="cut off"):
        applied(the_hub, removal(the_hub))
    key = the_hub.key()
    the_hub.world.engine.faults.clear()
    edit = removal(the_hub)  # the file has it no more, the last run has
    plan = planned(the_hub, edit)
    assert (plan.rotates_to, plan.because_of, plan.in_force) == (2, (OTHER,), False)
    done = applied(the_hub, edit)
    assert (done.rotated, done.config.fed_epoch, the_hub.key()) == (False, 2, key)
    assert published(the_hub).fed_epoch == 2


def test_a_removal_cut_off_before_the_roster_publishes_it(the_hub: Party) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ResourceError("cut off")

    put = the_hub.world.aws.put_roster
    the_hub.world.aws.put_roster = refuse  # type: ignore[method-assign]
    with pytest.raises(ResourceError, match="cut off"):
        applied(the_hub, removal(the_hub))
    assert published(the_hub).fed_epoch == 1
    the_hub.world.aws.put_roster = put  # type: ignore[method-assign]
    done = applied(the_hub, nothing)
    assert (done.run, done.rotated) == (None, False)
    assert published(the_hub).fed_epoch == 2


def test_a_removal_by_hand_is_foreseen_and_made_good_by_any_change(the_hub: Party) -> None:
    the_hub.edit(f"    - {ANOTHER}\n", "")
    edit = set_schedule(Schedule.parse("m15"))
    assert planned(the_hub, edit).rotates_to == 2
    done = applied(the_hub, edit)
    assert (done.rotated, done.config.fed_epoch) == (True, 2)


def test_two_removals_rotate_twice_and_lose_none(the_hub: Party) -> None:
    applied(the_hub, removal(the_hub))
    applied(the_hub, removal(the_hub, MEMBER))
    assert (the_hub.config.fed_epoch, the_hub.config.members) == (3, ())
    assert "members" not in the_hub.path.read_text(encoding="utf-8")


def test_a_removal_while_another_s_rotation_is_under_way_rotates_too(the_hub: Party) -> None:
    """Whoever goes second may have been given the key of the first rotation, by a run that is not recorded yet."""
    the_hub.world.engine.faults["cardio"] = ResourceError("cut off")
    with pytest.raises(ResourceError, match="cut off"):
        applied(the_hub, removal(the_hub))
    the_hub.world.engine.faults.clear()
    assert planned(the_hub, removal(the_hub, MEMBER)).rotates_to == 3
    assert applied(the_hub, removal(the_hub, MEMBER)).config.fed_epoch == 3


def test_rotating_by_hand_rotates_once(the_hub: Party) -> None:
    plan = planned(the_hub, nothing, rotate=True)
    assert (plan.rotates_to, plan.because_of, plan.cut_off) == (2, (), (OTHER,))
    assert applied(the_hub, nothing, rotate=True).config.fed_epoch == 2
    assert applied(the_hub, nothing, rotate=True).config.fed_epoch == 3


def test_a_rotation_that_was_cut_off_is_not_begun_again(the_hub: Party) -> None:
    the_hub.world.engine.faults["cardio"] = ResourceError("cut off")
    with pytest.raises(ResourceError, match="cut off"):
        applied(the_hub, nothing, rotate=True)
    the_hub.world.engine.faults.clear()
    assert planned(the_hub, nothing, rotate=True).rotates_to == 2
    done = applied(the_hub, nothing, rotate=True)
    assert (done.rotated, done.config.fed_epoch) == (False, 2)


def test_rights_that_are_taken_rotate_and_others_do_not(the_hub: Party) -> None:
    assert planned(the_hub, set_rights(the_hub.config, OTHER, PUBLISH_ONLY)).rotates_to == 2
    assert planned(the_hub, set_rights(the_hub.config, OTHER, frozenset({Right.RECEIVE}))).rotates_to is None
    assert planned(the_hub, set_rights(the_hub.config, OTHER, BOTH)).in_force


def test_an_edit_with_a_mistake_is_refused_before_anything(the_hub: Party) -> None:
    def wrong(values: dict[str, Any]) -> None:
        values["fedml-infra:sync_sched"] = "30"

    before = the_hub.path.read_bytes()
    for act in (planned, applied):
        with pytest.raises(ConfigurationError, match="sync_sched"):
            act(the_hub, wrong)
    assert the_hub.path.read_bytes() == before


def test_a_schedule_is_set_and_published(the_hub: Party) -> None:
    plan = planned(the_hub, set_schedule(Schedule.parse("m15")))
    assert (plan.rights, plan.rotates_to, plan.in_force) == ((), None, False)
    applied(the_hub, set_schedule(Schedule.parse("m15")))
    assert str(published(the_hub).sync_sched) == "m15"


def test_a_schedule_that_is_none_shows_what_was_meant() -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_schedule("15m")
    assert refused.value.fix == "write m15"


def test_a_joiner_is_told_who_decides(the_hub: Party, tmp_path: Path) -> None:
    insel = joiner(the_hub, tmp_path / "insel")
    with pytest.raises(ConfigurationError, match="decided by the hub of cardio, in account 111111111111") as refused:
        require_hub(insel.config, "The schedule")
    assert "fedml-infra sync cardio" in (refused.value.fix or "")
    require_hub(the_hub.config, "The schedule")
