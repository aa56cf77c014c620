"""REST bodies of customers that are not on v1, and what is encrypted to them in answers.

    text = "fedml2." base64url(nonce 12 | AES-256-GCM(key, nonce, content, associated data))
    key  = HKDF-SHA256(the customer's 32 bytes, info = label)

Requests and answers have labels of their own, so that neither can be sent back as the other.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fedml_infra.errors import UnreadableError
from fedml_infra.wire.encoding import base64url, from_base64url, from_json, joined, to_json, unwrapped
from fedml_infra.wire.keys import V2_BYTES, CustomerKey
from fedml_infra.wire.v2.kdf import derive

PREFIX = "fedml2."

_NONCE = 12
Random = Callable[[int], bytes]


@dataclass(frozen=True)
class RequestContext:
    """What a request's body is bound to: the verb, the path as on the wire, the customer's id, the sym-date header."""

    verb: str
    path: str
    cid: str
    sym_date: str

    def associated(self) -> bytes:
        """As associated data: the four in this order, each behind its length."""
        return joined(self.verb, self.path, self.cid, self.sym_date)


def encrypt_request(
    values: Mapping[str, str], key: CustomerKey, context: RequestContext, *, random: Random = secrets.token_bytes
) -> str:
    """A request's body. ConfigurationError where the key has not 32 bytes."""
    return _encrypt(to_json(dict(values)), key, "request", context.associated(), random)


def decrypt_request(text: str, key: CustomerKey, context: RequestContext) -> dict[str, object]:
    """The map of a request's body. UnreadableError, always the same, for whatever is not as it was sent."""
    try:
        return dict(from_json(_decrypt(text, key, "request", context.associated())))
    except ValueError:
        raise UnreadableError from None


def encrypt_value(content: str, key: CustomerKey, *, cid: str, name: str, random: Random = secrets.token_bytes) -> str:
    """An encrypted value of an answer: `name` is its key there. ConfigurationError where the key has not 32 bytes."""
    return _encrypt(content.encode(), key, "answer", joined(cid, name), random)


def decrypt_value(text: str, key: CustomerKey, *, cid: str, name: str) -> str:
    """What `encrypt_value` was given. UnreadableError, always the same, otherwise."""
    try:
        return _decrypt(text, key, "answer", joined(cid, name)).decode("utf-8")
    except ValueError:
        raise UnreadableError from None


def sealed_bytes(text: str) -> bytes:
    """What a text holds, the same however it is wrapped: by that it is known again. UnreadableError where it is none
    of ours.
    """
    text = unwrapped(text)
    if not text.startswith(PREFIX):
        raise UnreadableError
    try:
        return from_base64url(text.removeprefix(PREFIX))
    except ValueError:
        raise UnreadableError from None


def _encrypt(content: bytes, key: CustomerKey, label: str, associated: bytes, random: Random) -> str:
    cipher, nonce = AESGCM(derive(key.require(V2_BYTES), label)), random(_NONCE)
    return PREFIX + base64url(nonce + cipher.encrypt(nonce, content, associated))


def _decrypt(text: str, key: CustomerKey, label: str, associated: bytes) -> bytes:
    if key.size != V2_BYTES:
        raise UnreadableError
    raw = sealed_bytes(text)
    try:
        return AESGCM(derive(key.require(V2_BYTES), label)).decrypt(raw[:_NONCE], raw[_NONCE:], associated)
    except (InvalidTag, ValueError):
        raise UnreadableError from None
