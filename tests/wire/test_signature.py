"""The request signature, held against `openssl dgst`."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedml_infra.wire.keys import CustomerKey
from fedml_infra.wire.signature import (
    Reason,
    Refused,
    SignatureHeaders,
    SignedRequest,
    content_md5,
    sign,
    string_to_sign,
    sym_date,
    verify,
)
from tests.wire import openssl
from tests.wire.values import V1_KEY, V2_KEY, base64_of, keys16, texts

NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
POST = SignedRequest("POST", "c1", "/symetry/rest/c1/fedml/create", "pid=charite&persist=true", b"Ym9keQ==")
GET = SignedRequest("GET", "c1", "/symetry/rest/c1/jobs/1")
HEADERS = sign(POST, V1_KEY, NOW)


def reason(refused: Refused | None) -> Reason | None:
    return refused.reason if refused else None


def test_the_string_to_sign_is_each_part_and_a_line_feed() -> None:
    assert string_to_sign(POST, "MD5", "DATE", "KEY") == (
        b"POST\nMD5\nKEY\nDATE\nc1\nYm9keQ==\n/symetry/rest/c1/fedml/create\npid=charite&persist=true\n"
    )


def test_without_body_and_query_their_lines_are_left_out() -> None:
    assert string_to_sign(GET, "MD5", "DATE", "KEY") == b"GET\nMD5\nKEY\nDATE\nc1\n/symetry/rest/c1/jobs/1\n"


@given(keys16, st.binary(max_size=60), texts)
@settings(max_examples=15)
def test_it_is_what_openssl_signs(key: bytes, body: bytes, query: str) -> None:
    text, request = base64_of(key), replace(POST, body=body, query=query)
    headers = sign(request, CustomerKey.parse(text), NOW)
    md5 = base64_of(openssl.md5(body))
    lines = ["POST", md5, text, "2026-01-31 12:00:00;123456000", "c1"]
    said = "".join(f"{line}\n" for line in lines).encode() + (body + b"\n" if body else b"")
    said += b"/symetry/rest/c1/fedml/create\n" + (f"{query}\n".encode() if query else b"")
    assert headers == SignatureHeaders(md5, lines[3], base64_of(openssl.hmac_sha256(said, key)))


@pytest.mark.parametrize("key", [V1_KEY, V2_KEY])
@pytest.mark.parametrize("request_", [POST, GET])
def test_what_is_signed_is_accepted(request_: SignedRequest, key: CustomerKey) -> None:
    assert verify(request_, sign(request_, key, NOW), key, now=NOW) is None


def test_a_date_in_another_zone_is_written_in_utc() -> None:
    assert sym_date(NOW.astimezone(timezone(timedelta(hours=5)))) == sym_date(NOW)
    with pytest.raises(ValueError, match="time zone"):
        sym_date(NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"authorization": None}, Reason.NO_AUTHENTICATION),
        ({"sym_date": None}, Reason.NO_DATE),
        ({"sym_date": "2026-01-31T12:00:00Z"}, Reason.BAD_DATE),
        ({"sym_date": "2026-01-31 12:00:00"}, Reason.BAD_DATE),
        ({"sym_date": "2026-02-30 12:00:00;0"}, Reason.BAD_DATE),
        ({"sym_date": "2026-01-31 12:00:00;1234567890"}, Reason.BAD_DATE),
        ({"sym_date": "2026-01-31 11:00:00;0"}, Reason.CLOCK),
        ({"content_md5": None}, Reason.MD5),
        ({"content_md5": content_md5(b"another")}, Reason.MD5),
        ({"content_md5": "not base64"}, Reason.MD5),
        ({"authorization": "AAAA"}, Reason.SIGNATURE),
        ({"authorization": "not base64"}, Reason.SIGNATURE),
        ({"sym_date": "2026-01-31 12:00:00;123456001"}, Reason.SIGNATURE),
    ],
)
def test_each_header_is_refused_for_its_reason(changed: dict[str, str | None], expected: Reason) -> None:
    assert reason(verify(POST, replace(HEADERS, **changed), V1_KEY, now=NOW)) is expected


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (timedelta(minutes=5), None),
        (timedelta(minutes=5, microseconds=1), Reason.CLOCK),
        (timedelta(minutes=-1), None),
        (timedelta(minutes=-1, microseconds=-1), Reason.CLOCK),
    ],
)
def test_a_request_is_five_minutes_old_or_a_minute_ahead_at_most(late: timedelta, expected: Reason | None) -> None:
    assert reason(verify(POST, HEADERS, V1_KEY, now=NOW + late)) is expected


def test_a_nanosecond_counts() -> None:
    date = "2026-01-31 11:55:00;123455999"
    headers = replace(HEADERS, sym_date=date)
    assert reason(verify(POST, headers, V1_KEY, now=NOW)) is Reason.CLOCK


def test_an_unknown_customer_is_no_valid_user() -> None:
    assert reason(verify(POST, HEADERS, None, now=NOW)) is Reason.USER


@pytest.mark.parametrize(
    "changed", [{"verb": "PUT"}, {"cid": "c2"}, {"path": "/symetry/rest/c1/fedml/x"}, {"query": "pid=insel"}]
)
def test_whatever_is_covered_cannot_be_changed(changed: dict[str, str]) -> None:
    assert reason(verify(replace(POST, **changed), HEADERS, V1_KEY, now=NOW)) is Reason.SIGNATURE


def test_another_body_with_its_own_sum_is_refused() -> None:
    other = replace(POST, body=b"other")
    headers = replace(HEADERS, content_md5=content_md5(b"other"))
    assert reason(verify(other, headers, V1_KEY, now=NOW)) is Reason.SIGNATURE


def test_another_customer_s_key_is_refused() -> None:
    assert reason(verify(POST, HEADERS, V2_KEY, now=NOW)) is Reason.SIGNATURE


def test_the_answer_to_a_bad_signature_shows_what_was_to_be_signed_without_the_key() -> None:
    refused = verify(POST, replace(HEADERS, authorization="AAAA"), V1_KEY, now=NOW)
    assert refused is not None
    answer = refused.answer()
    assert (answer.http_status, answer.status_code, answer.status_string) == (401, "UNAUTHORIZED", "Invalid Signature")
    shown = answer.values["stringToSign"]
    assert shown.split("\n")[2] == "SECRETKEY"
    assert V1_KEY.text.get_secret_value() not in shown


@pytest.mark.parametrize(
    ("which", "status", "text"),
    [
        (Reason.NO_AUTHENTICATION, 400, "Authentication header is null"),
        (Reason.NO_DATE, 400, "sym-date header is null"),
        (Reason.BAD_DATE, 400, "Invalid Date Format"),
        (Reason.CLOCK, 400, "Please update your server time..."),
        (Reason.MD5, 400, "Md5 do not match"),
        (Reason.USER, 401, "Invalid User"),
        (Reason.SIGNATURE, 401, "Invalid Signature"),
    ],
)
def test_the_strings_are_the_contract_s(which: Reason, status: int, text: str) -> None:
    answer = Refused(which).answer()
    assert (answer.http_status, answer.status_string) == (status, text)


def test_a_request_without_body_may_come_without_its_sum() -> None:
    said = string_to_sign(GET, "", HEADERS.sym_date or "", V1_KEY.text.get_secret_value())
    mac = base64_of(openssl.hmac_sha256(said, V1_KEY.raw.get_secret_value()))
    assert verify(GET, SignatureHeaders(None, HEADERS.sym_date, mac), V1_KEY, now=NOW) is None


def test_gson_s_equals_sign_in_a_header_is_read() -> None:
    gson = replace(HEADERS, authorization=(HEADERS.authorization or "").replace("=", "\\u003d"))
    assert verify(POST, gson, V1_KEY, now=NOW) is None
    assert base64.b64decode(HEADERS.authorization or "")


def test_headers_are_named_as_in_http() -> None:
    assert set(HEADERS.as_mapping()) == {"Content-MD5", "sym-date", "Authorization"}
    assert SignatureHeaders(None, None, None).as_mapping() == {}
