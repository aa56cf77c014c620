"""Each attack is refused, and succeeds against a verifier from which the line that refuses it has been taken out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fedml_infra.aws import identity_proof
from fedml_infra.errors import NetworkError, ProofRefusedError
from tests.aws.proofs import (
    VICTIM,
    Joiners,
    OddSts,
    Once,
    challenge,
    now,
    signed,
)


def mutant(old: str, new: str) -> ModuleType:
    """`identity_proof` with one text replaced."""
    source = Path(identity_proof.__file__).read_text()
    assert source.count(old) == 1, old
    made = ModuleType("mutant")
    made.__file__ = identity_proof.__file__
    sys.modules["mutant"] = made
    exec(compile(source.replace(old, new), "mutant", "exec"), made.__dict__)
    return made


def foreign(module: Any, joiners: Joiners) -> None:
    given = challenge()
    proof = module.sign_proof(joiners.other, "eu-west-1", given)
    module.require_account(module.proven_account(proof, given, now=now(), use_once=Once()), VICTIM)


def of_another_federation(module: Any, joiners: Joiners) -> None:
    given = challenge()
    elsewhere = replace(given, topic_arn="arn:aws:sns:us-east-1:444444444444:cardio")
    proof = module.sign_proof(joiners.user, "eu-west-1", elsewhere)
    module.proven_account(proof, given, now=now(), use_once=Once())


def repeated(module: Any, joiners: Joiners) -> None:
    given, once = challenge(), Once()
    proof = module.sign_proof(joiners.user, "eu-west-1", given)
    for _ in range(2):
        module.proven_account(proof, given, now=now(), use_once=once)


def expired(module: Any, joiners: Joiners) -> None:
    given = replace(challenge(), expires=now().replace(microsecond=0) - timedelta(seconds=1))
    proof = module.sign_proof(joiners.user, "eu-west-1", given)
    module.proven_account(proof, given, now=now(), use_once=Once())


def signed_long_before(module: Any, joiners: Joiners) -> None:
    given = challenge()
    proof = module.sign_proof(joiners.user, "eu-west-1", given, now=now() - timedelta(minutes=10))
    module.proven_account(proof, given, now=now(), use_once=Once())


def from_another_partition(module: Any, joiners: Joiners) -> None:
    given = challenge()
    proof = module.sign_proof(joiners.namesake, "us-gov-west-1", given)
    module.proven_account(proof, given, now=now(), use_once=Once())


def for_another_challenge(module: Any, joiners: Joiners) -> None:
    given = challenge()
    proof = module.sign_proof(joiners.user, "eu-west-1", given)
    module.proven_account(replace(proof, nonce="0123456789abcdef"), given, now=now(), use_once=Once())


Attack = Callable[[Any, Joiners], None]
MUTATIONS: dict[str, tuple[Attack, str, str]] = {
    "trusts the account that was claimed": (foreign, "if proven != claimed:", "if False:"),
    "does not sign the challenge": (of_another_federation, ", HEADER: challenge.text()}", "}"),
    "remembers nothing": (repeated, "if not use_once(challenge.once(), challenge.expires):", "if False:"),
    "never expires": (expired, "if now >= challenge.expires:", "if False:"),
    "has no clock": (signed_long_before, "SKEW_SECONDS = 300", "SKEW_SECONDS = 10**6"),
    "asks any partition": (from_another_partition, "if partition_of(region) != partition:", "if False:"),
    "takes the proof of another challenge": (
        for_another_challenge,
        "if (proof.nonce, proof.expires) != (challenge.nonce, challenge.expires):",
        "if False:",
    ),
}


@pytest.mark.parametrize(("attack", "old", "new"), MUTATIONS.values(), ids=MUTATIONS)
def test_the_line_that_refuses_an_attack_is_needed(joiners: Joiners, attack: Attack, old: str, new: str) -> None:
    with pytest.raises(ProofRefusedError):
        attack(identity_proof, joiners)
    attack(mutant(old, new), joiners)


def test_a_verifier_that_follows_redirects_would_be_led_away(sts: OddSts) -> None:
    sts.status, sts.headers = 307, {"Location": f"{sts.url}/elsewhere"}
    proof, given = signed()
    with pytest.raises(NetworkError):
        mutant("follow_redirects=False", "follow_redirects=True").proven_account(
            proof, given, now=now(), use_once=Once()
        )
    assert len(sts.calls) > 1
