"""An invite's token: what the joiner shows, what the admin's side stores, and what both derive from it."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable

from pydantic import SecretStr

from fedml_infra.model.fields import secret
from fedml_infra.model.mistake import MistakeError
from fedml_infra.wire.v2.kdf import derive

PREFIX = "FEDTOKEN"
_FORM = re.compile(r"FEDTOKEN[0-9A-Fa-f]+")


def new_token(random: Callable[[int], bytes] = secrets.token_bytes) -> SecretStr:
    """`FEDTOKEN` and 64 hex digits: 256 bits."""
    return SecretStr(PREFIX + random(32).hex())


def token(value: object) -> SecretStr:
    """A token of any length, as other servers make them too. MistakeError, which does not repeat it, otherwise."""
    given = secret(value)
    if not _FORM.fullmatch(given.get_secret_value()):
        raise MistakeError("is not a token", f"it is {PREFIX} and hex digits")
    return given


def digest(given: SecretStr) -> bytes:
    """SHA-256 of the token's text: what the admin's side stores. 256 random bits need no slow hash."""
    return hashlib.sha256(given.get_secret_value().encode()).digest()


def token_id(stored: bytes) -> str:
    """The token's public name, 16 hex digits; both sides derive it from `digest`, which it does not give away."""
    return derive(stored, "token id", length=8).hex()
