"""Text under a passphrase: Argon2id -> HKDF -> AES-256-GCM, with a key commitment; one error for every way to fail.

    text       = "fedml2-" purpose "." base64url(header commitment ciphertext tag)
    header     = version u8 | memory u32 (KiB) | passes u8 | lanes u8 | salt 16 | nonce 12 | length u8 | federation
    stretched  = Argon2id(passphrase, salt, memory, passes, lanes), version 1.3, 32 bytes          (RFC 9106)
    key, commitment = HKDF-SHA256(stretched, info = label, purpose, header), 32 bytes each         (RFC 5869)
    ciphertext, tag = AES-256-GCM(key, nonce, padded, "fedml2-" purpose "." header commitment)
    padded     = length u32 | content | zeros, to a whole number of KiB

Numbers are big-endian. The header holds the federation's name in clear, so that whoever opens it need not know it; it
is authenticated with all else. The commitment makes a ciphertext that opens under two passphrases as hard to find as
a collision of SHA-256 (AES-GCM alone does not: "Partitioning Oracle Attacks", USENIX Security 2021).
"""

from __future__ import annotations

import hmac
import re
import secrets
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError, UnreadableError
from fedml_infra.model.mistake import MistakeError
from fedml_infra.model.names import name
from fedml_infra.wire.encoding import base64url, from_base64url, unwrapped
from fedml_infra.wire.v2.kdf import derive
from fedml_infra.wire.v2.passphrase import canonical

VERSION = 2
BLOCK = 1024
"""Content is padded to a whole number of these, so that its length says little about it."""
LONGEST = 64 * BLOCK
"""Of padded content; more is refused before any work is done."""

INVITE = "invite"

_FIXED = struct.Struct(">BIBB16s12sB")
_LENGTH = struct.Struct(">I")
_TAG = 16
_COMMITMENT = 32
_FORM = re.compile(r"fedml2-([a-z]+)\.(.*)", re.DOTALL)


@dataclass(frozen=True)
class Parameters:
    """What Argon2id costs: memory in KiB, passes over it, lanes."""

    memory: int
    passes: int
    lanes: int


DEFAULT = Parameters(memory=64 * 1024, passes=3, lanes=4)
"""RFC 9106, section 4, the second recommended option."""
ALLOWED = frozenset({DEFAULT})
"""No others are opened: a text must not choose how long, or how little, a reader works for it."""

Stretch = Callable[[bytes, bytes, Parameters], bytes]
"""(passphrase, salt, parameters) -> 32 bytes."""


# OpenSSL takes its threads for the lanes from one pool for all, and waits for ever where two derivations took a part of
# them each (seen with cryptography 50.0.2, OpenSSL 4.0.3). So only one at a time, which bounds the memory too.
_ALONE = threading.Lock()


def argon2id(passphrase: bytes, salt: bytes, parameters: Parameters) -> bytes:
    """RFC 9106, version 1.3. The only slow step; one at a time in a process."""
    derivation = Argon2id(
        salt=salt, length=32, iterations=parameters.passes, lanes=parameters.lanes, memory_cost=parameters.memory
    )
    with _ALONE:
        return derivation.derive(passphrase)


@dataclass(frozen=True)
class Opened:
    """What was in an envelope, and the federation that its header names."""

    federation: str
    content: bytes = field(repr=False)


def seal(
    content: bytes,
    passphrase: SecretStr,
    *,
    purpose: str,
    federation: str,
    random: Callable[[int], bytes] = secrets.token_bytes,
    stretch: Stretch = argon2id,
) -> str:
    """The content as text. ConfigurationError for an empty passphrase, a name that is none, or too much content."""
    secret = canonical(passphrase)
    if not secret:
        raise ConfigurationError("The passphrase is empty.", fix="Give one, or let one be made.")
    try:
        name(federation)
    except MistakeError as mistake:
        raise ConfigurationError(f"fed_name: {mistake.what}", fix=mistake.fix) from None
    padded = _padded(content)
    if len(padded) > LONGEST:
        raise ConfigurationError(f"This has {len(content)} bytes, and {LONGEST - _LENGTH.size} is the most.")
    salt, nonce = random(16), random(12)
    header = _header(DEFAULT, salt, nonce, federation)
    key, commitment = _keys(stretch(secret, salt, DEFAULT), purpose, header)
    sealed = AESGCM(key).encrypt(nonce, padded, _associated(purpose, header, commitment))
    return _armour(purpose) + base64url(header + commitment + sealed)


def open_envelope(
    text: str,
    passphrase: SecretStr,
    *,
    purpose: str,
    federation: str | None = None,
    stretch: Stretch = argon2id,
) -> Opened:
    """What `seal` was given. UnreadableError, always the same, for a wrong passphrase, any change of the text, another
    purpose, another federation than the one that is expected (None: whichever it names), or a parameter that is not
    allowed; what can be told without the passphrase is refused before any work is done.
    """
    try:
        return _open(text, canonical(passphrase), purpose, federation, stretch)
    except (ValueError, struct.error, InvalidTag):
        raise UnreadableError from None


def purpose_of(text: str) -> str | None:
    """The purpose that a text's first characters name; None where it has not the form of an envelope."""
    match = _FORM.fullmatch(unwrapped(text))
    return match[1] if match else None


def _open(text: str, secret: bytes, purpose: str, federation: str | None, stretch: Stretch) -> Opened:
    match = _FORM.fullmatch(unwrapped(text))
    if match is None or match[1] != purpose or len(match[2]) > 2 * LONGEST:
        raise ValueError("not of this form")
    raw = from_base64url(match[2])
    version, memory, passes, lanes, salt, nonce, length = _FIXED.unpack_from(raw)
    parameters = Parameters(memory, passes, lanes)
    end = _FIXED.size + length
    header, commitment, sealed = raw[:end], raw[end : end + _COMMITMENT], raw[end + _COMMITMENT :]
    named = name(header[_FIXED.size :].decode("ascii"))
    size = len(sealed) - _TAG
    if version != VERSION or parameters not in ALLOWED or not secret:
        raise ValueError("not what this version writes")
    if size <= 0 or size % BLOCK or size > LONGEST or (federation is not None and named != federation):
        raise ValueError("not whole, or not for this")
    key, expected = _keys(stretch(secret, salt, parameters), purpose, header)
    if not hmac.compare_digest(expected, commitment):
        raise ValueError("another key")
    return Opened(named, _unpadded(AESGCM(key).decrypt(nonce, sealed, _associated(purpose, header, commitment))))


def _armour(purpose: str) -> str:
    return f"fedml2-{purpose}."


def _header(parameters: Parameters, salt: bytes, nonce: bytes, federation: str) -> bytes:
    fixed = _FIXED.pack(VERSION, parameters.memory, parameters.passes, parameters.lanes, salt, nonce, len(federation))
    return fixed + federation.encode("ascii")


def _keys(stretched: bytes, purpose: str, header: bytes) -> tuple[bytes, bytes]:
    both = derive(stretched, "envelope", purpose, header, length=32 + _COMMITMENT)
    return both[:32], both[32:]


def _associated(purpose: str, header: bytes, commitment: bytes) -> bytes:
    return _armour(purpose).encode() + header + commitment


def _padded(content: bytes) -> bytes:
    whole = _LENGTH.pack(len(content)) + content
    return whole + bytes(-len(whole) % BLOCK)


def _unpadded(padded: bytes) -> bytes:
    (length,) = _LENGTH.unpack_from(padded)
    content = padded[_LENGTH.size : _LENGTH.size + length]
    if _padded(content) != padded:
        raise ValueError("padded in another way")
    return content
