"""The roster: signed, sealed to each member, and refused where it is not what it should be."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError, RosterError
from fedml_infra.model.rights import Right, Topology
from fedml_infra.model.schedule import Schedule
from fedml_infra.wire.encoding import to_json
from fedml_infra.wire.v2.keypairs import hub_public_key, member_public_key, new_hub_key, new_member_key, signing_key
from fedml_infra.wire.v2.roster import (
    PAYLOAD_TYPE,
    Roster,
    RosterDraft,
    RosterMember,
    RosterRefusal,
    read_roster,
    write_roster,
)
from fedml_infra.wire.v2.sealed import open_sealed, seal_to
from tests.wire import book
from tests.wire.values import TOPIC, accounts, base64_of, keys16, names, rights, schedules

HUB = new_hub_key()
PUBLIC = hub_public_key(HUB)
INSEL, USZ, V1_MEMBER, OTHER = "222222222222", "333333333333", "444444444444", "555555555555"
KEYS = {INSEL: new_member_key(), USZ: new_member_key()}
FED_KEY = base64_of(bytes(range(16)))
BOTH = frozenset(Right)
DRAFT = RosterDraft(
    fed_name="cardio",
    aws_topic_arn=TOPIC,
    fed_epoch=3,
    sync_sched=Schedule("m", 30),
    topology=Topology.DECENTRALIZED,
    members=(
        RosterMember(INSEL, BOTH, ("insel", "insel-2"), member_public_key(KEYS[INSEL])),
        RosterMember(USZ, frozenset({Right.PUBLISH}), (), member_public_key(KEYS[USZ])),
        RosterMember(V1_MEMBER, BOTH, ("old",)),
    ),
    fed_secret_key=SecretStr(FED_KEY),
)
RAW = write_roster(DRAFT, HUB)


def read(raw: bytes = RAW, **changes: object) -> Roster:
    arguments: dict[str, object] = {"hub_public_key": PUBLIC, "fed_name": "cardio", "aws_topic_arn": TOPIC, **changes}
    return read_roster(raw, **arguments)  # type: ignore[arg-type]


def refused(refusal: RosterRefusal, raw: bytes = RAW, **changes: object) -> None:
    with pytest.raises(RosterError) as error:
        read(raw, **changes)
    assert error.value.refusal is refusal
    assert error.value.fix


def signed(payload: bytes, *, kind: str = PAYLOAD_TYPE, hub: SecretStr = HUB) -> bytes:
    said = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    sig = base64_of(signing_key(hub).sign(said))
    return to_json({"payloadType": kind, "payload": base64_of(payload), "signatures": [{"sig": sig}]})


def payload() -> dict[str, object]:
    found = json.loads(base64.b64decode(json.loads(RAW)["payload"]))
    assert isinstance(found, dict)
    return found


def test_it_says_who_is_in_the_federation() -> None:
    roster = read()
    assert (roster.fed_epoch, str(roster.sync_sched), roster.topology) == (3, "m30", "decentralized")
    assert [(m.aws_id, m.rights, m.nodes) for m in roster.members] == [
        (INSEL, BOTH, ("insel", "insel-2")),
        (USZ, {Right.PUBLISH}, ()),
        (V1_MEMBER, BOTH, ("old",)),
    ]


@pytest.mark.parametrize("account", [INSEL, USZ])
def test_each_member_opens_its_key(account: str) -> None:
    assert read().federation_key(account, KEYS[account]).get_secret_value() == FED_KEY


def test_it_is_read_by_the_book() -> None:
    found = book.roster(RAW, PUBLIC)
    assert found["members"][1]["rights"] == ["publish"]
    assert book.sealed_key(found, INSEL, KEYS[INSEL].get_secret_value()) == FED_KEY


def test_the_key_stands_nowhere_in_clear() -> None:
    shown = RAW + base64.b64decode(json.loads(RAW)["payload"]) + repr(DRAFT).encode() + repr(read()).encode()
    assert FED_KEY.encode() not in shown
    assert bytes(range(16)) not in shown


@given(
    names,
    schedules,
    st.sampled_from(list(Topology)),
    st.integers(1, 10**6),
    keys16,
    st.lists(
        st.tuples(accounts, rights, st.lists(names, max_size=3), st.booleans()), max_size=4, unique_by=lambda m: m[0]
    ),
)
@settings(max_examples=30)
def test_any_roster_comes_back(
    name: str,
    schedule: Schedule,
    topology: Topology,
    epoch: int,
    key: bytes,
    members: list[tuple[str, frozenset[Right], list[str], bool]],
) -> None:
    arn = f"arn:aws:sns:us-east-1:111111111111:{name}"
    private = {account: new_member_key() for account, *_ in members}
    listed = [
        RosterMember(account, may, tuple(pids), member_public_key(private[account]) if v2 else None)
        for account, may, pids, v2 in members
    ]
    draft = RosterDraft(name, arn, epoch, schedule, topology, listed, SecretStr(base64_of(key)))
    found = read(write_roster(draft, HUB), fed_name=name, aws_topic_arn=arn, known_epoch=epoch)
    assert (found.fed_epoch, found.sync_sched, found.topology) == (epoch, schedule, topology)
    assert [RosterMember(m.aws_id, m.rights, m.nodes, m.public_key) for m in found.members] == listed
    for member in listed:
        if member.public_key:
            opened = found.federation_key(member.aws_id, private[member.aws_id])
            assert base64.b64decode(opened.get_secret_value()) == key


def test_a_lower_epoch_is_refused_and_the_same_or_a_higher_is_not() -> None:
    refused(RosterRefusal.LOWER_EPOCH, known_epoch=4)
    assert read(known_epoch=3).fed_epoch == read(known_epoch=2).fed_epoch == 3


def test_another_federation_is_refused() -> None:
    refused(RosterRefusal.OTHER_FEDERATION, fed_name="neuro")
    refused(RosterRefusal.OTHER_FEDERATION, aws_topic_arn=TOPIC.replace("111111111111", "999999999999"))


def test_another_hub_s_signature_is_refused() -> None:
    refused(RosterRefusal.BAD_SIGNATURE, hub_public_key=hub_public_key(new_hub_key()))
    refused(RosterRefusal.BAD_SIGNATURE, write_roster(DRAFT, new_hub_key()))


def test_the_signature_is_looked_at_before_anything_of_the_content() -> None:
    refused(RosterRefusal.BAD_SIGNATURE, signed(b"not even JSON", hub=new_hub_key()))


def test_every_single_bit_change_of_what_is_signed_is_refused() -> None:
    envelope = json.loads(RAW)
    said = base64.b64decode(envelope["payload"])
    for bit in range(0, len(said) * 8, 7):
        changed = bytearray(said)
        changed[bit // 8] ^= 1 << bit % 8
        refused(RosterRefusal.BAD_SIGNATURE, to_json({**envelope, "payload": base64_of(bytes(changed))}))


def test_every_single_bit_change_of_the_signature_is_refused() -> None:
    envelope = json.loads(RAW)
    sig = base64.b64decode(envelope["signatures"][0]["sig"])
    for bit in range(len(sig) * 8):
        changed = bytearray(sig)
        changed[bit // 8] ^= 1 << bit % 8
        refused(RosterRefusal.BAD_SIGNATURE, to_json({**envelope, "signatures": [{"sig": base64_of(bytes(changed))}]}))


def test_what_the_hub_signed_for_another_use_is_no_roster() -> None:
    content = base64.b64decode(json.loads(RAW)["payload"])
    other = json.loads(signed(content, kind="application/x"))
    refused(RosterRefusal.NOT_A_ROSTER, to_json(other))
    refused(RosterRefusal.BAD_SIGNATURE, to_json({**other, "payloadType": PAYLOAD_TYPE}))


@pytest.mark.parametrize("length", [0, 1, 50, len(RAW) // 2, len(RAW) - 1])
def test_a_truncated_file_is_no_roster(length: int) -> None:
    refused(RosterRefusal.NOT_A_ROSTER, RAW[:length])


@pytest.mark.parametrize(
    "changed",
    [
        {"signatures": []},
        {"signatures": "x"},
        {"signatures": ["x"]},
        {"signatures": [{"sig": 1}]},
        {"signatures": [{"sig": "%"}]},
        {"signatures": [{"sig": ""}, {"sig": ""}]},
        {"payload": 1},
        {"payload": "%"},
    ],
)
def test_an_envelope_of_another_shape_is_no_roster(changed: dict[str, object]) -> None:
    refused(RosterRefusal.NOT_A_ROSTER, to_json({**json.loads(RAW), **changed}))


@pytest.mark.parametrize("changed", [{"fed_epoch": 0}, {"members": 1}, {"topology": "star"}, {"fed_name": "a b"}])
def test_content_that_cannot_be_is_no_roster_even_signed(changed: dict[str, object]) -> None:
    refused(RosterRefusal.NOT_A_ROSTER, signed(to_json({**payload(), **changed})))
    refused(RosterRefusal.NOT_A_ROSTER, signed(b"[]"))


def test_a_key_that_a_later_release_adds_is_left_alone() -> None:
    assert read(signed(to_json({**payload(), "later": 1}))) == read()


def key_refused(refusal: RosterRefusal, account: str, member_key: SecretStr, roster: Roster | None = None) -> None:
    with pytest.raises(RosterError) as error:
        (roster or read()).federation_key(account, member_key)
    assert error.value.refusal is refusal
    assert error.value.fix


def test_who_is_not_on_it_gets_no_key() -> None:
    key_refused(RosterRefusal.NOT_A_MEMBER, OTHER, KEYS[INSEL])


def test_a_v1_member_gets_no_key() -> None:
    key_refused(RosterRefusal.NO_KEY, V1_MEMBER, KEYS[INSEL])


def test_another_member_s_key_opens_nothing() -> None:
    key_refused(RosterRefusal.NOT_OUR_KEY, INSEL, KEYS[USZ])


@pytest.mark.parametrize(
    "changed",
    [{"fed_epoch": 4}, {"fed_name": "neuro"}, {"aws_topic_arn": TOPIC.replace("111111111111", "999999999999")}],
)
def test_a_sealed_key_is_bound_to_federation_topic_and_epoch(changed: dict[str, object]) -> None:
    moved = read().model_copy(update=changed)
    key_refused(RosterRefusal.NOT_OUR_KEY, INSEL, KEYS[INSEL], moved)


def test_a_sealed_key_is_bound_to_its_account() -> None:
    first, second, third = read().members
    moved = read().model_copy(update={"members": (first.model_copy(update={"aws_id": OTHER}), second, third)})
    key_refused(RosterRefusal.NOT_OUR_KEY, OTHER, KEYS[INSEL], moved)


@pytest.mark.parametrize("sealed", ["", "AAAA", "%", "A" * 100])
def test_a_sealed_key_of_another_shape_is_not_ours(sealed: str) -> None:
    first, second, third = read().members
    broken = read().model_copy(update={"members": (first.model_copy(update={"sealed_key": sealed}), second, third)})
    key_refused(RosterRefusal.NOT_OUR_KEY, INSEL, KEYS[INSEL], broken)


def test_every_single_bit_change_of_what_is_sealed_is_refused() -> None:
    sealed = seal_to(member_public_key(KEYS[INSEL]), b"sixteen bytes ok", "x")
    assert open_sealed(KEYS[INSEL], sealed, "x") == b"sixteen bytes ok"
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError):
            open_sealed(KEYS[INSEL], bytes(changed), "x")


def test_nothing_is_sealed_to_a_point_that_shares_its_secret_with_everyone() -> None:
    with pytest.raises(ConfigurationError, match="public_key"):
        seal_to(base64_of(bytes(32)), b"x")


@pytest.mark.parametrize("text", ["", "AAAA", "%", base64_of(bytes(31)), base64_of(bytes(33))])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    for use in (hub_public_key, member_public_key):
        with pytest.raises(ConfigurationError, match="32 bytes") as error:
            use(SecretStr(text))
        assert not text or text not in str(error.value)
    with pytest.raises(ConfigurationError, match="32 bytes"):
        read(hub_public_key=text)


def test_private_keys_do_not_print_themselves() -> None:
    for key in (HUB, KEYS[INSEL]):
        assert key.get_secret_value() not in f"{key} {key!r}"


def test_a_draft_with_another_epoch_is_sealed_anew() -> None:
    found = read(write_roster(replace(DRAFT, fed_epoch=4), HUB), known_epoch=4)
    assert found.federation_key(INSEL, KEYS[INSEL]).get_secret_value() == FED_KEY
