"""Bytes sealed to one member: X25519 -> HKDF -> AES-256-GCM.

    shared     = X25519(ephemeral private key, the member's public key)
    key, nonce = HKDF-SHA256(shared, salt = ephemeral public key | member's public key, info = label, context)
    sealed     = ephemeral public key | AES-256-GCM(key, nonce, content, context)

The ephemeral key is used once, so that the derived nonce never meets its key again (as in RFC 9180, HPKE).
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError
from fedml_infra.wire.encoding import joined
from fedml_infra.wire.v2.kdf import derive
from fedml_infra.wire.v2.keypairs import opening_key, sealing_key

_POINT = 32


def seal_to(public_key: str, content: bytes, *context: str) -> bytes:
    """The content for the holder of `public_key` alone, in this context alone. ConfigurationError for a bad key."""
    ephemeral, member = X25519PrivateKey.generate(), sealing_key(public_key)
    point = ephemeral.public_key().public_bytes_raw()
    try:
        shared = ephemeral.exchange(member)
    except ValueError:  # a point of small order, which shares a secret with no one
        raise ConfigurationError("public_key is not a key that anything can be sealed to.") from None
    key, nonce = _keys(shared, point, member.public_bytes_raw(), context)
    return point + AESGCM(key).encrypt(nonce, content, joined(*context))


def open_sealed(member_key: SecretStr, sealed: bytes, *context: str) -> bytes:
    """What was sealed. ValueError where not to this key and in this context; ConfigurationError for a bad key."""
    private, point = opening_key(member_key), sealed[:_POINT]
    shared = private.exchange(X25519PublicKey.from_public_bytes(point))
    key, nonce = _keys(shared, point, private.public_key().public_bytes_raw(), context)
    try:
        return AESGCM(key).decrypt(nonce, sealed[_POINT:], joined(*context))
    except InvalidTag:
        raise ValueError("not sealed to this key") from None


def _keys(shared: bytes, point: bytes, member: bytes, context: tuple[str, ...]) -> tuple[bytes, bytes]:
    both = derive(shared, "sealed", *context, length=32 + 12, salt=point + member)
    return both[:32], both[32:]
