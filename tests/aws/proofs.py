"""What the tests of proofs share: who proves what to whom, and an STS that answers as it is told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from fedml_infra.aws.identity_proof import proven_account, sign_proof
from fedml_infra.aws.sessions import Access, Keys
from fedml_infra.errors import ProofRefusedError
from fedml_infra.model.proof import Challenge, Proof, claims
from fedml_infra.wire.v2.proof import Challenger

TOPIC = "arn:aws:sns:us-east-1:111111111111:cardio"
URL = "https://fed.example.org/symetry/rest/c1/fedml/charite/createPolicies"
VICTIM, OTHER = "222222222222", "333333333333"
CHALLENGER = Challenger()
ABOUT = {
    "topic_arn": TOPIC,
    "verifier": URL,
    "token_id": "00ff00ff00ff00ff",
    "claims": claims(aws_id=VICTIM, pid="insel", public_key=None),
}


def now() -> datetime:
    return datetime.now(UTC)


def challenge(**about: Any) -> Challenge:
    return CHALLENGER.challenge(**ABOUT | about, now=now())


class Once:
    """The store's memory of challenges."""

    def __init__(self) -> None:
        self.known: dict[bytes, datetime] = {}

    def __call__(self, digest: bytes, expires: datetime) -> bool:
        first = digest not in self.known
        self.known[digest] = expires
        return first


def verify(proof: Proof, given: Challenge, *, at: datetime | None = None, once: Once | None = None) -> str:
    return proven_account(proof, given, now=at or now(), use_once=once or Once())


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ProofRefusedError) as refused:
        call()
    assert refused.value.fix
    return refused.value.reason


@dataclass(frozen=True)
class Joiners:
    """Users of two accounts, a role's session of the first, and a user of the account in another partition that has
    the digits of the first.
    """

    user: Access
    other: Access
    session: Access
    namesake: Access


@dataclass
class OddSts:
    """An STS that answers whatever it is told to, and keeps the calls."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    calls: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


KEYS = Access(keys=Keys("AKIAGIVENGIVENGIVEN1", "given-secret", "given-token"))


def answer(account: str) -> bytes:
    return (
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>a</Arn><UserId>u</UserId>"
        f"<Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    ).encode()


def failure(code: str) -> bytes:
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>".encode()


def signed() -> tuple[Proof, Challenge]:
    given = challenge()
    return sign_proof(KEYS, "eu-west-1", given), given
