"""Challenges that a verifier knows again, and the forms of what goes back and forth."""

from __future__ import annotations

import string
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedml_infra.errors import ProofRefusedError
from fedml_infra.model.proof import Challenge, Proof, ProofRefusal, amz_date, claims
from fedml_infra.wire.encoding import base64url
from fedml_infra.wire.v2.proof import CHALLENGE_SECONDS, Challenger
from tests.wire.values import TOPIC, accounts, moments, names, texts

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
URL = "https://fed.example.org/symetry/rest/c1/fedml/charite/createPolicies"
CLAIMS = claims(aws_id="222222222222", pid="insel", public_key=None)
ABOUT = {"topic_arn": TOPIC, "verifier": URL, "token_id": "00ff00ff00ff00ff", "claims": CLAIMS}
CHALLENGER = Challenger(bytes(range(32)))
GIVEN = CHALLENGER.challenge(**ABOUT, now=NOW)
PROOF = Proof("eu-west-1", amz_date(NOW), "AKIAEXAMPLE0", "token", "0a" * 32, nonce=GIVEN.nonce, expires=GIVEN.expires)


def reason(refused: pytest.ExceptionInfo[ProofRefusedError]) -> str:
    return refused.value.reason


def test_a_challenge_lives_five_minutes() -> None:
    assert GIVEN.expires == NOW.replace(microsecond=0) + timedelta(seconds=CHALLENGE_SECONDS)


def test_no_two_challenges_are_alike() -> None:
    assert CHALLENGER.challenge(**ABOUT, now=NOW).nonce != GIVEN.nonce


def test_the_verifier_knows_its_own_again() -> None:
    assert CHALLENGER.recall(PROOF, **ABOUT) == GIVEN


OTHER = {
    "topic_arn": TOPIC + "2",
    "verifier": URL.replace("charite", "insel"),
    "token_id": "11ff00ff00ff00ff",
    "claims": claims(aws_id="222222222222", pid="insel", public_key="AA=="),
}


@pytest.mark.parametrize("key", OTHER)
def test_a_challenge_about_something_else_is_none(key: str) -> None:
    with pytest.raises(ProofRefusedError) as refused:
        CHALLENGER.recall(PROOF, **ABOUT | {key: OTHER[key]})
    assert reason(refused) == ProofRefusal.CHALLENGE


@pytest.mark.parametrize(
    "forged",
    [
        replace(PROOF, expires=GIVEN.expires + timedelta(seconds=1)),
        replace(PROOF, nonce=base64url(bytes(48))),
        replace(PROOF, nonce=base64url(bytes(12))),
        replace(PROOF, nonce="A" * 17),
        replace(PROOF, nonce=GIVEN.nonce[:-1] + ("A" if GIVEN.nonce[-1] != "A" else "B")),
    ],
    ids=["later", "made up", "short", "not base64url", "one letter"],
)
def test_a_challenge_that_was_changed_is_none(forged: Proof) -> None:
    with pytest.raises(ProofRefusedError) as refused:
        CHALLENGER.recall(forged, **ABOUT)
    assert reason(refused) == ProofRefusal.CHALLENGE


def test_a_challenge_of_a_verifier_with_another_key_is_none() -> None:
    with pytest.raises(ProofRefusedError) as refused:
        Challenger().recall(PROOF, **ABOUT)
    assert reason(refused) == ProofRefusal.CHALLENGE


def test_two_processes_with_one_key_know_each_other_s() -> None:
    assert Challenger(bytes(range(32))).recall(PROOF, **ABOUT) == GIVEN


def test_the_key_does_not_print_itself() -> None:
    assert "key" not in repr(CHALLENGER)


@pytest.mark.parametrize("field", [field.name for field in fields(Challenge)])
def test_every_field_is_in_the_text_that_is_signed(field: str) -> None:
    other = GIVEN.expires + timedelta(seconds=1) if field == "expires" else f"{getattr(GIVEN, field)}x"
    assert replace(GIVEN, **{field: other}).text() != GIVEN.text()


