"""Invites as values, their maps, both spellings, and tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError, UnreadableError
from fedml_infra.model.mistake import MistakeError
from fedml_infra.wire import blobs, v1
from fedml_infra.wire.invites import Invite, InviteV1, invite_of
from fedml_infra.wire.spellings import canonical, in_old_spelling, java_region
from fedml_infra.wire.tokens import digest, new_token, token, token_id
from fedml_infra.wire.v2 import envelope
from tests.wire import book
from tests.wire.values import EXPIRES, FED_KEY, PASSPHRASE, TOKEN, invite, invite_v1, invites, invites_v1, maps


def problems(given: dict[str, object], kind: type[Invite] | type[InviteV1] = Invite) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as error:
        kind.from_map(given)
    assert TOKEN not in str(error.value)
    assert FED_KEY not in str(error.value)
    return {problem.key: problem.message for problem in error.value.problems}


@given(invites())
def test_an_invite_comes_back_from_its_map(value: Invite) -> None:
    assert Invite.from_map(value.to_map()) == value == invite_of(value.to_map())
    assert all(isinstance(text, str) for text in value.to_map().values())


@given(invites_v1(), st.booleans())
def test_a_v1_invite_comes_back_from_its_map_in_either_spelling(value: InviteV1, old: bool) -> None:
    written = in_old_spelling(value.to_map()) if old else value.to_map()
    assert invite_of(written) == value


@given(invites_v1(), st.text("abc019", min_size=1, max_size=16))
def test_a_v1_invite_comes_back_from_its_blob(value: InviteV1, password: str) -> None:
    assert blobs.open_invite(blobs.seal_invite(value, SecretStr(password)), SecretStr(password)) == value


def test_a_v2_invite_comes_back_from_its_blob() -> None:
    text = blobs.seal_invite(invite(), PASSPHRASE)
    assert blobs.version_of(text) is blobs.Version.V2
    assert blobs.open_invite(text, PASSPHRASE) == invite()


def test_a_v1_invite_has_the_keys_that_its_clients_know() -> None:
    assert set(invite_v1().to_map()) == {
        "sync_sched",
        "fed_secret_key",
        "aws_topic_arn",
        "fed_name",
        "aws_topic_region",
        "fed_rest_url",
        "fed_req_token",
    }
    assert {"group_name", "group_secret_key", "group_rest_url"} <= set(in_old_spelling(invite_v1().to_map()))


def test_a_v2_invite_never_carries_the_federation_s_key() -> None:
    assert "fed_secret_key" not in Invite.model_fields
    assert "fed_secret_key" not in Invite.from_map({**invite().to_map(), "fed_secret_key": FED_KEY}).to_map()


def test_everything_missing_is_named_at_once() -> None:
    assert set(problems({})) == {
        "fed_name",
        "sync_sched",
        "aws_topic_arn",
        "aws_topic_region",
        "fed_req_token",
        "topology",
        "hub_public_key",
        "roster_bucket",
        "expires",
    }
    assert set(problems({"fed_name": "cardio"}, InviteV1)) == {
        "sync_sched",
        "aws_topic_arn",
        "aws_topic_region",
        "fed_req_token",
        "fed_secret_key",
        "fed_rest_url",
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fed_name", "a b"),
        ("sync_sched", "30m"),
        ("aws_topic_arn", "arn:aws:sqs:us-east-1:111111111111:cardio"),
        ("aws_topic_region", "us-east-9"),
        ("fed_req_token", "TOKEN12"),
        ("topology", "star"),
        ("hub_public_key", "AA=="),
        ("roster_bucket", "A"),
        ("expires", "tomorrow"),
        ("expires", "2026-01-31T12:00:00"),
        ("rights", "read"),
        ("fed_rest_url", "ftp://x"),
        ("fed_rest_url", "https://user@x"),
        ("fed_rest_url", "https://[x"),
        ("aws_id", "12"),
        ("sync_sched", 30),
    ],
)
def test_what_is_wrong_is_named(key: str, value: object) -> None:
    assert set(problems({**invite().to_map(), key: value})) == {key}


def test_a_topic_of_another_name_or_region_is_refused() -> None:
    assert "names 'cardio'" in str(problems({**invite().to_map(), "fed_name": "neuro"}))
    assert "is in us-east-1" in str(problems({**invite().to_map(), "aws_topic_region": "eu-west-1"}))


def test_without_a_server_it_must_be_bound_to_an_account() -> None:
    offline = invite(fed_rest_url=None, aws_id="222222222222").to_map()
    assert Invite.from_map(offline).fed_rest_url is None
    assert "the one account" in str(problems({**offline, "aws_id": ""}))


def test_regions_are_read_as_java_writes_them() -> None:
    given = {**invite().to_map(), "topic_region": "US_EAST_1"}
    del given["aws_topic_region"]
    assert Invite.from_map(given) == invite()


def test_it_expires_at_its_moment() -> None:
    assert not invite().expired(EXPIRES - timedelta(microseconds=1))
    assert invite().expired(EXPIRES)


def test_secrets_of_an_invite_do_not_print_themselves() -> None:
    shown = f"{invite()!r} {invite()} {invite_v1()!r}"
    assert TOKEN not in shown
    assert FED_KEY not in shown


def test_a_later_release_s_keys_are_left_alone() -> None:
    assert Invite.from_map({**invite().to_map(), "later": "x"}) == invite()


def test_a_blob_whose_header_names_another_federation_than_its_map_is_refused() -> None:
    from fedml_infra.wire.encoding import to_json

    text = envelope.seal(to_json(invite().to_map()), PASSPHRASE, purpose="invite", federation="neuro")
    with pytest.raises(UnreadableError):
        blobs.open_invite(text, PASSPHRASE)
    assert blobs.decrypt_invite(text, PASSPHRASE)["fed_name"] == "cardio"


def test_a_v2_blob_that_holds_no_map_is_refused() -> None:
    text = envelope.seal(b"[]", PASSPHRASE, purpose="invite", federation="cardio")
    with pytest.raises(UnreadableError):
        blobs.decrypt_invite(text, PASSPHRASE)


def test_reading_is_lenient() -> None:
    blob = v1.encrypt_invite({"anything": "at all"}, SecretStr("x"))
    assert blobs.decrypt_invite(blob, SecretStr("x")) == {"anything": "at all"}


@pytest.mark.parametrize("version", list(blobs.Version))
def test_what_is_no_text_is_not_encrypted(version: blobs.Version) -> None:
    with pytest.raises(ConfigurationError, match="a: must be text, not a number"):
        blobs.encrypt_invite({"fed_name": "cardio", "a": 1}, SecretStr("x"), version)  # type: ignore[dict-item]


def test_a_v2_blob_needs_the_federation_s_name() -> None:
    with pytest.raises(ConfigurationError, match="lacks fed_name"):
        blobs.encrypt_invite({}, PASSPHRASE)


def test_the_version_that_is_insisted_on_is_the_only_one_read() -> None:
    blob = v1.encrypt_invite({}, SecretStr("x"))
    with pytest.raises(UnreadableError):
        blobs.decrypt_invite(blob, SecretStr("x"), blobs.Version.V2)
    with pytest.raises(UnreadableError):
        blobs.decrypt_invite("fedml2-invite.AAAA", SecretStr("x"), blobs.Version.V1)


# Spellings.


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("group_name", "fed_name"),
        ("group_secret_key", "fed_secret_key"),
        ("group_rest_url", "fed_rest_url"),
        ("topic_region", "aws_topic_region"),
        ("sync_sched", "sync_sched"),
    ],
)
def test_each_key_is_read_in_either_spelling(old: str, new: str) -> None:
    assert canonical({old: "x"}) == canonical({new: "x"}) == {new: "x"}
    assert canonical({old: "x", new: "x"}) == {new: "x"}


def test_two_spellings_that_differ_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="group_name and as fed_name"):
        canonical({"group_name": "a", "fed_name": "b"})


@given(maps)
def test_a_canonical_map_stays(values: dict[str, str]) -> None:
    assert canonical(canonical(values)) == canonical(values)


def test_regions_as_java_writes_them() -> None:
    assert java_region("us-east-1") == java_region("US_EAST_1") == "US_EAST_1"
    with pytest.raises(MistakeError):
        java_region("us-east-99")


# Tokens.


def test_a_token_holds_256_bits_and_is_another_each_time() -> None:
    asked: list[int] = []
    made = new_token(lambda size: (asked.append(size), b"\xff" * size)[1])
    assert (asked, made.get_secret_value()) == ([32], "FEDTOKEN" + "ff" * 32)
    assert len({new_token().get_secret_value() for _ in range(20)}) == 20


def test_a_token_does_not_print_itself_and_a_refused_one_is_not_repeated() -> None:
    assert TOKEN not in repr(token(TOKEN))
    for wrong in ("hunter2-hunter2", "FEDTOKENxyz", "FEDTOKEN", f" {TOKEN}", f"{TOKEN}\n"):
        with pytest.raises(MistakeError) as error:
            token(wrong)
        assert wrong == "FEDTOKEN" or wrong not in str(error.value)


def test_its_id_is_by_the_book_and_does_not_give_the_stored_digest_away() -> None:
    stored = digest(SecretStr(TOKEN))
    assert token_id(stored) == book.token_id(TOKEN)
    assert token_id(stored) not in stored.hex()
