"""The file of a joiner whose administrator has no server."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError, UnreadableError
from fedml_infra.wire.encoding import to_json
from fedml_infra.wire.tokens import digest
from fedml_infra.wire.v2.join_request import JoinRequest
from tests.wire import book
from tests.wire.values import TOKEN, TOPIC, accounts, base64_of, keys32, names, tokens

KEY = base64_of(bytes(range(32)))
SECRET = SecretStr(TOKEN)
REQUEST = JoinRequest.make(SECRET, aws_topic_arn=TOPIC, aws_id="222222222222", pid="insel", public_key=KEY)


@given(tokens, accounts, names, keys32)
def test_it_comes_back_and_is_by_the_holder(token: SecretStr, account: str, pid: str, key: bytes) -> None:
    made = JoinRequest.make(token, aws_topic_arn=TOPIC, aws_id=account, pid=pid, public_key=base64_of(key))
    read = JoinRequest.read(made.write())
    assert read == made
    assert read.is_by_holder(digest(token))


def test_its_mac_is_by_the_book() -> None:
    said = json.loads(REQUEST.write())
    assert said["mac"] == book.join_request_mac(TOKEN, said)
    assert said["token_id"] == book.token_id(TOKEN)


def test_another_token_is_not_the_holder_s() -> None:
    assert not REQUEST.is_by_holder(digest(SecretStr("FEDTOKEN" + "00" * 32)))


@pytest.mark.parametrize(
    "changed",
    [
        {"token_id": "00" * 8},
        {"aws_topic_arn": TOPIC + "x"},
        {"aws_id": "333333333333"},
        {"pid": "usz"},
        {"public_key": base64_of(bytes(32))},
        {"mac": bytes(32)},
    ],
)
def test_whatever_is_changed_is_noticed(changed: dict[str, object]) -> None:
    assert not replace(REQUEST, **changed).is_by_holder(digest(SECRET))  # type: ignore[arg-type]


def test_the_token_stands_nowhere_in_it() -> None:
    shown = REQUEST.write().decode() + repr(REQUEST)
    assert TOKEN not in shown
    assert digest(SECRET).hex() not in shown


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        REQUEST.write()[:-1],
        REQUEST.write().replace(b"fedml2-", b"fedml3-"),
        to_json({**json.loads(REQUEST.write()), "pid": 1}),
        to_json({**json.loads(REQUEST.write()), "mac": "%"}),
        to_json({**json.loads(REQUEST.write()), "more": "x"}),
    ],
)
def test_what_is_no_such_file_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableError):
        JoinRequest.read(raw)


@pytest.mark.parametrize("changed", [{"aws_id": "12"}, {"pid": "a b"}, {"public_key": "AA=="}, {"aws_topic_arn": "x"}])
def test_a_value_that_cannot_be_is_named(changed: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(changed))):
        JoinRequest.read(to_json({**json.loads(REQUEST.write()), **changed}))
