"""The envelope of every REST answer: `{"statusCode", "statusString", "values"}`, as Java's Gson writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fedml_infra.wire.encoding import from_json

# GsonBuilder, "disableHtmlEscaping" (off): `<`, `>`, `&`, `=` and `'` in strings; U+2028 and U+2029 always. None of
# them can stand outside a string of JSON.
_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&='\u2028\u2029"}


@dataclass(frozen=True)
class Answer:
    """One answer. `status_code` is the HTTP reason in capitals: OK, CREATED, BAD_REQUEST."""

    status_code: str
    status_string: str
    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, http_status: int, status_string: str, values: Mapping[str, Any] | None = None) -> Answer:
        """The answer of an HTTP status. ValueError for a number that is none."""
        return cls(HTTPStatus(http_status).name, status_string, MappingProxyType(dict(values or {})))

    @property
    def http_status(self) -> int:
        """The number of `status_code`. ValueError where it is no HTTP reason."""
        try:
            return HTTPStatus[self.status_code].value
        except KeyError:
            raise ValueError(f"{self.status_code!r} is no HTTP status") from None

    def write(self, *, gson: bool = True) -> bytes:
        r"""Compact JSON in UTF-8; with `gson`, `=` and what else Gson escapes in strings as `\u003d`."""
        envelope = {"statusCode": self.status_code, "statusString": self.status_string, "values": dict(self.values)}
        text = json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))
        return (text.translate(_ESCAPES) if gson else text).encode()

    @classmethod
    def read(cls, raw: bytes) -> Answer:
        """The answer of its bytes, in either form of `=`. ValueError where they are no such envelope."""
        found = from_json(raw)
        code, string, values = found.get("statusCode"), found.get("statusString"), found.get("values", {})
        if not isinstance(code, str) or not isinstance(string, str) or not isinstance(values, dict):
            raise ValueError("not an answer's envelope")
        return cls(code, string, MappingProxyType(values))
