"""A key is rotated once for each removal, whoever made it, and the old one stays for one retention."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from fedml_infra.engine.protocol import RunOptions
from fedml_infra.model.fields import OldKey, old_keys
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY
from fedml_infra.model.validation import FED_KEY, OLD_KEYS
from fedml_infra.operations.load import load_stack
from fedml_infra.operations.roster import publish_roster
from fedml_infra.operations.rotate import (
    EPOCH,
    KeyRing,
    cut_off_by_rotation,
    losers,
    overdue,
    told_of_cut_off,
    under_way,
)
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.shared_up import shared_up
from fedml_infra.operations.up import recovered_before, up
from tests.operations import federations
from tests.operations.federations import Party
from tests.operations.worlds import HUB_FILE, KEY, MEMBER, OTHER, World, world

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MEMBERS = f'  fedml-infra:members:\n    - aws_id: "{MEMBER}"\n'


def key(number: int) -> SecretStr:
    return SecretStr(f"{number:022d}==")


@pytest.fixture
def hub(tmp_path: Path) -> World:
    """A hub that is up, with its key."""
    made = world(tmp_path)
    made.write()
    made.engine.init("cardio")
    made.engine.set_secret("cardio", FED_KEY, SecretStr(KEY))
    bring_up(made)
    return made


def bring_up(made: World) -> list[str]:
    said: list[str] = []
    recovery = Recovery(load_stack(made.project, "cardio"), made.engine, made.aws, said.append)
    up(recovery, recovered_before(recovery), RunOptions())
    return said


def edit(made: World, old: str, new: str) -> None:
    path = made.project / "stacks" / "Pulumi.cardio.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def epoch(made: World) -> int:
    return load_stack(made.project, "cardio").config.fed_epoch


def test_the_old_key_stays_for_one_retention() -> None:
    turned = KeyRing(1, key(1)).turned(2, key(2), retention=14 * DAY, now=NOW)
    assert (turned.epoch, turned.key) == (2, key(2))
    assert turned.old == (OldKey(epoch=1, key=key(1), drop_after=NOW + 14 * DAY),)


def test_an_old_key_is_dropped_once_its_time_is_over() -> None:
    old = (
        OldKey(epoch=1, key=key(1), drop_after=NOW),
        OldKey(epoch=2, key=key(2), drop_after=NOW + timedelta(seconds=1)),
    )
    assert [each.epoch for each in KeyRing(3, key(3), old).turned(4, key(4), retention=DAY, now=NOW).old] == [2, 3]


def test_an_epoch_never_goes_back() -> None:
    for later in (1, 2):
        with pytest.raises(ValueError, match="does not follow 2"):
            KeyRing(2, key(2)).turned(later, key(3), retention=DAY, now=NOW)


def test_old_keys_are_written_as_the_stack_file_has_them() -> None:
    ring = KeyRing(1, key(1)).turned(2, key(2), retention=DAY, now=NOW)
    assert old_keys(ring.old_text.get_secret_value()) == ring.old
    assert json.loads(ring.old_text.get_secret_value())["1"]["drop_after"] == "2026-03-02T12:00:00+00:00"


def test_a_key_ring_does_not_print_its_keys() -> None:
    ring = KeyRing(1, key(1)).turned(2, key(2), retention=DAY, now=NOW)
    assert "0000000" not in f"{ring!r} {ring.old_text!r}"


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        ({MEMBER: BOTH}, ()),
        ({MEMBER: BOTH, OTHER: BOTH}, ()),
        ({MEMBER: PUBLISH_ONLY}, (MEMBER,)),
        ({}, (MEMBER,)),
    ],
)
def test_who_is_gone_or_no_longer_receives_had_the_key(after: dict[str, frozenset], lost: tuple[str, ...]) -> None:
    assert losers({MEMBER: BOTH}, after) == lost


def test_who_only_publishes_and_is_gone_had_the_key_too() -> None:
    assert losers({MEMBER: PUBLISH_ONLY}, {}) == (MEMBER,)
    assert losers({MEMBER: PUBLISH_ONLY}, {MEMBER: BOTH}) == ()


def test_a_removal_by_hand_rotates_the_key_at_the_next_up(hub: World) -> None:
    edit(hub, MEMBERS, "")
    said = bring_up(hub)
    assert epoch(hub) == 2
    assert hub.engine.outputs("cardio")["federation"]["epoch"] == 2
    assert hub.engine.get_secret("cardio", FED_KEY) != SecretStr(KEY)
    kept = hub.engine.get_secret("cardio", OLD_KEYS)
    assert kept is not None and json.loads(kept.get_secret_value())["1"]["key"] == KEY
    assert any(f"rotated to epoch 2: {MEMBER} had it" in line for line in said)


def test_a_receive_right_taken_by_hand_rotates_too(hub: World) -> None:
    edit(hub, f'- aws_id: "{MEMBER}"', f'- {{aws_id: "{MEMBER}", rights: [publish]}}')
    bring_up(hub)
    assert epoch(hub) == 2


@pytest.mark.parametrize(
    "entry", [f'{{aws_id: "{MEMBER}", nodes: [insel]}}', f'aws_id: "{MEMBER}"\n    - aws_id: "{OTHER}"']
)
def test_a_change_that_takes_nobody_out_keeps_the_key(hub: World, entry: str) -> None:
    edit(hub, f'aws_id: "{MEMBER}"', entry)
    bring_up(hub)
    assert epoch(hub) == 1


def test_up_again_rotates_no_second_time(hub: World) -> None:
    edit(hub, MEMBERS, "")
    bring_up(hub)
    bring_up(hub)
    assert epoch(hub) == 2


def test_a_run_that_failed_after_the_rotation_goes_on_with_it(hub: World) -> None:
    edit(hub, MEMBERS, "")
    hub.engine.faults["cardio"] = RuntimeError("cut off")  # type: ignore[assignment]
    with pytest.raises(RuntimeError):
        bring_up(hub)
    assert epoch(hub) == 2
    del hub.engine.faults["cardio"]
    bring_up(hub)
    assert epoch(hub) == 2


def test_v1_members_that_the_rotation_cuts_off_are_named(hub: World) -> None:
    edit(hub, f'- aws_id: "{MEMBER}"', f'- aws_id: "{OTHER}"')
    said = bring_up(hub)
    assert any(f"Account {OTHER} gave no public key (v1)" in line for line in said)


def test_whom_a_rotation_cuts_off_is_told_in_plain_words(hub: World) -> None:
    assert cut_off_by_rotation(load_stack(hub.project, "cardio").config) == (MEMBER,)
    assert "Accounts 222222222222, 333333333333 gave no public key" in told_of_cut_off((MEMBER, OTHER))


def test_a_stack_that_never_came_up_owes_no_rotation(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.write()
    config = load_stack(made.project, "cardio").config
    assert overdue({}, config) == ()
    assert not under_way({}, config)


def test_a_joiner_rotates_nothing(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.write(HUB_FILE.replace(MEMBERS, f"  fedml-infra:aws_topic_arn: arn:aws:sns:us-east-1:{OTHER}:cardio\n"))
    config = load_stack(made.project, "cardio").config
    outputs = {"federation": {"epoch": 1, "members": [{"aws_id": MEMBER, "rights": ["receive"], "nodes": []}]}}
    assert overdue(outputs, config) == ()


def test_the_file_says_the_epoch_beside_the_key(hub: World) -> None:
    edit(hub, MEMBERS, "")
    bring_up(hub)
    assert f"{EPOCH}: 2\n" in (hub.project / "stacks" / "Pulumi.cardio.yaml").read_text(encoding="utf-8")


@pytest.fixture
def signing(tmp_path: Path) -> Party:
    """A hub that publishes a roster, with two members."""
    return federations.hub(tmp_path / "signing", members=f'{federations.ENTRY}\n{{aws_id: "{OTHER}"}}')


def by_plain_pulumi(the_hub: Party) -> None:
    """`pulumi up`, which knows nothing of keys and rosters."""
    the_hub.world.engine.up("cardio")


@pytest.mark.parametrize(
    ("old", "new", "who"),
    [
        (f'    - {{aws_id: "{OTHER}"}}\n', "", OTHER),
        (f'aws_id: "{OTHER}"', f'aws_id: "{OTHER}", rights: [publish]', OTHER),
        (f"    - {federations.ENTRY}\n", "", MEMBER),
    ],
)
def test_a_removal_that_plain_pulumi_brought_up_rotates_at_the_next_up(
    signing: Party, old: str, new: str, who: str
) -> None:
    signing.edit(old, new)
    by_plain_pulumi(signing)
    assert signing.config.fed_epoch == 1
    signing.up()
    assert (signing.config.fed_epoch, signing.outputs["federation"]["epoch"]) == (2, 2)
    assert f"rotated to epoch 2: {who} had it" in " ".join(signing.said)
    signing.up()
    assert signing.config.fed_epoch == 2


def test_the_same_is_seen_where_all_is_in_force_already(signing: Party) -> None:
    signing.edit(f'    - {{aws_id: "{OTHER}"}}\n', "")
    by_plain_pulumi(signing)
    assert shared_up(signing.world.project, signing.recovery(), RunOptions()) is not None
    assert (signing.config.fed_epoch, signing.outputs["federation"]["epoch"]) == (2, 2)
    assert shared_up(signing.world.project, signing.recovery(), RunOptions()) is None


def test_no_roster_is_published_under_a_key_that_somebody_who_is_out_has(signing: Party) -> None:
    body = signing.world.aws.rosters[federations.BUCKET].body
    signing.edit(f'    - {{aws_id: "{OTHER}"}}\n', "")
    stack = load_stack(signing.world.project, "cardio")
    published = publish_roster(stack, signing.world.engine, signing.world.aws)
    assert (published.holders, published.changed) == ((OTHER,), False)
    assert signing.world.aws.rosters[federations.BUCKET].body == body
