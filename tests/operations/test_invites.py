"""Invites: made for a federation that is up, refused where they could not be used, kept as a hash."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError
from fedml_infra.model.rights import BOTH, PUBLISH_ONLY, Right, Rights
from fedml_infra.model.schedule import Schedule
from fedml_infra.model.validation import FED_KEY, HUB_KEY
from fedml_infra.operations.invite_rules import InviteWanted, life
from fedml_infra.operations.invites import MadeInvite, create_invite, invite_json, revoke_invite
from fedml_infra.operations.load import load_stack
from fedml_infra.store.place import FILE, StorePlace
from fedml_infra.store.store import Store, open_store
from fedml_infra.store.values import TokenState
from fedml_infra.wire.blobs import Version, open_invite
from fedml_infra.wire.invites import Invite, InviteV1
from fedml_infra.wire.tokens import digest, token_id
from fedml_infra.wire.v2.keypairs import hub_public_key
from tests.operations.worlds import HUB_FILE, KEY, MEMBER, OTHER, OWN, World, world

TOPIC = f"arn:aws:sns:us-east-1:{OWN}:cardio"
BUCKET = f"fedml-cardio-{OWN}-us-east-1"
URL = "https://fed.example.org/symetry/rest/c1/fedml/charite/createPolicies"
FOR_OTHER = InviteWanted(account=OTHER)
V1 = InviteWanted(version=Version.V1, rest_url=URL)
TOPOLOGY = "fed_name: cardio\n  fedml-infra:topology: "


@pytest.fixture
def hub(tmp_path: Path) -> World:
    """A hub that is up, without a signing key."""
    return brought_up(new_world(tmp_path), HUB_FILE)


def new_world(tmp_path: Path) -> World:
    (tmp_path / "project").mkdir()
    return world(tmp_path / "project")


def brought_up(made: World, text: str) -> World:
    made.write(text)
    made.engine.init("cardio")
    made.engine.set_secret("cardio", FED_KEY, SecretStr(KEY))
    made.engine.up("cardio")
    return made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(StorePlace(tmp_path / "data")) as opened:
        yield opened


def make(hub: World, store: Store, wanted: InviteWanted = FOR_OTHER) -> MadeInvite:
    return create_invite(hub.project, load_stack(hub.project, "cardio"), hub.engine, store, wanted)


def opened(made: MadeInvite, passphrase: SecretStr | None = None) -> Invite | InviteV1:
    given = passphrase or made.passphrase
    assert given is not None
    return open_invite(made.blob, given)


def refused(hub: World, store: Store, wanted: InviteWanted = FOR_OTHER) -> str:
    """What is said; and that nothing is kept."""
    before = (hub.project / "stacks" / "Pulumi.cardio.yaml").read_text("utf-8")
    with pytest.raises(ConfigurationError) as error:
        make(hub, store, wanted)
    assert store.tokens.list() == ()
    assert (hub.project / "stacks" / "Pulumi.cardio.yaml").read_text("utf-8") == before
    return str(error.value)


def edit(hub: World, old: str, new: str) -> None:
    path = hub.project / "stacks" / "Pulumi.cardio.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_an_invite_says_all_that_a_joiner_needs(hub: World, store: Store) -> None:
    made = make(hub, store, InviteWanted(account=OTHER, rest_url=URL, rights=PUBLISH_ONLY))
    invite = opened(made)
    signer = hub.engine.get_secret("cardio", HUB_KEY)
    assert isinstance(invite, Invite) and signer is not None
    assert (invite.fed_name, invite.aws_topic_arn, invite.aws_topic_region) == ("cardio", TOPIC, "us-east-1")
    assert (str(invite.sync_sched), str(invite.topology), invite.roster_bucket) == ("m30", "decentralized", BUCKET)
    assert invite.hub_public_key == hub_public_key(signer)
    assert (invite.aws_id, invite.rights, invite.fed_rest_url) == (OTHER, PUBLISH_ONLY, URL)
    assert invite.expires == made.token.expires_at


def test_its_token_is_kept_as_a_hash_with_what_it_gives(hub: World, store: Store) -> None:
    made = make(hub, store, InviteWanted(account=OTHER, rights=BOTH))
    token = opened(made).fed_req_token
    (row,) = store.tokens.list(TOPIC)
    assert (row.digest, row.id) == (digest(token), token_id(digest(token)))
    assert (row.fed_name, row.version, row.aws_id, row.rights) == ("cardio", "v2", OTHER, BOTH)
    assert len(token.get_secret_value()) == len("FEDTOKEN") + 64


def test_nothing_secret_of_an_invite_is_in_the_store(hub: World, store: Store, tmp_path: Path) -> None:
    made = [make(hub, store), make(hub, store, V1)]
    store.close()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").glob(f"{FILE}*"))
    assert made[0].token.id.encode() in kept
    secrets = [KEY, *(opened(each).fed_req_token.get_secret_value() for each in made)]
    secrets += [each.passphrase.get_secret_value() for each in made if each.passphrase]
    assert [secret for secret in secrets if secret.encode() in kept] == []


def test_a_v2_invite_does_not_hold_the_federation_s_key(hub: World, store: Store) -> None:
    invite = opened(make(hub, store))
    assert KEY not in str({key: str(value) for key, value in invite.to_map().items()})


def test_it_lives_two_hours_unless_told_otherwise(hub: World, store: Store) -> None:
    now = store.now()
    for wanted, span in ((FOR_OTHER, timedelta(hours=2)), (InviteWanted(Schedule("d", 7), OTHER), timedelta(days=7))):
        assert abs(make(hub, store, wanted).token.expires_at - now - span) < timedelta(minutes=1)


def test_a_hub_gets_its_signing_key_with_the_first_invite(hub: World, store: Store) -> None:
    first = make(hub, store)
    assert any("signing key" in note for note in first.notes)
    second = make(hub, store)
    assert not any("signing key" in note for note in second.notes)
    one, other = opened(first), opened(second)
    assert isinstance(one, Invite) and isinstance(other, Invite)
    assert one.hub_public_key == other.hub_public_key


def test_every_invite_has_a_passphrase_and_a_token_of_its_own(hub: World, store: Store) -> None:
    first, second = make(hub, store), make(hub, store)
    assert first.passphrase != second.passphrase
    assert opened(first).fed_req_token != opened(second).fed_req_token


def test_a_v1_invite_carries_the_key_and_says_what_that_means(hub: World, store: Store) -> None:
    made = make(hub, store, V1)
    invite = opened(made)
    assert isinstance(invite, InviteV1)
    assert (invite.fed_secret_key.get_secret_value(), invite.fed_rest_url) == (KEY, URL)
    assert made.token.version == "v1"
    assert any("federation's key" in note for note in made.notes)
    assert any("message_filter: none" in note for note in made.notes)


def test_a_v1_invite_needs_no_signing_key(hub: World, store: Store) -> None:
    make(hub, store, V1)
    assert hub.engine.get_secret("cardio", HUB_KEY) is None


def test_a_v1_passphrase_that_is_made_is_as_long_as_v1_takes(hub: World, store: Store) -> None:
    made = make(hub, store, V1)
    assert made.passphrase is not None
    assert len(made.passphrase.get_secret_value()) == 16
    assert "0" not in made.passphrase.get_secret_value()


def test_a_v1_passphrase_that_was_brought_is_used_and_not_given_back(hub: World, store: Store) -> None:
    made = make(hub, store, InviteWanted(version=Version.V1, rest_url=URL, passphrase=SecretStr("theirs")))
    assert made.passphrase is None
    assert isinstance(opened(made, SecretStr("theirs")), InviteV1)


def test_a_v1_passphrase_that_is_too_long_is_refused(hub: World, store: Store) -> None:
    wanted = InviteWanted(version=Version.V1, rest_url=URL, passphrase=SecretStr("x" * 17))
    assert "16 bytes" in refused(hub, store, wanted)


def test_a_v1_invite_may_be_for_one_account_which_the_store_sees_to(hub: World, store: Store) -> None:
    made = make(hub, store, InviteWanted(version=Version.V1, rest_url=URL, account=OTHER))
    assert made.token.aws_id == OTHER


def test_an_invite_without_a_server_has_to_name_its_account(hub: World, store: Store) -> None:
    said = refused(hub, store, InviteWanted())
    assert "--account: is missing" in said and "--rest-url" in said


def test_a_v1_invite_has_to_name_its_server(hub: World, store: Store) -> None:
    said = refused(hub, store, InviteWanted(version=Version.V1, account=OTHER))
    assert "--rest-url: is missing" in said and "createPolicies" in said


@pytest.mark.parametrize("url", ["fed.example.org", "ftp://fed.example.org/x", "https://user:secret@h/x", "https://["])
def test_an_address_that_is_none_is_refused(hub: World, store: Store, url: str) -> None:
    assert "--rest-url" in refused(hub, store, InviteWanted(rest_url=url))


@pytest.mark.parametrize("account", ["1", "22222222222a", "\uff12" * 12])
def test_an_account_that_is_none_is_refused(hub: World, store: Store, account: str) -> None:
    assert "--account" in refused(hub, store, InviteWanted(account=account))


def test_the_hub_s_own_account_is_not_invited(hub: World, store: Store) -> None:
    assert "add a node" in refused(hub, store, InviteWanted(account=OWN))


def test_all_that_is_wrong_is_told_at_once(hub: World, store: Store) -> None:
    said = refused(hub, store, InviteWanted(version=Version.V1, account="x"))
    assert "--rest-url" in said and "--account" in said


@pytest.mark.parametrize(("rights", "ok"), [(PUBLISH_ONLY, True), (BOTH, False), (frozenset({Right.RECEIVE}), False)])
def test_a_centralized_federation_gives_publish_alone(tmp_path: Path, store: Store, rights: Rights, ok: bool) -> None:
    hub = brought_up(new_world(tmp_path), HUB_FILE.replace("fed_name: cardio", TOPOLOGY + "centralized"))
    wanted = InviteWanted(account=OTHER, rights=rights)
    if ok:
        assert make(hub, store, wanted).token.rights == rights
    else:
        assert "only publish" in refused(hub, store, wanted)


def test_a_hybrid_federation_has_to_be_told_the_rights(tmp_path: Path, store: Store) -> None:
    text = HUB_FILE.replace("fed_name: cardio", TOPOLOGY + "hybrid").replace(
        f'"{MEMBER}"', f'"{MEMBER}"\n      rights: [publish]'
    )
    hub = brought_up(new_world(tmp_path), text.replace("- pid: charite", "- pid: charite\n      rights: [receive]"))
    assert "--rights: is missing" in refused(hub, store)
    assert make(hub, store, InviteWanted(account=OTHER, rights=PUBLISH_ONLY)).token.rights == PUBLISH_ONLY


def test_a_joiner_s_stack_invites_nobody(tmp_path: Path, store: Store) -> None:
    made = new_world(tmp_path)
    brought_up(
        made,
        "config:\n  aws:region: us-east-1\n  fedml-infra:fed_name: cardio\n  fedml-infra:sync_sched: m30\n"
        f"  fedml-infra:aws_topic_arn: {TOPIC}\n  fedml-infra:fed_secret_key: {{secure: v1:x}}\n"
        "  fedml-infra:nodes:\n    - {pid: insel, s3_bucket: insel-fed}\n",
    )
    assert "only joins" in refused(made, store)


def test_a_stack_that_never_came_up_invites_nobody(tmp_path: Path, store: Store) -> None:
    made = new_world(tmp_path)
    made.write()
    assert "fedml-infra up cardio" in refused(made, store)


def test_a_stack_that_was_taken_down_invites_nobody(hub: World, store: Store) -> None:
    hub.engine.destroy("cardio")
    assert "not up" in refused(hub, store)


@pytest.mark.parametrize(
    ("old", "new"),
    [("us-east-1", "eu-west-1"), ("fed_name: cardio", "fed_name: cardio\n  fedml-infra:roster_bucket: other-roster")],
)
def test_a_file_that_leads_elsewhere_than_the_last_run_is_brought_up_first(
    hub: World, store: Store, old: str, new: str
) -> None:
    edit(hub, old, new)
    assert "another topic or roster bucket" in refused(hub, store)


def test_a_member_that_is_invited_again_is_told(hub: World, store: Store) -> None:
    assert any("member of cardio already" in note for note in make(hub, store, InviteWanted(account=MEMBER)).notes)


def test_who_was_removed_lately_needs_another_pid(hub: World, store: Store) -> None:
    store.members.admitted(TOPIC, OTHER, 1)
    store.members.removed(TOPIC, OTHER, "admin@host")
    (note,) = [note for note in make(hub, store).notes if OTHER in note]
    until = store.now() + timedelta(hours=72)
    assert "another pid" in note and f"{until:%Y-%m-%d %H:}" in note


def test_who_never_left_does_not(hub: World, store: Store) -> None:
    store.members.admitted(TOPIC, OTHER, 1)
    assert not any("pid" in note for note in make(hub, store).notes)


@pytest.mark.parametrize(
    ("url", "told"), [("http://fed.example.org/x", True), (URL, False), ("http://127.0.0.1:8080/x", False)]
)
def test_an_address_in_clear_is_told(hub: World, store: Store, url: str, told: bool) -> None:
    notes = make(hub, store, InviteWanted(rest_url=url)).notes
    assert any("https" in note for note in notes) is told


def test_a_revoked_invite_is_revoked(hub: World, store: Store) -> None:
    made = make(hub, store)
    done = revoke_invite(store, made.token.id[:6])
    assert done.token.state(store.now()) is TokenState.REVOKED
    assert done.notes == ()


def test_an_unused_v1_invite_that_is_revoked_advises_a_rotation(hub: World, store: Store) -> None:
    (note,) = revoke_invite(store, make(hub, store, V1).token.id).notes
    assert "fedml-infra rotate-key cardio" in note


def test_a_used_invite_that_is_revoked_leaves_its_member(hub: World, store: Store) -> None:
    made = make(hub, store, V1)
    store.tokens.redeem(made.token.digest, aws_id=OTHER, pid="insel", public_key=None)
    (note,) = revoke_invite(store, made.token.id).notes
    assert f"fedml-infra members remove {OTHER} -s cardio" in note


def test_an_invite_for_machines_has_everything_but_its_hash(hub: World, store: Store) -> None:
    made = make(hub, store, InviteWanted(account=OTHER, rights=BOTH))
    store.tokens.redeem(made.token.digest, aws_id=OTHER, pid="insel", public_key="key")
    told = invite_json(store.tokens.get(made.token.id), store.now())
    assert (told["state"], told["used_by"], told["pid"]) == ("used", OTHER, "insel")
    assert told["rights"] == ["publish", "receive"]
    assert made.token.digest.hex() not in str(told)
    assert datetime.fromisoformat(told["expires_at"]) == made.token.expires_at.astimezone(UTC)


@given(count=st.integers(1, 30), unit=st.sampled_from("mhd"))
def test_a_life_is_read_in_either_spelling(count: int, unit: str) -> None:
    assert life(f"{count}{unit}") == life(f"{unit}{count}") == Schedule(unit, count)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "0h", "-2h", "2w", "2H", "1.5h", "h2h", "²h", "٢h"])
def test_a_life_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="30m, 2h or 7d"):
        life(text)


def test_no_invite_lives_longer_than_thirty_days() -> None:
    assert life("30d").days == 30
    for text in ("31d", "721h"):
        with pytest.raises(ConfigurationError, match="30 days"):
            life(text)
