"""The reading side of v2, written anew from docs/reference/wire-formats.md with nothing of the package's own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id


def joined(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def hkdf(secret: bytes, label: bytes, *context: bytes, length: int = 32, salt: bytes = bytes(32)) -> bytes:
    """RFC 5869 by its text."""
    key, info = hmac.digest(salt, secret, "sha256"), joined(b"fedml2 " + label, *context)
    made = last = b""
    for count in range(1, 9):
        last = hmac.digest(key, last + info + bytes([count]), "sha256")
        made += last
    return made[:length]


def unarmoured(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def invite(text: str, passphrase: bytes) -> tuple[str, bytes]:
    raw = unarmoured(text.removeprefix("fedml2-invite."))
    end = 36 + raw[35]
    header, commitment, sealed = raw[:end], raw[end : end + 32], raw[end + 32 :]
    assert header[0] == 2
    memory, passes, lanes = struct.unpack(">IBB", header[1:7])
    salt, nonce, federation = header[7:23], header[23:35], header[36:]
    stretched = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory).derive(passphrase)
    keys = hkdf(stretched, b"envelope", b"invite", header, length=64)
    assert keys[32:] == commitment
    padded = AESGCM(keys[:32]).decrypt(nonce, sealed, b"fedml2-invite." + header + commitment)
    (length,) = struct.unpack(">I", padded[:4])
    assert len(padded) % 1024 == 0
    assert not padded[4 + length :].strip(b"\0")
    return federation.decode(), padded[4 : 4 + length]


def request(text: str, key: bytes, *context: bytes) -> bytes:
    raw = unarmoured(text.removeprefix("fedml2."))
    return AESGCM(hkdf(key, b"request")).decrypt(raw[:12], raw[12:], joined(*context))


def answer(text: str, key: bytes, *context: bytes) -> bytes:
    raw = unarmoured(text.removeprefix("fedml2."))
    return AESGCM(hkdf(key, b"answer")).decrypt(raw[:12], raw[12:], joined(*context))


def roster(raw: bytes, hub_public_key: str) -> dict[str, Any]:
    envelope = json.loads(raw)
    kind, payload = envelope["payloadType"], base64.b64decode(envelope["payload"])
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    said = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    Ed25519PublicKey.from_public_bytes(base64.b64decode(hub_public_key)).verify(signature, said)
    found = json.loads(payload)
    assert isinstance(found, dict)
    return found


def sealed_key(roster: dict[str, Any], account: str, member_key: str) -> str:
    (entry,) = (entry for entry in roster["members"] if entry["aws_id"] == account)
    raw, private = unarmoured(entry["sealed_key"]), X25519PrivateKey.from_private_bytes(base64.b64decode(member_key))
    shared = private.exchange(X25519PublicKey.from_public_bytes(raw[:32]))
    said = ["federation key", roster["fed_name"], roster["aws_topic_arn"], str(roster["fed_epoch"]), account]
    context = [part.encode() for part in said]
    salt = raw[:32] + private.public_key().public_bytes_raw()
    both = hkdf(shared, b"sealed", *context, length=44, salt=salt)
    return AESGCM(both[:32]).decrypt(both[32:], raw[32:], joined(*context)).decode()


def token_id(token: str) -> str:
    return hkdf(hashlib.sha256(token.encode()).digest(), b"token id", length=8).hex()


def join_request_mac(token: str, said: dict[str, str]) -> str:
    key = hkdf(hashlib.sha256(token.encode()).digest(), b"join request")
    names = ("token_id", "aws_topic_arn", "aws_id", "pid", "public_key")
    return base64.b64encode(hmac.digest(key, joined(*(said[name].encode() for name in names)), "sha256")).decode()
