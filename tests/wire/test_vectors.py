"""The vectors of docs/reference/wire-formats.md hold, for this package and for the reader that was written by it."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fedml_infra.wire import blobs, v1
from fedml_infra.wire.encoding import to_json
from fedml_infra.wire.invites import Invite
from fedml_infra.wire.keys import CustomerKey
from fedml_infra.wire.signature import SignedRequest, sign
from fedml_infra.wire.tokens import digest
from fedml_infra.wire.v2 import envelope, request
from fedml_infra.wire.v2.join_request import JoinRequest
from fedml_infra.wire.v2.keypairs import hub_public_key
from fedml_infra.wire.v2.request import RequestContext
from fedml_infra.wire.v2.roster import read_roster
from tests.wire import book, openssl

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "wire-formats.md").read_text(encoding="utf-8")


def _vectors() -> dict[str, Any]:
    (block,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    found = json.loads(block)
    assert isinstance(found, dict)
    return found


VECTORS = _vectors()
NAMES = {"v1", "signature", "v2_invite", "v2_request", "v2_answer", "v2_join_request", "v2_roster"}


def counting(size: int) -> bytes:
    return bytes(range(size))


def test_there_is_a_vector_for_each_format() -> None:
    assert set(VECTORS) == NAMES


def test_v1() -> None:
    it = VECTORS["v1"]
    key, raw, password = CustomerKey.parse(it["key"]), base64.b64decode(it["key"]), SecretStr(it["password"])
    assert v1.encrypt_text(it["text"], key) == it["text_encrypted"]
    assert base64.b64decode(it["text_encrypted"]) == openssl.cbc(it["text"].encode(), raw)
    assert v1.encrypt_request(it["map"], key) == it["request"]
    assert json.loads(openssl.cbc(base64.b64decode(it["request"]), raw, decrypt=True)) == it["map"]
    assert v1.encrypt_invite(it["map"], password) == it["invite"]
    assert json.loads(openssl.ecb(base64.b64decode(it["invite"]), b"passwd0000000000", decrypt=True)) == it["map"]


def test_signature() -> None:
    it = VECTORS["signature"]
    made = sign(
        SignedRequest(it["verb"], it["cid"], it["path"]),
        CustomerKey.parse(it["key"]),
        datetime(2026, 1, 31, 12, tzinfo=UTC),
    )
    assert (made.content_md5, made.sym_date, made.authorization) == (
        it["content_md5"],
        it["sym_date"],
        it["authorization"],
    )


def test_v2_invite() -> None:
    it = VECTORS["v2_invite"]
    passphrase = SecretStr(it["passphrase"])
    assert blobs.decrypt_invite(it["text"], passphrase) == it["map"]
    assert book.invite(it["text"], it["passphrase"].encode()) == ("cardio", to_json(it["map"]))
    made = envelope.seal(to_json(it["map"]), passphrase, purpose="invite", federation="cardio", random=counting)
    assert made == it["text"]


def test_v2_request() -> None:
    it = VECTORS["v2_request"]
    key, context = CustomerKey.parse(it["key"]), RequestContext(it["verb"], it["path"], it["cid"], it["sym_date"])
    assert request.encrypt_request(it["map"], key, context, random=counting) == it["text"]
    bound = [it[name].encode() for name in ("verb", "path", "cid", "sym_date")]
    assert json.loads(book.request(it["text"], base64.b64decode(it["key"]), *bound)) == it["map"]


def test_v2_answer() -> None:
    it = VECTORS["v2_answer"]
    key = CustomerKey.parse(it["key"])
    assert request.encrypt_value(it["content"], key, cid=it["cid"], name=it["name"], random=counting) == it["text"]
    bound = [it[name].encode() for name in ("cid", "name")]
    assert book.answer(it["text"], base64.b64decode(it["key"]), *bound).decode() == it["content"]


def test_v2_join_request() -> None:
    it = VECTORS["v2_join_request"]
    read = JoinRequest.read(json.dumps(it["file"]).encode())
    assert read.is_by_holder(digest(SecretStr(it["token"])))
    assert it["file"]["mac"] == book.join_request_mac(it["token"], it["file"])
    said = {name: it["file"][name] for name in ("aws_topic_arn", "aws_id", "pid", "public_key")}
    assert JoinRequest.make(SecretStr(it["token"]), **said) == read


def test_v2_roster() -> None:
    it = VECTORS["v2_roster"]
    raw = to_json(it["file"])
    assert hub_public_key(SecretStr(it["hub_key"])) == it["hub_public_key"]
    found = book.roster(raw, it["hub_public_key"])
    assert book.sealed_key(found, it["member"], it["member_key"]) == it["fed_secret_key"]
    topic = "arn:aws:sns:us-east-1:111111111111:cardio"
    read = read_roster(raw, hub_public_key=it["hub_public_key"], fed_name="cardio", aws_topic_arn=topic)
    assert read.federation_key(it["member"], SecretStr(it["member_key"])).get_secret_value() == it["fed_secret_key"]


@pytest.mark.parametrize("key", sorted(Invite.model_fields))
def test_every_key_of_an_invite_is_on_the_page(key: str) -> None:
    assert f"`{key}`" in PAGE
