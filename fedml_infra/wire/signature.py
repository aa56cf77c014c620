"""The signature of a REST request: `Content-MD5`, `sym-date` and `Authorization`.

The string-to-sign, exactly, each followed by a line feed: the verb; Content-MD5; the key's base64 text; sym-date; the
customer's id; the body if there is one; the path; the query string if there is one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import MappingProxyType

from fedml_infra.wire.answers import Answer
from fedml_infra.wire.encoding import from_gson_base64
from fedml_infra.wire.keys import CustomerKey

OLDEST = timedelta(minutes=5)
AHEAD = timedelta(minutes=1)
"""How far a request's sym-date may be from the server's clock; both limits are still accepted."""

SECRET_KEY_MARK = "SECRETKEY"  # noqa: S105 - what stands in an answer instead of the key
DATE_FORM = "yyyy-MM-dd HH:mm:ss;nanos"

_DATE = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2});(\d{1,9})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOS = 1_000_000_000


@dataclass(frozen=True)
class SignedRequest:
    """What a signature covers. `path` and `query` (without its `?`) as they stand on the wire; `body` may be empty."""

    verb: str
    cid: str
    path: str
    query: str = ""
    body: bytes = b""


@dataclass(frozen=True)
class SignatureHeaders:
    """The three headers; None where a request lacks one."""

    content_md5: str | None
    sym_date: str | None
    authorization: str | None

    def as_mapping(self) -> dict[str, str]:
        """By their names in HTTP, without those that are not there."""
        named = {"Content-MD5": self.content_md5, "sym-date": self.sym_date, "Authorization": self.authorization}
        return {name: value for name, value in named.items() if value is not None}


class Reason(Enum):
    """Why a request's signature is refused: the HTTP status and the status string of the answer."""

    NO_AUTHENTICATION = (400, "Authentication header is null")
    NO_DATE = (400, "sym-date header is null")
    BAD_DATE = (400, "Invalid Date Format")
    CLOCK = (400, "Please update your server time...")
    MD5 = (400, "Md5 do not match")
    USER = (401, "Invalid User")
    SIGNATURE = (401, "Invalid Signature")


@dataclass(frozen=True)
class Refused:
    """A request that is not to be served. `values` never hold the key."""

    reason: Reason
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def answer(self) -> Answer:
        """What the caller is told."""
        http_status, status_string = self.reason.value
        return Answer.of(http_status, status_string, self.values)


def sign(request: SignedRequest, key: CustomerKey, at: datetime) -> SignatureHeaders:
    """The headers of a request made `at` a moment (with its time zone)."""
    md5, date = content_md5(request.body), sym_date(at)
    return SignatureHeaders(md5, date, base64.b64encode(_mac(request, md5, date, key)).decode())


def verify(
    request: SignedRequest, headers: SignatureHeaders, key: CustomerKey | None, *, now: datetime
) -> Refused | None:
    """None where the signature is right; else why it is not, the first reason in the order of `Reason`.

    `key`: the customer's, None where there is no such customer. `now`: the server's clock, with its time zone.
    """
    if headers.authorization is None:
        return Refused(Reason.NO_AUTHENTICATION)
    refused = verify_date(headers.sym_date, now=now)
    if refused is not None:
        return refused
    assert headers.sym_date is not None
    # A request without a body may come without its sum, which then counts as empty.
    md5 = headers.content_md5 or ""
    if (md5 or request.body) and not _same(md5, content_md5(request.body)):
        return Refused(Reason.MD5)
    if key is None:
        return Refused(Reason.USER)
    try:
        given = from_gson_base64(headers.authorization)
    except ValueError:
        given = b""
    if not hmac.compare_digest(given, _mac(request, md5, headers.sym_date, key)):
        shown = string_to_sign(request, md5, headers.sym_date, SECRET_KEY_MARK).decode("utf-8", "replace")
        return Refused(Reason.SIGNATURE, MappingProxyType({"stringToSign": shown}))
    return None


def verify_date(date: str | None, *, now: datetime) -> Refused | None:
    """None where a request's sym-date is there, can be read and is of about now; else why it is refused."""
    if date is None:
        return Refused(Reason.NO_DATE)
    try:
        age = _nanoseconds(now) - _moment(date)
    except ValueError:
        return Refused(Reason.BAD_DATE)
    return None if -_span(AHEAD) <= age <= _span(OLDEST) else Refused(Reason.CLOCK)


def string_to_sign(request: SignedRequest, md5: str, date: str, key_text: str) -> bytes:
    """The bytes that are signed, with `key_text` (or what is to be shown instead of it) in its place."""
    lines = [part.encode() for part in (request.verb, md5, key_text, date, request.cid)]
    lines += [request.body] if request.body else []
    lines += [request.path.encode()]
    lines += [request.query.encode()] if request.query else []
    return b"".join(line + b"\n" for line in lines)


def content_md5(body: bytes) -> str:
    """Base64 of the body's MD5: a checksum of the contract, which protects nothing."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def sym_date(at: datetime) -> str:
    """`yyyy-MM-dd HH:mm:ss;nanos` in UTC. ValueError for a moment without a time zone."""
    if at.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S};{at.microsecond * 1000}"


def _moment(date: str) -> int:
    """Nanoseconds since 1970 of a sym-date. ValueError where it is none."""
    match = _DATE.fullmatch(date)
    if match is None:
        raise ValueError(f"not {DATE_FORM}")
    seconds = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return _nanoseconds(seconds) + int(match[2])


def _nanoseconds(moment: datetime) -> int:
    return _span(moment - _EPOCH)


def _span(span: timedelta) -> int:
    return (span.days * 86400 + span.seconds) * _NANOS + span.microseconds * 1000


def _mac(request: SignedRequest, md5: str, date: str, key: CustomerKey) -> bytes:
    message = string_to_sign(request, md5, date, key.text.get_secret_value())
    return hmac.digest(key.raw.get_secret_value(), message, "sha256")


def _same(given: str, expected: str) -> bool:
    try:
        return from_gson_base64(given) == from_gson_base64(expected)
    except ValueError:
        return False
