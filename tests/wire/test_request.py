"""v2 requests, and encrypted values of answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedml_infra.errors import ConfigurationError, UnreadableError
from fedml_infra.wire.encoding import base64url, from_base64url, to_json
from fedml_infra.wire.keys import CustomerKey
from fedml_infra.wire.v2.request import (
    RequestContext,
    decrypt_request,
    decrypt_value,
    encrypt_request,
    encrypt_value,
)
from tests.wire import book
from tests.wire.values import V1_KEY, V2_KEY, base64_of, keys32, maps, texts

CONTEXT = RequestContext("POST", "/symetry/rest/c1/fedml/create", "c1", "2026-01-31 12:00:00;0")
TEXT = encrypt_request({"fed_name": "cardio"}, V2_KEY, CONTEXT)
RAW = from_base64url(TEXT.removeprefix("fedml2."))


def refused(text: str, key: CustomerKey = V2_KEY, context: RequestContext = CONTEXT) -> None:
    with pytest.raises(UnreadableError) as error:
        decrypt_request(text, key, context)
    assert str(error.value) == str(UnreadableError())


@given(maps, keys32, st.builds(RequestContext, texts, texts, texts, texts))
def test_a_request_comes_back_and_is_read_by_the_book(
    values: dict[str, str], key: bytes, context: RequestContext
) -> None:
    text = encrypt_request(values, CustomerKey.parse(base64_of(key)), context)
    assert text.startswith("fedml2.")
    assert decrypt_request(text, CustomerKey.parse(base64_of(key)), context) == values
    bound = [part.encode() for part in (context.verb, context.path, context.cid, context.sym_date)]
    assert book.request(text, key, *bound) == to_json(values)


@given(texts, keys32, texts, texts)
def test_a_value_comes_back_and_is_read_by_the_book(content: str, key: bytes, cid: str, name: str) -> None:
    customer = CustomerKey.parse(base64_of(key))
    text = encrypt_value(content, customer, cid=cid, name=name)
    assert decrypt_value(text, customer, cid=cid, name=name) == content
    assert book.answer(text, key, cid.encode(), name.encode()) == content.encode()


@pytest.mark.parametrize(
    "changed", [{"verb": "PUT"}, {"path": "/x"}, {"cid": "c2"}, {"sym_date": "2026-01-31 12:00:00;1"}]
)
def test_each_part_of_the_context_binds(changed: dict[str, str]) -> None:
    refused(TEXT, context=replace(CONTEXT, **changed))


def test_what_moves_from_one_part_of_the_context_to_the_next_is_noticed() -> None:
    refused(TEXT, context=replace(CONTEXT, verb="POST/", path=CONTEXT.path[1:]))


def test_every_single_bit_change_is_refused() -> None:
    for bit in range(len(RAW) * 8):
        changed = bytearray(RAW)
        changed[bit // 8] ^= 1 << bit % 8
        refused("fedml2." + base64url(bytes(changed)))
    for bit in range(len(TEXT) * 8):
        letters = bytearray(TEXT.encode())
        letters[bit // 8] ^= 1 << bit % 8
        refused(letters.decode("latin-1"))


def test_every_truncation_is_refused() -> None:
    for length in range(len(TEXT)):
        refused(TEXT[:length])


@pytest.mark.parametrize(
    "text", ["", "fedml2.", "fedml2.AAAA", "fedml2-invite.AAAA", "5XzpRW1z+toD/PW+yQ1sQg==", "fedml2.é"]
)
def test_a_foreign_text_is_refused(text: str) -> None:
    refused(text)


def test_another_key_is_refused() -> None:
    refused(TEXT, CustomerKey.parse(base64_of(bytes(32))))
    refused(TEXT, V1_KEY)


def test_a_v1_key_encrypts_nothing() -> None:
    with pytest.raises(ConfigurationError, match="v2 needs a key of 32 bytes"):
        encrypt_request({}, V1_KEY, CONTEXT)


def test_an_answer_is_not_taken_for_a_request_nor_for_another_value() -> None:
    text = encrypt_value("{}", V2_KEY, cid="c1", name="awsInfoEncrypted")
    refused(text)
    for cid, name in (("c2", "awsInfoEncrypted"), ("c1", "federationInfo"), ("c", "1awsInfoEncrypted")):
        with pytest.raises(UnreadableError):
            decrypt_value(text, V2_KEY, cid=cid, name=name)
    with pytest.raises(UnreadableError):
        decrypt_value(TEXT, V2_KEY, cid="c1", name="awsInfoEncrypted")
    with pytest.raises(UnreadableError):
        decrypt_value("fedml2.+", V2_KEY, cid="c1", name="awsInfoEncrypted")


def test_a_body_that_holds_no_map_is_refused() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = book.hkdf(V2_KEY.raw.get_secret_value(), b"request")
    raw = bytes(12) + AESGCM(key).encrypt(bytes(12), b"[]", CONTEXT.associated())
    refused("fedml2." + base64url(raw))


def test_no_two_are_alike() -> None:
    assert len({encrypt_request({}, V2_KEY, CONTEXT) for _ in range(20)}) == 20
