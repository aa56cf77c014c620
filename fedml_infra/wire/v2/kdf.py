"""HKDF-SHA256 (RFC 5869), which makes every key of v2 out of another; each use has a label of its own."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fedml_infra.wire.encoding import joined


def derive(secret: bytes, label: str, *context: str | bytes, length: int = 32, salt: bytes | None = None) -> bytes:
    """`length` bytes of HKDF-SHA256; info is the label and the context, each behind its length."""
    return HKDF(SHA256(), length, salt, joined(f"fedml2 {label}", *context)).derive(secret)
