"""v1 as existing clients speak it, held against `openssl enc`."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError, UnreadableError
from fedml_infra.wire import v1
from fedml_infra.wire.keys import CustomerKey
from tests.wire import openssl
from tests.wire.values import V1_KEY, V2_KEY, base64_of, keys16, maps, texts

RAW_KEY = base64.b64decode("EYpWjGPaoMoFUb/jfW95PQ==")


def test_the_known_key_and_text_are_as_openssl_encrypts_them() -> None:
    assert base64.b64decode(v1.encrypt_text("Message to encrypt", V1_KEY)) == openssl.cbc(
        b"Message to encrypt", RAW_KEY
    )


def test_the_known_key_and_text_are_pinned() -> None:
    assert v1.encrypt_text("Message to encrypt", V1_KEY) == "5XzpRW1z+toD/PW+yQ1sQssUt7hxBeqIIMyhXY4iqU0="


@given(keys16, texts)
@settings(max_examples=25)
def test_any_text_is_encrypted_as_openssl_does(key: bytes, text: str) -> None:
    blob = v1.encrypt_text(text, CustomerKey.parse(base64_of(key)))
    assert base64.b64decode(blob) == openssl.cbc(text.encode(), key)


@given(keys16, maps)
@settings(max_examples=25)
def test_a_request_of_openssl_is_read(key: bytes, values: dict[str, str]) -> None:
    blob = base64_of(openssl.cbc(json.dumps(values).encode(), key))
    assert v1.decrypt_request(blob, CustomerKey.parse(base64_of(key))) == values


@given(st.text("abcXYZ019 é", min_size=1, max_size=8), maps)
@settings(max_examples=25)
@example("exactly16bytes!!", {"fed_name": "cardio"})
def test_an_invite_is_as_openssl_encrypts_and_reads_it(password: str, values: dict[str, str]) -> None:
    key = password.encode() + b"0" * (16 - len(password.encode()))
    blob = v1.encrypt_invite(values, SecretStr(password))
    assert json.loads(openssl.ecb(base64.b64decode(blob), key, decrypt=True)) == values
    assert v1.decrypt_invite(base64_of(openssl.ecb(json.dumps(values).encode(), key)), SecretStr(password)) == values


@given(maps, keys16)
def test_a_request_comes_back(values: dict[str, str], key: bytes) -> None:
    customer = CustomerKey.parse(base64_of(key))
    assert v1.decrypt_request(v1.encrypt_request(values, customer), customer) == values


def test_the_password_is_padded_with_the_character_zero() -> None:
    assert v1.password_key(SecretStr("passwd")) == b"passwd0000000000"


@pytest.mark.parametrize("password", ["seventeen bytes !", "é" * 9])
def test_a_longer_password_is_refused_with_its_length(password: str) -> None:
    with pytest.raises(ConfigurationError, match="at most 16 bytes") as refused:
        v1.encrypt_invite({}, SecretStr(password))
    assert password not in str(refused.value)
    with pytest.raises(ConfigurationError, match="at most 16 bytes"):
        v1.decrypt_invite(v1.encrypt_invite({}, SecretStr("x")), SecretStr(password))


def test_an_empty_password_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        v1.encrypt_invite({}, SecretStr(""))


def test_equals_signs_of_gson_and_line_ends_of_mail_are_read() -> None:
    blob = v1.encrypt_request({"a": "b" * 60}, V1_KEY)
    assert blob.endswith("=")
    wrapped = " " + blob[:30] + "\r\n" + blob[30:].replace("=", "\\u003d") + "\n"
    assert v1.decrypt_request(wrapped, V1_KEY) == {"a": "b" * 60}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a":"b"} x',
        b'{"a":"1","a":"2"}',
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        b"\xff",
        b"[" * 99999,
    ],
)
def test_what_decrypts_to_no_map_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableError):
        v1.decrypt_request(base64_of(openssl.cbc(content, RAW_KEY)), V1_KEY)


@pytest.mark.parametrize("blob", ["", "AAAA", "not base64!", "é", "A" * 24, "fedml2.AAAA"])
def test_what_is_no_blob_is_refused_the_same_way(blob: str) -> None:
    with pytest.raises(UnreadableError):
        v1.decrypt_request(blob, V1_KEY)
    with pytest.raises(UnreadableError):
        v1.decrypt_invite(blob, SecretStr("a passphrase longer than v1 takes"))


def test_another_key_or_password_is_refused() -> None:
    other = CustomerKey.parse(base64_of(bytes(16)))
    with pytest.raises(UnreadableError):
        v1.decrypt_request(v1.encrypt_request({"a": "b"}, V1_KEY), other)
    with pytest.raises(UnreadableError):
        v1.decrypt_invite(v1.encrypt_invite({"a": "b"}, SecretStr("right")), SecretStr("wrong"))


def test_a_v2_key_encrypts_nothing_in_v1_and_reads_nothing() -> None:
    with pytest.raises(ConfigurationError, match="v1 needs a key of 16 bytes"):
        v1.encrypt_request({}, V2_KEY)
    with pytest.raises(UnreadableError):
        v1.decrypt_request(v1.encrypt_request({}, V1_KEY), V2_KEY)


@pytest.mark.parametrize("text", ["", "AAAA", "EYpWjGPaoMoFUb/jfW95PQ", base64_of(bytes(24)), "%%%"])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError, match="16 bytes") as refused:
        CustomerKey.parse(text)
    assert not text or text not in str(refused.value)


def test_a_key_does_not_print_itself() -> None:
    shown = f"{V1_KEY} {V1_KEY!r} {[V1_KEY]}"
    assert "EYpW" not in shown
    assert "pV" not in shown.replace("SecretStr", "").replace("SecretBytes", "")
