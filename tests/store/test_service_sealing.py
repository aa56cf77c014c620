"""Secrets at rest open for their purpose and their row alone."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes

from fedml_infra.errors import StoreError
from fedml_infra.store.sealing import KEY_BYTES, Sealer

KEY = SecretBytes(bytes(range(KEY_BYTES)))
SEALER = Sealer(KEY)
SEALED = SEALER.seal(b"c4n4ry", "workspace credentials", "c1", "p1")


def test_what_was_sealed_opens() -> None:
    assert SEALER.open(SEALED, "workspace credentials", "c1", "p1") == b"c4n4ry"


@pytest.mark.parametrize(
    ("purpose", "identity"),
    [
        ("workspace passphrase", ("c1", "p1")),
        ("workspace credentials", ("c2", "p1")),
        ("workspace credentials", ("c1", "p2")),
        ("workspace credentials", ("c1",)),
        ("workspace credentials", ("c1p1",)),
        ("workspace credentials", ("c", "1p1")),
        ("workspace credentials", ("c1", "p1", "")),
        ("workspace credentialsc1", ("p1",)),
    ],
)
def test_it_does_not_open_in_another_row_or_for_another_purpose(purpose: str, identity: tuple[str, ...]) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        SEALER.open(SEALED, purpose, *identity)


def test_it_does_not_open_under_another_master_key() -> None:
    with pytest.raises(StoreError):
        Sealer(SecretBytes(bytes(KEY_BYTES))).open(SEALED, "workspace credentials", "c1", "p1")


@given(st.integers(0, len(SEALED) * 8 - 1))
def test_no_bit_of_it_can_be_changed(bit: int) -> None:
    changed = bytearray(SEALED)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(StoreError):
        SEALER.open(bytes(changed), "workspace credentials", "c1", "p1")


@given(st.integers(0, len(SEALED) - 1))
def test_no_part_of_it_opens(length: int) -> None:
    with pytest.raises(StoreError):
        SEALER.open(SEALED[:length], "workspace credentials", "c1", "p1")


def test_the_same_secret_is_never_sealed_the_same_way() -> None:
    assert SEALER.seal(b"c4n4ry", "p", "i") != SEALER.seal(b"c4n4ry", "p", "i")


def test_a_refusal_repeats_no_secret() -> None:
    with pytest.raises(StoreError) as refused:
        SEALER.open(SEALED, "another", "c1", "p1")
    assert "c4n4ry" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_master_key_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32"):
        Sealer(SecretBytes(bytes(length)))


def test_without_what_it_is_bound_to_a_row_s_secret_would_open_in_another() -> None:
    """The mutation: one key for all, and nothing bound. It is what the tests above would then be unable to tell."""
    key, nonce = KEY.get_secret_value(), bytes(12)
    of_first = AESGCM(key).encrypt(nonce, b"c4n4ry", None)
    assert AESGCM(key).decrypt(nonce, of_first, None) == b"c4n4ry"
