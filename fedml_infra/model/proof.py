"""What proves to a federation's administrator that a joiner's AWS account is its own: a challenge, and its answer.

The joiner signs a call of STS (`aws.identity_proof`) whose header carries `Challenge.text`. It sends the signature and
what the verifier cannot know, never a URL, a header or a body: CVE-2020-16250 and CVE-2022-2385 were verifiers that
passed those on.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from fedml_infra.errors import ProofRefusedError

_LABEL = "fedml2 identity proof"
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_AMZ_DATE = "%Y%m%dT%H%M%SZ"


class ProofRefusal(StrEnum):
    """Why a proof is refused, in one word."""

    GARBAGE = "garbage"
    """It is no proof: something is missing, or cannot be."""
    REGION = "region"
    """No region of AWS, or one of another partition than the topic's, where the same digits are another account."""
    CHALLENGE = "challenge"
    """It answers no challenge of this server for this federation, invite and joiner."""
    EXPIRED = "expired"
    REPEATED = "repeated"
    CLOCK = "clock"
    SIGNATURE = "signature"
    CREDENTIALS = "credentials"
    """AWS does not know the credentials that it was signed with, or they have expired."""
    ACCOUNT = "account"
    """It proves an account, and another one was claimed."""


@dataclass(frozen=True)
class Challenge:
    """What a joiner is to sign. Both sides know everything but `nonce` and `expires`, which the verifier gives."""

    topic_arn: str
    verifier: str
    """The whole URL that the joiner asks at: its invite's `fed_rest_url`."""
    token_id: str
    """`wire.tokens.token_id` of the invite's token."""
    claims: str
    """`claims` of what the joiner asks for, so that nobody on the way puts another public key beside the proof."""
    nonce: str
    expires: datetime
    """UTC, whole seconds."""

    def text(self) -> str:
        """The header's value: printable ASCII of one length, the same for equal challenges only."""
        said = (_LABEL, self.topic_arn, self.verifier, self.token_id, self.claims, self.nonce, moment(self.expires))
        return f"fedml2.{_digest(said)}"

    def once(self) -> bytes:
        """What the verifier remembers until `expires`, so that no proof counts twice."""
        return hashlib.sha256(self.text().encode()).digest()

    def to_map(self) -> dict[str, str]:
        """What the verifier sends: what the joiner does not know."""
        return {"nonce": self.nonce, "expires": moment(self.expires)}

    @classmethod
    def from_map(cls, found: object, *, topic_arn: str, verifier: str, token_id: str, claims: str) -> Challenge:
        """The challenge that a joiner was given, for the federation, URL and invite that it means to join with.

        Whatever else the verifier says is not heeded, so no server gets a signature that is good at another one.
        Raises ProofRefusedError (garbage).
        """
        nonce, expires = _echo(_texts(found, {"nonce", "expires"}, "challenge"), "challenge")
        return cls(topic_arn, verifier, token_id, claims, nonce, expires)


@dataclass(frozen=True)
class Proof:
    """A joiner's signature, what of the signed call the verifier cannot know, and which challenge it answers."""

    region: str
    amz_date: str
    """X-Amz-Date: `20261124T120000Z`."""
    access_key_id: str
    session_token: str | None = field(repr=False)
    signature: str = field(repr=False)
    """64 hex digits."""
    nonce: str
    expires: datetime

    def signed_at(self) -> datetime:
        """When it says that it was signed, in UTC."""
        return datetime.strptime(self.amz_date, _AMZ_DATE).replace(tzinfo=UTC)

    def to_map(self) -> dict[str, str]:
        """What the joiner sends."""
        sent = {
            "region": self.region,
            "amz_date": self.amz_date,
            "access_key_id": self.access_key_id,
            "signature": self.signature,
            "nonce": self.nonce,
            "expires": moment(self.expires),
        }
        return sent if self.session_token is None else sent | {"session_token": self.session_token}

    @classmethod
    def from_map(cls, found: object) -> Proof:
        """The proof that a joiner sent, every value of a form that may stand in a header. ProofRefusedError (garbage)
        otherwise, for a key too many as well. Whether AWS has the region is not looked at.
        """
        given = _texts(found, {*_FORMS, "session_token", "nonce", "expires"}, "proof", optional={"session_token"})
        for key, form in _FORMS.items():
            if not form.fullmatch(given[key]):
                raise _garbage("proof", f"its {key} cannot be one")
        token = given.get("session_token")
        if token is not None and not _TOKEN.fullmatch(token):
            raise _garbage("proof", "its session_token cannot be one")
        nonce, expires = _echo(given, "proof")
        proof = cls(**{key: given[key] for key in _FORMS}, session_token=token, nonce=nonce, expires=expires)
        try:
            proof.signed_at()
        except ValueError:
            raise _garbage("proof", "its amz_date is no time") from None
        return proof


_FORMS = {
    "region": re.compile(r"[a-z0-9-]{1,32}"),
    "amz_date": re.compile(r"[0-9]{8}T[0-9]{6}Z"),
    # AWS says 16 to 128 characters of \w (IAM, AccessKey); the sandbox's are an account's twelve digits.
    "access_key_id": re.compile(r"[A-Za-z0-9_]{12,128}"),
    "signature": re.compile(r"[0-9a-f]{64}"),
}
# AWS sets no length (STS, AssumeRole: "we strongly recommend that you make no assumptions"); more is no header.
_TOKEN = re.compile(r"[A-Za-z0-9+/=_.:%-]{1,8192}")
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,128}")


def claims(*, aws_id: str, pid: str, public_key: str | None) -> str:
    """What a joiner asks for, as one text of 43 characters."""
    return _digest((_LABEL, aws_id, pid, public_key))


def amz_date(at: datetime) -> str:
    """A time as X-Amz-Date has it."""
    return at.astimezone(UTC).strftime(_AMZ_DATE)


def moment(at: datetime) -> str:
    """A time as `2026-11-24T12:00:00Z`."""
    return at.astimezone(UTC).strftime(_MOMENT)


def _digest(said: tuple[str | None, ...]) -> str:
    # JSON, as no two lists of texts are written alike in it.
    raw = hashlib.sha256(json.dumps(said, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _echo(given: Mapping[str, str], what: str) -> tuple[str, datetime]:
    if not _NONCE.fullmatch(given["nonce"]):
        raise _garbage(what, "its nonce cannot be one")
    try:
        expires = datetime.strptime(given["expires"], _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        raise _garbage(what, "its expires is no time") from None
    if moment(expires) != given["expires"]:
        raise _garbage(what, "its expires is no time")
    return given["nonce"], expires


def _texts(found: Any, keys: set[str], what: str, optional: frozenset[str] | set[str] = frozenset()) -> dict[str, str]:
    """The map, which holds these keys and no others, each with a text. ProofRefusedError (garbage) otherwise."""
    if not isinstance(found, Mapping) or not all(isinstance(value, str) for value in found.values()):
        raise _garbage(what, "it is no map of texts")
    if not keys - optional <= set(found) <= keys:
        raise _garbage(what, f"it has {', '.join(sorted(keys - optional))} and nothing else")
    return dict(found)


def _garbage(what: str, why: str) -> ProofRefusedError:
    return ProofRefusedError(
        ProofRefusal.GARBAGE,
        f"this is no {what} of an account: {why}",
        fix="Both sides need a fedml-infra that speaks the same version; join again.",
    )
