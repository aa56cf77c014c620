"""A join that waits: for its admission, for a roster that is to be believed, for its key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fedml_infra.engine.stack_files import StackFile
from fedml_infra.errors import ConfigurationError, RosterError
from fedml_infra.operations.create import existing
from fedml_infra.operations.load import Stack
from fedml_infra.operations.roster import NotAdmittedError
from fedml_infra.operations.waiting_join import (
    awaited_roster,
    own_public_key,
    roster_of,
    take_roster,
    waiting_stack,
)
from fedml_infra.wire.v2.keypairs import member_public_key, new_member_key
from tests.operations.federations import BUCKET, ENTRY, MEMBER_KEY, Party, hub, joiner
from tests.operations.worlds import KEY, MEMBER


@pytest.fixture
def the_hub(tmp_path: Path) -> Party:
    return hub(tmp_path / "hub")


@pytest.fixture
def insel(the_hub: Party, tmp_path: Path) -> Iterator[Party]:
    """A member whose file waits: its key is not in it."""
    made = joiner(the_hub, tmp_path / "insel")
    file = StackFile.read(made.path)
    file.remove("fedml-infra:fed_secret_key")
    file.write()
    made.world.engine._secrets.pop(("cardio", "fedml-infra:fed_secret_key"))
    yield made


def stack(party: Party) -> Stack:
    before = existing(party.path)
    assert before is not None and not before.has_key
    return waiting_stack(before)


def test_the_roster_gives_key_schedule_and_no_more_rights_than_the_file_says(the_hub: Party, insel: Party) -> None:
    the_hub.edit("sync_sched: m30", "sync_sched: m15")
    the_hub.up()
    roster = awaited_roster(stack(insel), insel.world.aws, MEMBER)
    after = take_roster(stack(insel), insel.world.engine, {"insel": MEMBER}, roster)
    assert (str(after.config.sync_sched), insel.key()) == ("m15", KEY)


def test_a_later_epoch_is_written_down(the_hub: Party, insel: Party) -> None:
    the_hub.edit("fedml-infra:sync_sched: m30\n", "fedml-infra:sync_sched: m30\n  fedml-infra:fed_epoch: 4\n")
    the_hub.up()
    roster = awaited_roster(stack(insel), insel.world.aws, MEMBER)
    after = take_roster(stack(insel), insel.world.engine, {"insel": MEMBER}, roster)
    assert after.config.fed_epoch == 4


def test_a_file_that_has_its_key_is_left_alone(insel: Party) -> None:
    waiting = stack(insel)
    roster = awaited_roster(waiting, insel.world.aws, MEMBER)
    take_roster(waiting, insel.world.engine, {"insel": MEMBER}, roster)
    text = insel.path.read_bytes()
    take_roster(waiting, insel.world.engine, {"insel": MEMBER}, roster)
    assert insel.path.read_bytes() == text


def test_a_key_that_is_sealed_to_another_is_not_taken(insel: Party) -> None:
    waiting = stack(insel)
    roster = awaited_roster(waiting, insel.world.aws, MEMBER)
    insel.world.engine.set_secret("cardio", "fedml-infra:member_key", new_member_key())
    text = insel.path.read_bytes()
    with pytest.raises(RosterError, match="sealed to another key"):
        take_roster(waiting, insel.world.engine, {"insel": MEMBER}, roster)
    assert insel.path.read_bytes() == text


def test_an_account_that_is_not_on_it_waits_as_long_as_was_asked(the_hub: Party, insel: Party) -> None:
    the_hub.edit(f"    - {ENTRY}\n", '    - {aws_id: "999999999999"}\n')
    the_hub.up()
    pauses: list[float] = []

    def admitted_meanwhile(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            the_hub.edit('    - {aws_id: "999999999999"}\n', f"    - {ENTRY}\n")
            the_hub.up()

    with pytest.raises(NotAdmittedError, match="not admitted"):
        awaited_roster(stack(insel), insel.world.aws, MEMBER, wait=admitted_meanwhile)
    assert pauses == []
    found = awaited_roster(stack(insel), insel.world.aws, MEMBER, patience=600.0, wait=admitted_meanwhile)
    assert found.member(MEMBER) and pauses == [5.0] * 3


def test_a_roster_of_somebody_else_ends_the_waiting(insel: Party) -> None:
    rosters = insel.world.aws.rosters
    rosters[BUCKET] = replace(rosters[BUCKET], body=b"{}")
    with pytest.raises(RosterError):
        awaited_roster(stack(insel), insel.world.aws, MEMBER, patience=600.0)
    with pytest.raises(RosterError):
        roster_of(stack(insel), b"{}")


def test_its_own_key_is_needed(insel: Party) -> None:
    assert own_public_key("cardio", insel.world.engine) == member_public_key(MEMBER_KEY)
    insel.world.engine._secrets.clear()
    with pytest.raises(ConfigurationError, match="no member_key"):
        own_public_key("cardio", insel.world.engine)
