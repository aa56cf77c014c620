"""Base64, unambiguous concatenation, and JSON maps."""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from collections.abc import Mapping
from typing import Any, NoReturn

from fedml_infra.errors import ConfigurationError, Problem
from fedml_infra.model.mistake import kind_of

_SPACE = re.compile(r"[ \t\r\n]+")
_GSON_EQUALS = "\\u003d"


def base64url(raw: bytes) -> str:
    """RFC 4648, section 5, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The bytes of `base64url`; ValueError for any other spelling, so that no two texts mean the same bytes."""
    if not text.isascii():
        raise ValueError("not base64url")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64url(raw) != text:
        raise ValueError("not base64url")
    return raw


def from_base64(text: str) -> bytes:
    """The bytes of standard base64 (RFC 4648, section 4). ValueError otherwise."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def from_gson_base64(text: str) -> bytes:
    r"""As `from_base64`, of text that may be wrapped, and in which Gson may have written `=` as `\u003d`."""
    return from_base64(unwrapped(text).replace(_GSON_EQUALS, "="))


def unwrapped(text: str) -> str:
    """Text without the spaces and line ends that mail programs put into it."""
    return _SPACE.sub("", text)


def joined(*parts: str | bytes) -> bytes:
    """The parts, each behind its length in bytes (four, big-endian): no other parts give the same bytes."""
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(struct.pack(">I", len(part)) + part for part in raw)


def to_json(value: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def from_json(raw: bytes) -> dict[str, Any]:
    """One JSON object of UTF-8 bytes. ValueError for anything else, for a key that is there twice, for NaN, and for
    text that UTF-8 cannot write.
    """
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refused)
        if isinstance(found, dict):
            to_json(found)
            return found
    except RecursionError:
        pass
    raise ValueError("not a JSON object")


def map_of_strings(raw: bytes) -> dict[str, str]:
    """What is to be encrypted: a JSON map of strings to strings. ConfigurationError names every value that is none."""
    try:
        found = from_json(raw)
    except ValueError:
        raise ConfigurationError(
            "What is to be encrypted is no JSON map.", fix='It looks like {"fed_name": "cardio", "sync_sched": "m30"}.'
        ) from None
    require_strings(found)
    return found


def require_strings(given: Mapping[str, Any]) -> None:
    """Raise ConfigurationError with every key whose value is no text."""
    wrong = [
        Problem(key, f"must be text, not {kind_of(value)}", "put it in quotes")
        for key, value in given.items()
        if not isinstance(value, str)
    ]
    if wrong:
        raise ConfigurationError("A request map maps text to text:", wrong)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
