"""The ciphers that existing clients use. Weak (fixed IV, nothing authenticated, no key stretching): for them only.

Source: the REST contract of the machine-learning server that those clients were made for. What does not decrypt to a
JSON map is refused; more cannot be told, as nothing is authenticated.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError, UnreadableError
from fedml_infra.wire.encoding import from_gson_base64, from_json, to_json
from fedml_infra.wire.keys import V1_BYTES, CustomerKey

IV = base64.b64decode("LzM5QUtXZXWHm7HJ4wAePg==")
"""The one that every client uses for every message."""

BLOCK = 16
PASSWORD_LIMIT = 16
"""In bytes of UTF-8; what clients do with a longer password is not documented."""


def encrypt_text(text: str, key: CustomerKey) -> str:
    """AES-128-CBC with the fixed IV and PKCS#7, as base64. ConfigurationError where the key has not 16 bytes."""
    return _encrypt(text.encode(), key.require(V1_BYTES), modes.CBC(IV))


def decrypt_text(blob: str, key: CustomerKey) -> str:
    """The text of `encrypt_text`. UnreadableError where nothing of that form comes out."""
    if key.size != V1_BYTES:
        raise UnreadableError
    return _text(_decrypt(blob, key.require(V1_BYTES), modes.CBC(IV)))


def encrypt_request(values: Mapping[str, str], key: CustomerKey) -> str:
    """A request's body: the map as JSON, encrypted. ConfigurationError where the key has not 16 bytes."""
    return encrypt_text(to_json(dict(values)).decode(), key)


def decrypt_request(blob: str, key: CustomerKey) -> dict[str, object]:
    """The map of a request's body. UnreadableError where no JSON map comes out."""
    return _map(decrypt_text(blob, key))


def encrypt_invite(values: Mapping[str, str], password: SecretStr) -> str:
    """An invite's blob: AES-128-ECB and PKCS#7, as base64. ConfigurationError as `password_key`."""
    return _encrypt(to_json(dict(values)), password_key(password), modes.ECB())  # noqa: S305 - the contract


def decrypt_invite(blob: str, password: SecretStr) -> dict[str, object]:
    """The map of an invite's blob. ConfigurationError as `password_key`; UnreadableError where no map comes out."""
    if not is_blob(blob):
        raise UnreadableError
    return _map(_text(_decrypt(blob, password_key(password), modes.ECB())))  # noqa: S305 - the contract


def password_key(password: SecretStr) -> bytes:
    """The password's bytes, padded on the right with the CHARACTER 0 to 16. ConfigurationError if empty or longer."""
    raw = password.get_secret_value().encode()
    if not raw:
        raise ConfigurationError("The passphrase is empty.", fix="Give the one that the invite is encrypted with.")
    if len(raw) > PASSWORD_LIMIT:
        raise ConfigurationError(
            f"A v1 invite takes a passphrase of at most {PASSWORD_LIMIT} bytes, and this one has {len(raw)}.",
            fix="Shorten it, or use v2, whose passphrases may be long.",
        )
    return raw.ljust(PASSWORD_LIMIT, b"0")


def is_blob(text: str) -> bool:
    """Whether a text has the form of v1: base64 of whole AES blocks."""
    try:
        raw = from_gson_base64(text)
    except ValueError:
        return False
    return bool(raw) and len(raw) % BLOCK == 0


def _encrypt(content: bytes, key: bytes, mode: modes.CBC | modes.ECB) -> str:
    padder = padding.PKCS7(8 * BLOCK).padder()
    encryptor = Cipher(algorithms.AES128(key), mode).encryptor()
    padded = padder.update(content) + padder.finalize()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def _decrypt(blob: str, key: bytes, mode: modes.CBC | modes.ECB) -> bytes:
    unpadder = padding.PKCS7(8 * BLOCK).unpadder()
    decryptor = Cipher(algorithms.AES128(key), mode).decryptor()
    try:
        padded = decryptor.update(from_gson_base64(blob)) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise UnreadableError from None


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError from None


def _map(text: str) -> dict[str, object]:
    try:
        return from_json(text.encode())
    except ValueError:
        raise UnreadableError from None
