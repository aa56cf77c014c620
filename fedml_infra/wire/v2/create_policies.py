"""createPolicies: what a joiner asks of the admin's side over HTTP, and what it is granted.

The body is a plain JSON map of texts, but for `proof`, which is a map itself. TLS and the token protect it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr, TypeAdapter, ValidationError

from fedml_infra.errors import ConfigurationError, Problem, UnreadableError
from fedml_infra.model.fields import PublicKey
from fedml_infra.model.mistake import MistakeError, text
from fedml_infra.model.names import AccountId, Pid
from fedml_infra.model.rights import Right, Rights, rights
from fedml_infra.wire.encoding import from_base64, from_json, to_json
from fedml_infra.wire.invites import Token

LARGEST_BODY = 32 * 1024
"""Bytes of a request; one with a long session token has a third of it."""

REVIEW = "review"
"""`waits_for` among the values of an answer 202: a person has to agree first."""

_KINDS: Mapping[str, Any] = {"fed_req_token": Token, "aws_id": AccountId, "pid": Pid, "public_key": PublicKey}
_OPTIONAL = "public_key"


@dataclass(frozen=True)
class Asked:
    """Who asks to be let in, with which token."""

    token: SecretStr = field(repr=False)
    aws_id: str
    pid: str
    public_key: str | None
    """X25519, what the federation's key is sealed to; None of a v1 client."""
    proof: Mapping[str, Any] | None = field(default=None, repr=False)
    """The map of a `Proof`, not yet looked at; None in the first call."""

    def write(self) -> bytes:
        """The body of the request."""
        said: dict[str, Any] = {
            "fed_req_token": self.token.get_secret_value(),
            "aws_id": self.aws_id,
            "pid": self.pid,
        }
        if self.public_key is not None:
            said["public_key"] = self.public_key
        if self.proof is not None:
            said["proof"] = dict(self.proof)
        return to_json(said)

    @classmethod
    def read(cls, raw: bytes) -> Asked:
        """The request of a body. Keys that are not known are left alone. ConfigurationError names everything that is
        missing or wrong at once, and repeats no token.
        """
        try:
            found = from_json(raw)
        except ValueError:
            raise ConfigurationError("The body is no JSON map.") from None
        good, problems = {}, []
        for key, kind in _KINDS.items():
            value = found.get(key)
            if value is None or value == "":
                if key != _OPTIONAL:
                    problems.append(Problem(key, "is missing"))
                continue
            try:
                good[key] = TypeAdapter(kind).validate_python(text(value))
            except MistakeError as mistake:
                problems.append(Problem(key, mistake.what))
            except ValidationError as error:
                cause = error.errors(include_url=False, include_input=False)[0].get("ctx", {}).get("error")
                told = cause.what if isinstance(cause, MistakeError) and key != "fed_req_token" else "cannot be right"
                problems.append(Problem(key, told))
        proof = found.get("proof")
        if proof is not None and not isinstance(proof, dict):
            problems.append(Problem("proof", "must be a map"))
        if problems:
            raise ConfigurationError("This is no request to be let in:", problems)
        return cls(good["fed_req_token"], good["aws_id"], good["pid"], good.get("public_key"), proof)


@dataclass(frozen=True)
class Granted:
    """What an account was given: the values of the answer 200."""

    fed_name: str
    aws_topic_arn: str
    aws_id: str
    pid: str
    rights: Rights
    roster: bytes
    """The signed roster's bytes (`v2.roster.read_roster`)."""

    def to_map(self) -> dict[str, Any]:
        """The answer's values."""
        return {
            "fed_name": self.fed_name,
            "aws_topic_arn": self.aws_topic_arn,
            "aws_id": self.aws_id,
            "pid": self.pid,
            "rights": [str(right) for right in Right if right in self.rights],
            "roster": base64.b64encode(self.roster).decode(),
        }

    @classmethod
    def from_map(cls, found: Mapping[str, Any]) -> Granted:
        """What an answer's values say. UnreadableError where they are no grant; nothing of it is believed by that."""
        texts = ("fed_name", "aws_topic_arn", "aws_id", "pid")
        try:
            if not all(isinstance(found.get(key), str) for key in (*texts, "roster")):
                raise UnreadableError
            roster, given = from_base64(found["roster"]), rights(found.get("rights"))
        except ValueError:
            raise UnreadableError from None
        return cls(
            fed_name=found["fed_name"],
            aws_topic_arn=found["aws_topic_arn"],
            aws_id=found["aws_id"],
            pid=found["pid"],
            rights=given,
            roster=roster,
        )
