"""Admission by a request's file, and of accounts that are members already or were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fedml_infra.engine.protocol import RunOptions
from fedml_infra.errors import (
    AuthenticationError,
    ConfigurationError,
    ResourceError,
    TokenRefusedError,
    UnreadableError,
)
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY
from fedml_infra.operations.admission import (
    Admitted,
    Joining,
    NotAdmissibleError,
    PidTakenError,
    admit_member,
    plan_admission,
    read_request,
)
from fedml_infra.operations.admitting import bring_up_hub
from fedml_infra.operations.load import load_stack
from fedml_infra.wire.tokens import digest, new_token, token_id
from fedml_infra.wire.v2.join_request import JoinRequest
from fedml_infra.wire.v2.keypairs import member_public_key, new_member_key
from tests.operations.federations import ENTRY, MEMBER_KEY, TOPIC
from tests.operations.joins import INSEL, USZ, Gate, gate, joining, shut
from tests.operations.worlds import OWN


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Gate]:
    made = gate(tmp_path / "hub")
    yield made
    shut(made)


@pytest.fixture
def with_insel(tmp_path: Path) -> Iterator[Gate]:
    made = gate(tmp_path / "hub", members=ENTRY)
    yield made
    shut(made)


def request(hub: Gate, account: str = INSEL, *, bound: str | None = INSEL, **others: str) -> JoinRequest:
    invite = hub.invite(bound)
    said = {"aws_topic_arn": TOPIC, "aws_id": account, "pid": "insel", **others}
    return JoinRequest.make(invite.fed_req_token, public_key=member_public_key(new_member_key()), **said)


def admit(hub: Gate, who: Joining) -> Admitted:
    world = hub.party.world
    return admit_member(world.project, "cardio", world.engine, hub.store, TOPIC, who)


def test_a_request_says_who_asks_and_by_which_invite(hub: Gate) -> None:
    asked = request(hub)
    row, who = read_request(asked.write(), hub.store, TOPIC)
    assert (row.id, who.aws_id, who.pid, who.public_key) == (asked.token_id, INSEL, "insel", asked.public_key)
    assert admit(hub, who).changed.after.config.members[0].public_key == asked.public_key


def test_every_value_of_a_request_is_held_by_its_mac(hub: Gate) -> None:
    asked = request(hub)
    for name, value in (("pid", "usz"), ("public_key", member_public_key(new_member_key())), ("mac", b"x" * 32)):
        with pytest.raises(AuthenticationError, match="changed on the way"):
            read_request(replace(asked, **{name: value}).write(), hub.store, TOPIC)


def test_what_is_no_request_cannot_be_read(hub: Gate) -> None:
    with pytest.raises(UnreadableError):
        read_request(b"{}", hub.store, TOPIC)


def test_a_request_for_another_federation_names_both(hub: Gate) -> None:
    other = TOPIC.replace("cardio", "neuro")
    with pytest.raises(ConfigurationError, match="neuro"):
        read_request(request(hub, aws_topic_arn=other).write(), hub.store, TOPIC)


def test_an_invite_that_is_not_known_here_is_said(hub: Gate) -> None:
    key = member_public_key(new_member_key())
    asked = JoinRequest.make(new_token(), aws_topic_arn=TOPIC, aws_id=INSEL, pid="insel", public_key=key)
    with pytest.raises(ConfigurationError, match="no invite"):
        read_request(asked.write(), hub.store, TOPIC)


def test_a_file_proves_no_account_so_the_invite_must_be_for_one(hub: Gate) -> None:
    with pytest.raises(AuthenticationError, match=f"--account {INSEL}"):
        read_request(request(hub, bound=None).write(), hub.store, TOPIC)


@pytest.mark.parametrize("state", ["expired", "used", "revoked", "other_account"])
def test_what_became_of_the_invite_is_said_by_name(hub: Gate, state: str) -> None:
    invite = hub.invite(INSEL, life=timedelta(seconds=-1 if state == "expired" else 60))
    account = USZ if state in ("used", "other_account") else INSEL
    if state == "used":
        invite = hub.invite()
        hub.store.tokens.redeem(digest(invite.fed_req_token), aws_id=INSEL, pid="insel", public_key=None)
    if state == "revoked":
        hub.store.tokens.revoke(token_id(digest(invite.fed_req_token)), "admin")
    with pytest.raises(TokenRefusedError) as raised:
        plan_admission(hub.party.config, TOPIC, joining(invite, account), hub.store)
    assert raised.value.reason == state


@pytest.mark.parametrize("pid", ["charite", "insel"])
def test_a_pid_of_another_s_is_refused_and_uses_nothing_up(with_insel: Gate, pid: str) -> None:
    who = joining(with_insel.invite(USZ), USZ, pid)
    text = with_insel.party.path.read_bytes()
    with pytest.raises(PidTakenError):
        admit(with_insel, who)
    assert with_insel.party.path.read_bytes() == text
    assert with_insel.store.tokens.look(who.digest, aws_id=USZ).used_at is None


def test_the_hub_s_own_account_may_join_and_is_told_what_that_is_worth(hub: Gate) -> None:
    """Over REST one customer may have both sides in one account."""
    who = joining(hub.invite(), OWN)
    plan = plan_admission(load_stack(hub.party.world.project, "cardio").config, TOPIC, who, hub.store)
    assert any("hub's own" in note for note in plan.notes)
    admit(hub, who)
    assert OWN in [member.aws_id for member in load_stack(hub.party.world.project, "cardio").config.members]


def test_the_same_account_cannot_make_another_pid_of_it(hub: Gate) -> None:
    who = joining(hub.invite())
    admit(hub, who)
    with pytest.raises(NotAdmissibleError, match="for node insel, and asks for node other"):
        admit(hub, replace(who, pid="other"))


def test_nor_another_public_key(hub: Gate) -> None:
    who = joining(hub.invite())
    admit(hub, who)
    with pytest.raises(NotAdmissibleError, match="another public key"):
        admit(hub, replace(who, public_key=member_public_key(new_member_key())))


def test_a_file_that_has_no_room_uses_no_token_up(hub: Gate) -> None:
    """A queue's name has 80 characters at most, with the federation's name and `_dlq`."""
    who = joining(hub.invite(), pid="p" * 70)
    with pytest.raises(ConfigurationError, match="80"):
        admit(hub, who)
    assert hub.store.tokens.look(who.digest, aws_id=INSEL).used_at is None


def test_a_second_node_of_a_member_is_added_to_it_and_takes_nothing_away(with_insel: Gate) -> None:
    key = member_public_key(MEMBER_KEY)
    member = admit(with_insel, joining(with_insel.invite(rights=PUBLISH_ONLY), pid="insel2", key=key)).changed.after
    assert [(each.aws_id, each.nodes, each.public_key) for each in member.config.members] == [
        (INSEL, ("insel", "insel2"), key)
    ]
    assert member.config.member_rights(member.config.members[0]) == BOTH


def test_a_member_whose_queues_are_not_named_keeps_all_of_them(tmp_path: Path) -> None:
    hub = gate(tmp_path / "hub", members=ENTRY.replace("nodes: [insel], ", ""))
    admit(hub, joining(hub.invite(), key=member_public_key(MEMBER_KEY)))
    assert hub.members == {INSEL: ()}
    shut(hub)


def test_another_key_of_a_member_is_told_before_it_is_replaced(with_insel: Gate) -> None:
    plan = plan_admission(with_insel.party.config, TOPIC, joining(with_insel.invite()), with_insel.store)
    assert any("public key is replaced" in note for note in plan.notes)


def test_who_was_removed_lately_is_told_what_aws_does_for_72_hours(hub: Gate) -> None:
    hub.store.members.admitted(TOPIC, INSEL, 1)
    hub.store.members.removed(TOPIC, INSEL, "admin")
    plan = plan_admission(hub.party.config, TOPIC, joining(hub.invite()), hub.store)
    assert any("72 hours" in note and "another pid does" in note for note in plan.notes)
    assert admit(hub, joining(hub.invite())).rights == BOTH


def test_an_account_that_aws_does_not_know_is_named_with_the_way_to_take_it_out(hub: Gate) -> None:
    admit(hub, joining(hub.invite()))
    recovery, world = hub.party.recovery(), hub.party.world
    world.engine.faults["cardio"] = ResourceError(
        "PutBucketPolicy: MalformedPolicy: Invalid principal in policy", fix="as the table says"
    )
    with pytest.raises(ResourceError) as raised:
        bring_up_hub(world.project, recovery, RunOptions())
    assert f"account {INSEL} is the one that came since the last run" in raised.value.what
    assert f"members remove {INSEL} -s cardio" in str(raised.value.fix)


def test_any_other_error_stays_as_it_is(hub: Gate) -> None:
    admit(hub, joining(hub.invite()))
    recovery, world = hub.party.recovery(), hub.party.world
    world.engine.faults["cardio"] = ResourceError("Throttled", fix="again")
    with pytest.raises(ResourceError) as raised:
        bring_up_hub(world.project, recovery, RunOptions())
    assert (raised.value.what, raised.value.fix) == ("Throttled", "again")


def test_redeemed_and_cut_off_before_the_file_was_written_the_same_goes_on(hub: Gate) -> None:
    who = joining(hub.invite())
    hub.store.tokens.redeem(who.digest, aws_id=who.aws_id, pid=who.pid, public_key=who.public_key)
    assert admit(hub, who).changed.changed
    assert not admit(hub, who).changed.changed
    assert hub.members == {INSEL: ("insel",)}
