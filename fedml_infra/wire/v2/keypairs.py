"""Key pairs: the hub signs with Ed25519, a member is sealed to with X25519. All as base64 of their 32 raw bytes."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError
from fedml_infra.wire.encoding import from_base64


def new_hub_key() -> SecretStr:
    """A signing key (RFC 8032)."""
    return _secret(Ed25519PrivateKey.generate().private_bytes_raw())


def hub_public_key(hub_key: SecretStr) -> str:
    """What an invite carries of it. ConfigurationError where it is no key."""
    return _text(signing_key(hub_key).public_key().public_bytes_raw())


def new_member_key() -> SecretStr:
    """A member's private key (RFC 7748)."""
    return _secret(X25519PrivateKey.generate().private_bytes_raw())


def member_public_key(member_key: SecretStr) -> str:
    """What the hub seals to. ConfigurationError where it is no key."""
    return _text(opening_key(member_key).public_key().public_bytes_raw())


def signing_key(hub_key: SecretStr) -> Ed25519PrivateKey:
    """The key of its text. ConfigurationError where it is none."""
    return Ed25519PrivateKey.from_private_bytes(_raw(hub_key.get_secret_value(), "hub_key"))


def verifying_key(public_key: str) -> Ed25519PublicKey:
    """The key of its text. ConfigurationError where it is none."""
    return Ed25519PublicKey.from_public_bytes(_raw(public_key, "hub_public_key"))


def opening_key(member_key: SecretStr) -> X25519PrivateKey:
    """The key of its text. ConfigurationError where it is none."""
    return X25519PrivateKey.from_private_bytes(_raw(member_key.get_secret_value(), "member_key"))


def sealing_key(public_key: str) -> X25519PublicKey:
    """The key of its text. ConfigurationError where it is none."""
    return X25519PublicKey.from_public_bytes(_raw(public_key, "public_key"))


def _raw(text: str, what: str) -> bytes:
    try:
        raw = from_base64(text)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise ConfigurationError(f"{what} is not base64 of 32 bytes.", fix="Take it whole, with its = at the end.")
    return raw


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _secret(raw: bytes) -> SecretStr:
    return SecretStr(_text(raw))
