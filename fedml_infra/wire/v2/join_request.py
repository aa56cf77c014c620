"""The file with which a joiner asks to be admitted where the admin's side has no server: plain JSON and a MAC.

    key = HKDF-SHA256(SHA-256 of the token's text, info = label)
    mac = HMAC-SHA256(key, token id, topic ARN, account, pid, public key, each behind its length)

Nothing in it is secret, and no AWS credential of any kind: the MAC shows that whoever wrote it held the token, and the
admin's side, which stores the token's SHA-256 alone, can check it.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass

from pydantic import SecretStr, TypeAdapter, ValidationError

from fedml_infra.errors import ConfigurationError, UnreadableError
from fedml_infra.model.fields import PublicKey, TopicArn
from fedml_infra.model.names import AccountId, Pid
from fedml_infra.wire.encoding import from_base64, from_json, joined, to_json
from fedml_infra.wire.tokens import digest, token_id
from fedml_infra.wire.v2.kdf import derive

FORMAT = "fedml2-join-request"
LARGEST = 4096
"""Bytes of such a file at most; one has about 600."""

_KINDS = {"aws_topic_arn": TopicArn, "aws_id": AccountId, "pid": Pid, "public_key": PublicKey}
_KEYS = ("format", "token_id", *_KINDS, "mac")


@dataclass(frozen=True)
class JoinRequest:
    """Who asks: the account and pid that join, and the X25519 key that the federation's key is to be sealed to."""

    token_id: str
    aws_topic_arn: str
    aws_id: str
    pid: str
    public_key: str
    mac: bytes

    @classmethod
    def make(cls, token: SecretStr, *, aws_topic_arn: str, aws_id: str, pid: str, public_key: str) -> JoinRequest:
        """The request of whoever holds the token."""
        stored = digest(token)
        said = (token_id(stored), aws_topic_arn, aws_id, pid, public_key)
        return cls(*said, mac=_mac(stored, said))

    def is_by_holder(self, stored: bytes) -> bool:
        """Whether it was made with the token whose `tokens.digest` is `stored`, and not changed since."""
        said = (self.token_id, self.aws_topic_arn, self.aws_id, self.pid, self.public_key)
        return self.token_id == token_id(stored) and hmac.compare_digest(self.mac, _mac(stored, said))

    def write(self) -> bytes:
        """The file's bytes."""
        return to_json(
            {
                "format": FORMAT,
                "token_id": self.token_id,
                "aws_topic_arn": self.aws_topic_arn,
                "aws_id": self.aws_id,
                "pid": self.pid,
                "public_key": self.public_key,
                "mac": base64.b64encode(self.mac).decode(),
            }
        )

    @classmethod
    def read(cls, raw: bytes) -> JoinRequest:
        """The request of a file's bytes, its MAC not yet looked at. UnreadableError where it is no such file;
        ConfigurationError where a value of it cannot be.
        """
        try:
            found = from_json(raw)
            if set(found) != set(_KEYS) or not all(isinstance(value, str) for value in found.values()):
                raise UnreadableError
            if found["format"] != FORMAT:
                raise UnreadableError
            mac = from_base64(found["mac"])
        except ValueError:
            raise UnreadableError from None
        for key, kind in _KINDS.items():
            try:
                TypeAdapter(kind).validate_python(found[key])
            except ValidationError:
                raise ConfigurationError(f"The join request's {key} cannot be right.", fix="Ask for it anew.") from None
        return cls(**{key: found[key] for key in ("token_id", *_KINDS)}, mac=mac)


def _mac(stored: bytes, said: tuple[str, ...]) -> bytes:
    return hmac.digest(derive(stored, "join request"), joined(*said), "sha256")