def test_nothing_slips_from_one_field_into_the_next() -> None:
    moved = replace(GIVEN, topic_arn=TOPIC + URL[0], verifier=URL[1:])
    assert moved.text() != GIVEN.text()


@given(texts, texts)
def test_the_text_can_stand_in_a_header(topic: str, verifier: str) -> None:
    text = replace(GIVEN, topic_arn=topic, verifier=verifier).text()
    assert set(text) <= set(string.ascii_letters + string.digits + "._-")


@given(names, accounts, st.none() | names)
def test_claims_differ_where_what_is_asked_for_differs(pid: str, account: str, key: str | None) -> None:
    asked = claims(aws_id=account, pid=pid, public_key=key)
    assert asked != claims(aws_id=account, pid=pid + "x", public_key=key)
    assert asked != claims(aws_id=account, pid=pid, public_key=f"{key}x")


@given(moments)
def test_a_challenge_comes_back_as_it_went(now: datetime) -> None:
    made = CHALLENGER.challenge(**ABOUT, now=now)
    assert Challenge.from_map(made.to_map(), **ABOUT) == made


@given(st.none() | st.from_regex(r"[A-Za-z0-9+/=]{1,40}", fullmatch=True), moments)
def test_a_proof_comes_back_as_it_went(token: str | None, at: datetime) -> None:
    made = replace(PROOF, session_token=token, amz_date=amz_date(at))
    assert Proof.from_map(made.to_map()) == made


def test_a_proof_prints_neither_token_nor_signature() -> None:
    shown = repr(replace(PROOF, session_token="s3cret"))
    assert "s3cret" not in shown
    assert PROOF.signature not in shown


GOOD = PROOF.to_map()


@pytest.mark.parametrize(
    "found",
    [
        None,
        "text",
        [],
        {},
        {key: value for key, value in GOOD.items() if key != "nonce"},
        GOOD | {"url": "https://sts.example.org/"},
        GOOD | {"host": "sts.example.org"},
        GOOD | {"region": 1},
        GOOD | {"region": "evil.example.org/"},
        GOOD | {"region": "us-east-1\r\nHost: x"},
        GOOD | {"region": "US_EAST_1"},
        GOOD | {"amz_date": "2026-11-24T12:00:00Z"},
        GOOD | {"amz_date": "20261324T120000Z"},
        GOOD | {"access_key_id": "AKIA/20261124/us-east-1/iam"},
        GOOD | {"access_key_id": ""},
        GOOD | {"session_token": "a b"},
        GOOD | {"session_token": "a\r\nX-Amz-Date: x"},
        GOOD | {"session_token": ""},
        GOOD | {"session_token": "a" * 8193},
        GOOD | {"signature": "0A" * 32},
        GOOD | {"signature": "0a" * 31},
        GOOD | {"signature": "0a" * 32 + "\n"},
        GOOD | {"nonce": "short"},
        GOOD | {"nonce": "with spaces in it, and long"},
        GOOD | {"expires": "tomorrow"},
        GOOD | {"expires": "2026-1-2T3:4:5Z"},
    ],
)
def test_what_is_no_proof_is_refused(found: object) -> None:
    with pytest.raises(ProofRefusedError) as refused:
        Proof.from_map(found)
    assert reason(refused) == ProofRefusal.GARBAGE


@pytest.mark.parametrize("found", [None, {}, {"nonce": "x", "expires": "y"}, GIVEN.to_map() | {"topic_arn": TOPIC}])
def test_what_is_no_challenge_is_refused(found: object) -> None:
    with pytest.raises(ProofRefusedError) as refused:
        Challenge.from_map(found, **ABOUT)
    assert reason(refused) == ProofRefusal.GARBAGE


@given(st.dictionaries(st.sampled_from([*GOOD, "session_token", "x"]), texts | st.none() | st.integers()))
def test_any_map_is_read_or_refused(found: dict[str, object]) -> None:
    try:
        assert Proof.from_map(found).to_map() == found
    except ProofRefusedError as error:
        assert error.reason == ProofRefusal.GARBAGE
