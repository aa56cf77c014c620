"""Whose account it is, by AWS's word: proofs against a moto that checks signatures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.aws.identity_proof import require_account, sign_proof
from fedml_infra.aws.sessions import Access, forget
from fedml_infra.model.proof import Challenge, Proof, ProofRefusal, amz_date, claims
from tests.aws.proofs import (
    ABOUT,
    CHALLENGER,
    OTHER,
    URL,
    VICTIM,
    Joiners,
    Once,
    challenge,
    now,
    refusal,
    verify,
)


def test_the_account_is_that_of_who_signed(joiners: Joiners) -> None:
    given = challenge()
    assert verify(sign_proof(joiners.user, "eu-west-1", given), given) == VICTIM


def test_a_role_s_session_proves_its_account(joiners: Joiners) -> None:
    given = challenge()
    proof = sign_proof(joiners.session, "eu-west-1", given)
    assert proof.session_token
    assert verify(proof, given) == VICTIM


def test_it_goes_over_the_wire(joiners: Joiners) -> None:
    given = challenge()
    sent = sign_proof(joiners.user, "us-east-1", Challenge.from_map(given.to_map(), **ABOUT)).to_map()
    received = Proof.from_map(sent)
    assert verify(received, CHALLENGER.recall(received, **ABOUT)) == VICTIM


def test_another_account_s_signature_proves_the_other_account(joiners: Joiners) -> None:
    given = challenge()
    proven = verify(sign_proof(joiners.other, "eu-west-1", given), given)
    assert proven == OTHER
    assert refusal(lambda: require_account(proven, VICTIM)) == ProofRefusal.ACCOUNT


@pytest.mark.parametrize(
    "about",
    [
        {"topic_arn": "arn:aws:sns:us-east-1:111111111111:neuro"},
        {"verifier": URL.replace("charite", "insel")},
        {"token_id": "11ff00ff00ff00ff"},
        {"claims": claims(aws_id=VICTIM, pid="insel", public_key="AA==")},
    ],
    ids=lambda about: next(iter(about)),
)
def test_a_signature_for_something_else_is_none_for_this(joiners: Joiners, about: dict[str, str]) -> None:
    """Even where the verifier did not look at its own challenges: what was signed is another text."""
    given = challenge()
    elsewhere = Challenge(**ABOUT | about, nonce=given.nonce, expires=given.expires)
    assert refusal(lambda: verify(sign_proof(joiners.user, "eu-west-1", elsewhere), given)) == ProofRefusal.SIGNATURE


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"region": "eu-west-2"}, ProofRefusal.SIGNATURE),
        ({"signature": "0a" * 32}, ProofRefusal.SIGNATURE),
        ({"access_key_id": "AKIANOBODYNOBODY0000"}, ProofRefusal.CREDENTIALS),
        ({"session_token": "another"}, ProofRefusal.CREDENTIALS),
        ({"nonce": "0123456789abcdef"}, ProofRefusal.CHALLENGE),
        ({"expires": datetime(2099, 1, 1, tzinfo=UTC)}, ProofRefusal.CHALLENGE),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else str(value),
)
def test_whatever_is_changed_is_refused(joiners: Joiners, changed: dict[str, Any], why: ProofRefusal) -> None:
    given = challenge()
    proof = replace(sign_proof(joiners.user, "eu-west-1", given), **changed)
    assert refusal(lambda: verify(proof, given)) == why


def test_another_time_than_the_one_signed_is_refused(joiners: Joiners) -> None:
    given = challenge()
    proof = sign_proof(joiners.user, "eu-west-1", given, now=now() - timedelta(seconds=30))
    assert refusal(lambda: verify(replace(proof, amz_date=amz_date(now())), given)) == ProofRefusal.SIGNATURE


def test_another_secret_is_refused(joiners: Joiners) -> None:
    assert joiners.user.keys is not None
    given = challenge()
    proof = sign_proof(Access(keys=replace(joiners.user.keys, secret_access_key="x")), "eu-west-1", given)
    assert refusal(lambda: verify(proof, given)) == ProofRefusal.SIGNATURE


def test_an_expired_challenge_is_refused(joiners: Joiners) -> None:
    given = challenge()
    proof = sign_proof(joiners.user, "eu-west-1", given)
    assert refusal(lambda: verify(proof, given, at=given.expires)) == ProofRefusal.EXPIRED


def test_a_proof_counts_once(joiners: Joiners) -> None:
    given, once = challenge(), Once()
    proof = sign_proof(joiners.user, "eu-west-1", given)
    verify(proof, given, once=once)
    assert refusal(lambda: verify(proof, given, once=once)) == ProofRefusal.REPEATED
    assert once.known == {given.once(): given.expires}


def test_a_challenge_is_used_up_by_a_proof_that_failed(joiners: Joiners) -> None:
    given, once = challenge(), Once()
    proof = sign_proof(joiners.user, "eu-west-1", given)
    assert refusal(lambda: verify(replace(proof, signature="0" * 64), given, once=once)) == ProofRefusal.SIGNATURE
    assert refusal(lambda: verify(proof, given, once=once)) == ProofRefusal.REPEATED


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_clock_that_is_off_by_more_than_five_minutes_is_refused(joiners: Joiners, seconds: int) -> None:
    given = challenge()
    proof = sign_proof(joiners.user, "eu-west-1", given, now=now() + timedelta(seconds=seconds + (2 * (seconds > 0))))
    assert refusal(lambda: verify(proof, given)) == ProofRefusal.CLOCK


def test_a_clock_that_is_off_by_four_minutes_is_not(joiners: Joiners) -> None:
    given = challenge()
    proof = sign_proof(joiners.user, "eu-west-1", given, now=now() - timedelta(minutes=4))
    assert verify(proof, given) == VICTIM


def test_a_profile_s_keys_are_those_that_sign(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "[profile insel]\naws_access_key_id = AKIAINSELINSEL000000\naws_secret_access_key = s\n"
    )
    forget()
    assert sign_proof(Access(profile="insel"), "eu-west-1", challenge()).access_key_id == "AKIAINSELINSEL000000"
