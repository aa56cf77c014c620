"""Secrets at rest: AES-256-GCM under keys that are derived from one master key, bound to the row that they are of.

    key    = HKDF-SHA256(master key, info = "fedml-infra store", purpose, identity)    (RFC 5869)
    sealed = version u8 | nonce 12 | AES-256-GCM(key, nonce, content, purpose, identity)

Each row has a key of its own, so that the random nonces of one key stay few.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretBytes

from fedml_infra.errors import StoreError

KEY_BYTES = 32
VERSION = 1
_NONCE = 12


class Sealer:
    """Seals and opens with one master key of 32 bytes."""

    def __init__(self, master_key: SecretBytes) -> None:
        if len(master_key.get_secret_value()) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes")
        self._master_key = master_key

    def seal(self, content: bytes, purpose: str, *identity: str) -> bytes:
        """The content, readable for this purpose and this identity alone: a row's secret is of no use in another."""
        bound, nonce = _bound(purpose, identity), secrets.token_bytes(_NONCE)
        return bytes([VERSION]) + nonce + AESGCM(self._key(bound)).encrypt(nonce, content, bound)

    def open(self, sealed: bytes, purpose: str, *identity: str) -> bytes:
        """What was sealed. StoreError where it is not whole, of another row, or under another master key."""
        bound, nonce = _bound(purpose, identity), sealed[1 : 1 + _NONCE]
        try:
            if sealed[:1] != bytes([VERSION]):
                raise ValueError("of another version")
            return AESGCM(self._key(bound)).decrypt(nonce, sealed[1 + _NONCE :], bound)
        except (InvalidTag, ValueError):
            raise StoreError(
                f"A secret in the store ({purpose}) cannot be opened: another master key sealed it, or it was changed.",
                fix="Start the service with the master key that it had before.",
            ) from None

    def _key(self, bound: bytes) -> bytes:
        derived = HKDF(SHA256(), KEY_BYTES, None, b"fedml-infra store" + bound)
        return derived.derive(self._master_key.get_secret_value())


def _bound(purpose: str, identity: tuple[str, ...]) -> bytes:
    """Each part behind its length, so that no two lists of parts are the same bytes."""
    parts = [part.encode() for part in (purpose, *identity)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
