"""The envelope of answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedml_infra.wire.answers import Answer
from tests.wire.values import maps, texts


@pytest.mark.parametrize(
    ("http_status", "name"),
    [
        (200, "OK"),
        (201, "CREATED"),
        (202, "ACCEPTED"),
        (400, "BAD_REQUEST"),
        (401, "UNAUTHORIZED"),
        (404, "NOT_FOUND"),
        (409, "CONFLICT"),
    ],
)
def test_a_status_is_its_reason_in_capitals_and_back(http_status: int, name: str) -> None:
    answer = Answer.of(http_status, "x")
    assert answer.status_code == name
    assert answer.http_status == http_status


def test_it_is_written_as_gson_writes_it() -> None:
    written = Answer.of(200, "OK", {"fedInfoEncrypted": "ab=="}).write()
    assert written == b'{"statusCode":"OK","statusString":"OK","values":{"fedInfoEncrypted":"ab\\u003d\\u003d"}}'


def test_it_can_be_written_plain() -> None:
    assert Answer.of(200, "a=b").write(gson=False) == b'{"statusCode":"OK","statusString":"a=b","values":{}}'


@pytest.mark.parametrize("sign", ["=", "\\u003d", "\\u003D"])
def test_either_form_of_the_equals_sign_is_read(sign: str) -> None:
    assert Answer.read(f'{{"statusCode":"OK","statusString":"","values":{{"a":"b{sign}"}}}}'.encode()).values == {
        "a": "b="
    }


@given(st.sampled_from([200, 202, 409]), texts, maps, st.booleans())
def test_what_is_written_is_read(http_status: int, text: str, values: dict[str, str], gson: bool) -> None:
    answer = Answer.of(http_status, text, values)
    assert Answer.read(answer.write(gson=gson)) == answer
    assert json.loads(answer.write(gson=gson))["values"] == values


@given(texts, maps)
def test_gson_s_signs_never_stand_bare(text: str, values: dict[str, str]) -> None:
    assert not set("=<>&'\u2028\u2029") & set(Answer.of(200, text, values).write().decode())


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{}", b'{"statusCode":1,"statusString":""}', b'{"statusCode":"OK","statusString":"","values":[]}'],
)
def test_what_is_no_envelope_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        Answer.read(raw)


def test_an_unknown_reason_has_no_number() -> None:
    with pytest.raises(ValueError, match="no HTTP status"):
        _ = Answer("NO_SUCH", "").http_status
