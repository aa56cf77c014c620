"""A member's stack follows its hub, once for each change, whatever cut it off; and believes no other roster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedml_infra.aws.roster_object import StoredRoster
from fedml_infra.engine.locks import StackLockedByError
from fedml_infra.engine.protocol import RunOptions
from fedml_infra.errors import ConfigurationError, ResourceError, RosterError
from fedml_infra.model.validation import OLD_KEYS
from fedml_infra.operations.roster import NotAdmittedError
from fedml_infra.operations.sync import Synced, sync
from tests.operations.federations import BUCKET, ENTRY, MEMBER_KEY, TOPIC, Party, hub, joiner
from tests.operations.worlds import KEY, MEMBER, OTHER

ANOTHER = f'{{aws_id: "{OTHER}"}}'


@pytest.fixture
def the_hub(tmp_path: Path) -> Party:
    return hub(tmp_path / "hub", members=f"{ENTRY}\n{ANOTHER}")


@pytest.fixture
def insel(the_hub: Party, tmp_path: Path) -> Party:
    return joiner(the_hub, tmp_path / "insel")


def synced(who: Party, *, drop: bool | None = None, keep_rights: bool = False, announce: bool = False) -> Synced:
    def may_drop(_pids: tuple[str, ...]) -> bool:
        assert drop is not None, "it asked"
        return drop

    return sync(
        who.world.project,
        who.recovery(),
        RunOptions(),
        keep_rights=keep_rights,
        may_drop_queues=may_drop,
        announce=announce,
    )


def put_out_another(the_hub: Party) -> None:
    the_hub.edit(f"    - {ANOTHER}\n", "")
    the_hub.up()


def test_where_nothing_changed_nothing_is_done(insel: Party) -> None:
    before = insel.path.read_bytes()
    done = synced(insel)
    assert (done.changed, done.announced, insel.said) == (False, (), [])
    assert insel.path.read_bytes() == before


def test_a_new_key_is_picked_up_and_the_old_one_kept(the_hub: Party, insel: Party) -> None:
    put_out_another(the_hub)
    assert synced(insel).changed
    assert insel.config.fed_epoch == 2
    assert insel.key() == the_hub.key() != KEY
    assert json.loads(insel.key(OLD_KEYS) or "")["1"]["key"] == KEY
    assert insel.outputs["federation"]["epoch"] == 2
    assert not synced(insel).changed


def test_a_schedule_and_a_topology_follow(the_hub: Party, insel: Party) -> None:
    the_hub.edit("sync_sched: m30", "sync_sched: m15\n  fedml-infra:topology: centralized")
    the_hub.up()
    assert synced(insel).changed
    assert (str(insel.config.sync_sched), str(insel.config.topology)) == ("m15", "centralized")
    assert insel.outputs["nodes"]["insel"]["queue_arn"] is None


def test_a_run_that_failed_goes_on_the_next_time(the_hub: Party, insel: Party) -> None:
    put_out_another(the_hub)
    insel.world.engine.faults["cardio_insel"] = ResourceError("cut off")
    with pytest.raises(ResourceError, match="cut off"):
        synced(insel)
    key = insel.key()
    assert (insel.config.fed_epoch, insel.outputs["federation"]["epoch"]) == (2, 1)
    insel.world.engine.faults.clear()
    assert synced(insel).changed
    assert (insel.key(), insel.outputs["federation"]["epoch"]) == (key, 2)
    assert list(json.loads(insel.key(OLD_KEYS) or "")) == ["1"]


def test_an_old_roster_that_is_put_back_is_refused(the_hub: Party, insel: Party) -> None:
    old = the_hub.world.aws.rosters[BUCKET]
    put_out_another(the_hub)
    synced(insel)
    the_hub.world.aws.rosters[BUCKET] = old
    key = insel.key()
    with pytest.raises(RosterError, match="epoch 2 was seen before"):
        synced(insel)
    assert (insel.config.fed_epoch, insel.key()) == (2, key)


def test_a_roster_that_the_hub_did_not_sign_is_refused(the_hub: Party, insel: Party) -> None:
    stored = the_hub.world.aws.rosters[BUCKET]
    envelope = json.loads(stored.body)
    envelope["signatures"][0]["sig"] = "A" * 86 + "=="
    the_hub.world.aws.rosters[BUCKET] = StoredRoster(json.dumps(envelope).encode(), "x")
    with pytest.raises(RosterError) as refused:
        synced(insel)
    assert refused.value.refusal == "bad_signature"


def test_who_may_not_read_the_roster_is_told_that_it_may_be_out(insel: Party) -> None:
    insel.world.aws.roster_readers = {OTHER}
    with pytest.raises(NotAdmittedError, match="was a member before") as refused:
        synced(insel)
    assert "fedml-infra leave cardio" in (refused.value.fix or "")


def test_who_is_not_on_the_roster_is_told(the_hub: Party, insel: Party) -> None:
    the_hub.edit(f"    - {ENTRY}\n", "")
    the_hub.up()
    with pytest.raises(RosterError) as refused:
        synced(insel)
    assert refused.value.refusal == "not_a_member"


def test_a_member_that_joined_without_a_key_of_its_own_is_told(the_hub: Party, tmp_path: Path) -> None:
    without = joiner(the_hub, tmp_path / "v1", key=False)
    put_out_another(the_hub)
    with pytest.raises(ConfigurationError, match="has no member_key"):
        synced(without)
    assert without.config.fed_epoch == 1


def test_the_hub_has_nothing_to_pick_up(the_hub: Party) -> None:
    with pytest.raises(ConfigurationError, match="is the hub of cardio"):
        synced(the_hub)


def test_a_run_of_the_stack_that_is_under_way_is_not_disturbed(insel: Party) -> None:
    def held(stack: str) -> None:
        raise StackLockedByError(f"Another run of stack {stack} is under way", ())

    insel.world.engine.claim = held  # type: ignore[assignment,method-assign]
    with pytest.raises(StackLockedByError):
        synced(insel)


@pytest.mark.parametrize("drop", [True, False])
def test_a_protected_queue_goes_only_if_somebody_agrees(the_hub: Party, tmp_path: Path, drop: bool) -> None:
    insel = joiner(the_hub, tmp_path / "insel", more="  fedml-infra:protect: true\n")
    the_hub.edit(ENTRY, ENTRY.replace("nodes:", "rights: [publish], nodes:"))
    the_hub.up()
    done = synced(insel, drop=drop)
    assert done.plan.held_back == (() if drop else ("insel",))
    assert (insel.outputs["nodes"]["insel"]["queue_arn"] is None) is drop
    # The key is picked up whatever becomes of the queue.
    assert insel.config.fed_epoch == 2


def test_a_queue_that_was_agreed_to_go_asks_again_after_a_cut(the_hub: Party, tmp_path: Path) -> None:
    insel = joiner(the_hub, tmp_path / "insel", more="  fedml-infra:protect: true\n")
    insel.edit("s3_bucket: insel-fed", "s3_bucket: insel-fed, rights: [publish]")
    the_hub.edit(ENTRY, ENTRY.replace("nodes:", "rights: [publish], nodes:"))
    the_hub.up()
    with pytest.raises(ResourceError, match="is protected"):
        synced(insel, drop=False)
    assert synced(insel, drop=True).changed
    assert insel.outputs["nodes"]["insel"]["queue_arn"] is None


def test_it_says_on_the_topic_that_it_has_the_key(the_hub: Party, insel: Party) -> None:
    aws = the_hub.world.aws
    ear = aws.add_queue(the_hub.world.engine._account, "us-east-1", "cardio_ear")
    aws.add_subscription(TOPIC, "arn:aws:sqs:us-east-1:111111111111:cardio_ear")
    put_out_another(the_hub)
    assert synced(insel).announced == (MEMBER,)
    (message,) = aws._queues[ear].waiting
    assert message.attributes == {"probe": "sync", "epoch": "2", "sender": "insel"}
    assert json.loads(message.body)["aws_id"] == MEMBER


def test_it_says_so_again_only_if_it_is_asked_to(insel: Party) -> None:
    assert synced(insel).announced == ()
    assert synced(insel, announce=True).announced == (MEMBER,)


def test_who_may_not_publish_says_nothing(the_hub: Party, tmp_path: Path) -> None:
    the_hub.edit(ENTRY, ENTRY.replace("nodes:", "rights: [receive], nodes:"))
    the_hub.up()
    insel = joiner(the_hub, tmp_path / "insel", node=", rights: [receive]")
    assert synced(insel, announce=True).announced == ()


def test_an_announcement_that_fails_is_told_and_no_error(the_hub: Party, insel: Party) -> None:
    insel.world.aws.deny("sns:Publish", TOPIC)
    put_out_another(the_hub)
    done = synced(insel)
    assert (done.changed, done.announced) == (True, ())
    assert any("The hub was not told" in line for line in insel.said)


def test_the_keys_are_said_nowhere(the_hub: Party, insel: Party) -> None:
    put_out_another(the_hub)
    done = synced(insel)
    text = f"{done!r} {insel.said} {insel.path.read_text(encoding='utf-8')}"
    for key in (KEY, insel.key(), MEMBER_KEY.get_secret_value()):
        assert key and key not in text
