"""The v2 envelope: what comes back, what is refused, and that refusals are all the same."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError, UnreadableError, answer_of
from fedml_infra.wire import blobs
from fedml_infra.wire.encoding import base64url, from_base64url, from_json, to_json
from fedml_infra.wire.invites import Invite
from fedml_infra.wire.v2 import envelope
from fedml_infra.wire.v2.envelope import ALLOWED, BLOCK, DEFAULT, LONGEST, Parameters, argon2id, open_envelope, seal
from tests.wire import book
from tests.wire.values import PASSPHRASE, fast, invite, invites, names, texts

ARMOUR = "fedml2-invite."
FEDERATION = "cardio"
FIXED = 36
HEADER = FIXED + len(FEDERATION)
SALT = range(7, 23)
TEXT = seal(b'{"fed_name":"cardio"}', PASSPHRASE, purpose="invite", federation=FEDERATION)
RAW = from_base64url(TEXT.removeprefix(ARMOUR))
KEPT = argon2id(PASSPHRASE.get_secret_value().encode(), bytes(RAW[i] for i in SALT), DEFAULT)


def kept(_passphrase: bytes, _salt: bytes, _parameters: Parameters) -> bytes:
    """The key as Argon2id derived it once, so that thousands of changes can be tried."""
    return KEPT


def opened(text: str, **changes: object) -> envelope.Opened:
    arguments: dict[str, object] = {"purpose": "invite", "federation": FEDERATION, **changes}
    return open_envelope(text, PASSPHRASE, **arguments)  # type: ignore[arg-type]


def refused(text: str, **changes: object) -> None:
    with pytest.raises(UnreadableError) as error:
        opened(text, **changes)
    assert str(error.value) == str(UnreadableError())


def armoured(raw: bytes) -> str:
    return ARMOUR + base64url(raw)


def flipped(raw: bytes, bits: range) -> Iterator[bytes]:
    for bit in bits:
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def test_threads_that_derive_at_the_same_time_do_not_wait_for_each_other_for_ever() -> None:
    """In a process of its own: threads that hang would keep this one from ending."""
    program = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from fedml_infra.wire.v2.envelope import DEFAULT, argon2id\n"
        "with ThreadPoolExecutor(3) as pool:\n"
        "    print(len(set(pool.map(lambda _: argon2id(b'x', b'0' * 16, DEFAULT), range(3)))))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "1\n"


def test_what_is_sealed_is_opened_with_the_real_argon2id() -> None:
    assert opened(TEXT) == envelope.Opened(FEDERATION, b'{"fed_name":"cardio"}')
    assert opened(TEXT, federation=None).federation == FEDERATION


def test_it_is_read_by_the_book() -> None:
    passphrase = PASSPHRASE.get_secret_value().encode()
    assert book.invite(TEXT, passphrase) == (FEDERATION, b'{"fed_name":"cardio"}')


@given(st.binary(max_size=5000), texts, names, st.from_regex("[a-z]{1,20}", fullmatch=True))
def test_any_content_comes_back(content: bytes, passphrase: str, federation: str, purpose: str) -> None:
    secret = SecretStr(passphrase + "x")
    text = seal(content, secret, purpose=purpose, federation=federation, stretch=fast)
    assert open_envelope(text, secret, purpose=purpose, stretch=fast) == envelope.Opened(federation, content)
    assert envelope.purpose_of(text) == purpose


@given(st.integers(0, 1020), st.integers(0, 1020))
def test_up_to_a_kibibyte_all_texts_have_one_length(one: int, other: int) -> None:
    lengths = {
        len(seal(bytes(size), PASSPHRASE, purpose="invite", federation=FEDERATION, stretch=fast))
        for size in (one, other)
    }
    assert lengths == {len(TEXT)}


def test_a_byte_more_takes_another_kibibyte() -> None:
    longer = seal(bytes(1021), PASSPHRASE, purpose="invite", federation=FEDERATION, stretch=fast)
    assert len(from_base64url(longer.removeprefix(ARMOUR))) == len(RAW) + BLOCK


def test_a_full_invite_fits_one_kibibyte() -> None:
    assert len(blobs.seal_invite(invite(aws_id="222222222222", rights=["publish"]), PASSPHRASE)) == len(TEXT)


def test_the_same_content_is_never_sealed_alike() -> None:
    made = {seal(b"x", PASSPHRASE, purpose="invite", federation=FEDERATION, stretch=fast) for _ in range(20)}
    assert len(made) == 20


def test_a_wrong_passphrase_is_refused() -> None:
    with pytest.raises(UnreadableError):
        open_envelope(TEXT, SecretStr(PASSPHRASE.get_secret_value() + "s"), purpose="invite")


def test_the_refusal_exits_with_2() -> None:
    assert answer_of(UnreadableError()).exit_code == 2


# Every single-bit change. A text's letters change its bytes, so both are tried: bytes here, letters below.


@pytest.mark.parametrize("salt_bit", [SALT.start * 8, SALT.stop * 8 - 1])
def test_a_change_of_the_salt_is_refused_by_the_whole_path(salt_bit: int) -> None:
    (changed,) = flipped(RAW, range(salt_bit, salt_bit + 1))
    refused(armoured(changed))


@pytest.mark.soak
def test_every_change_of_header_and_salt_is_refused_by_the_whole_path() -> None:
    for changed in flipped(RAW, range((HEADER + 32) * 8)):
        refused(armoured(changed))


def test_every_change_of_the_header_is_refused_with_the_derived_key_kept() -> None:
    for changed in flipped(RAW, range((HEADER + 32) * 8)):
        refused(armoured(changed), stretch=kept)
        refused(armoured(changed), stretch=kept, federation=None)


def test_every_change_behind_the_header_is_refused_with_the_derived_key_kept() -> None:
    for changed in flipped(RAW, range((HEADER + 32) * 8, len(RAW) * 8)):
        refused(armoured(changed), stretch=kept)


def test_every_change_of_a_letter_is_refused_with_the_derived_key_kept() -> None:
    for changed in flipped(TEXT.encode(), range(len(TEXT) * 8)):
        refused(changed.decode("latin-1"), stretch=kept)


@pytest.mark.soak
def test_every_change_of_a_letter_of_the_header_is_refused_by_the_whole_path() -> None:
    for changed in flipped(TEXT.encode(), range(8 * (len(ARMOUR) + -(-(HEADER + 32) * 4 // 3)))):
        refused(changed.decode("latin-1"))


def test_the_kept_key_opens_what_is_not_changed() -> None:
    """So that the tests above cannot pass because nothing is ever opened."""
    assert opened(TEXT, stretch=kept).content == b'{"fed_name":"cardio"}'


def test_without_the_commitment_s_check_its_changes_would_still_be_refused() -> None:
    """The commitment is in the associated data too."""
    (changed,) = flipped(RAW, range(HEADER * 8, HEADER * 8 + 1))
    keys = book.hkdf(KEPT, b"envelope", b"invite", RAW[:HEADER], length=64)
    with pytest.raises(InvalidTag):
        AESGCM(keys[:32]).decrypt(RAW[23:35], changed[HEADER + 32 :], ARMOUR.encode() + changed[: HEADER + 32])


def test_a_ciphertext_under_another_key_s_commitment_is_refused() -> None:
    """What AES-GCM alone would open: sealed under the right key, with a commitment to another."""
    header, nonce = RAW[:HEADER], RAW[23:35]
    keys = book.hkdf(KEPT, b"envelope", b"invite", header, length=64)
    wrong = bytes(32)
    sealed = AESGCM(keys[:32]).encrypt(nonce, bytes(BLOCK), ARMOUR.encode() + header + wrong)
    refused(armoured(header + wrong + sealed), stretch=kept)
    right = AESGCM(keys[:32]).encrypt(nonce, bytes(BLOCK), ARMOUR.encode() + header + keys[32:])
    assert opened(armoured(header + keys[32:] + right), stretch=kept).content == b""


@pytest.mark.parametrize("padded", [b"\0\0\0\1x" + bytes(1018) + b"\1", b"\0\0\4\0" + bytes(1020), b"\xff" * 1024])
def test_padding_that_seal_would_not_write_is_refused(padded: bytes) -> None:
    header, nonce = RAW[:HEADER], RAW[23:35]
    keys = book.hkdf(KEPT, b"envelope", b"invite", header, length=64)
    sealed = AESGCM(keys[:32]).encrypt(nonce, padded, ARMOUR.encode() + header + keys[32:])
    refused(armoured(header + keys[32:] + sealed), stretch=kept)


@pytest.mark.parametrize("length", [0, 1, 5, 14, 15, 60, 100, 101, 102, 1000])
def test_a_truncated_text_is_refused(length: int) -> None:
    refused(TEXT[:length], stretch=kept)


def test_every_truncation_is_refused() -> None:
    for length in range(len(TEXT)):
        refused(TEXT[:length], stretch=kept)


@pytest.mark.parametrize("extra", ["A", "AAAA", "=", "=="])
def test_a_text_with_something_behind_is_refused(extra: str) -> None:
    refused(TEXT + extra, stretch=kept)


@pytest.mark.parametrize(
    "text", ["", "hello", "fedml2.AAAA", "fedml2-invite.", "fedml2-invite.é", "fedml3-invite.AAAA", "é"]
)
def test_a_foreign_text_is_refused(text: str) -> None:
    refused(text, stretch=kept)


def test_line_breaks_of_a_mail_are_left_out() -> None:
    wrapped = "\r\n".join(re.findall(".{1,64}", TEXT)) + "\n"
    assert opened(wrapped, stretch=kept) == opened(TEXT, stretch=kept)


def test_another_purpose_is_refused_even_under_its_name() -> None:
    refused(TEXT, purpose="backup", stretch=kept)
    refused(TEXT.replace("invite", "backup"), purpose="backup", stretch=kept)


def test_another_federation_is_refused() -> None:
    refused(TEXT, federation="neuro", stretch=kept)


def test_a_header_that_was_given_another_federation_is_refused() -> None:
    raw = RAW[:FIXED] + b"neuroo" + RAW[HEADER:]
    refused(armoured(raw), federation="neuroo", stretch=kept)


# What can be told from the header is refused before the only slow step.


def never(_passphrase: bytes, _salt: bytes, _parameters: Parameters) -> bytes:
    raise AssertionError("work was done")


def with_parameters(memory: int, passes: int, lanes: int) -> str:
    return armoured(RAW[:1] + memory.to_bytes(4, "big") + bytes([passes, lanes]) + RAW[7:])


@pytest.mark.parametrize(
    ("memory", "passes", "lanes"),
    [
        (8, 1, 1),
        (65536, 1, 4),
        (65536, 3, 1),
        (65535, 3, 4),
        (2**32 - 1, 3, 4),
        (65536, 255, 4),
        (0, 0, 0),
        (2**21, 1, 4),
    ],
)
def test_parameters_that_are_not_allowed_are_refused_before_any_work(memory: int, passes: int, lanes: int) -> None:
    refused(with_parameters(memory, passes, lanes), stretch=never)


def test_those_that_are_allowed_get_as_far_as_the_work() -> None:
    assert frozenset({Parameters(65536, 3, 4)}) == ALLOWED
    with pytest.raises(AssertionError, match="work was done"):
        opened(with_parameters(65536, 3, 4), stretch=never)


@pytest.mark.parametrize(
    "text",
    [
        armoured(b"\x03" + RAW[1:]),
        armoured(RAW[:-1]),
        armoured(RAW[: HEADER + 32 + 16]),
        armoured(RAW[:-16]),
        armoured(RAW + bytes(LONGEST)),
        armoured(RAW[:35] + b"\0" + RAW[HEADER:]),
        armoured(RAW[:FIXED] + b"car.io" + RAW[HEADER:]),
        armoured(RAW[:FIXED] + b"car\xffio" + RAW[HEADER:]),
        ARMOUR + "A" * 10_000_000,
    ],
)
def test_a_form_that_cannot_be_is_refused_before_any_work(text: str) -> None:
    refused(text, stretch=never)


def test_another_federation_is_refused_before_any_work() -> None:
    refused(TEXT, federation="neuro", stretch=never)


@pytest.mark.parametrize("passphrase", ["", " ", "-"])
def test_an_empty_passphrase_is_refused(passphrase: str) -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        seal(b"", SecretStr(passphrase), purpose="invite", federation=FEDERATION, stretch=never)
    with pytest.raises(UnreadableError):
        open_envelope(TEXT, SecretStr(passphrase), purpose="invite", stretch=never)


@pytest.mark.parametrize("federation", ["", "a.b", "x" * 75, "é"])
def test_a_federation_s_name_that_is_none_is_refused(federation: str) -> None:
    with pytest.raises(ConfigurationError, match="fed_name"):
        seal(b"", PASSPHRASE, purpose="invite", federation=federation, stretch=never)


def test_too_much_content_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is the most"):
        seal(bytes(LONGEST), PASSPHRASE, purpose="invite", federation=FEDERATION, stretch=never)


def test_what_was_opened_does_not_print_its_content() -> None:
    assert "fed_name" not in repr(opened(TEXT, stretch=kept))


@given(invites())
def test_an_invite_s_map_comes_back_through_the_envelope(value: Invite) -> None:
    text = seal(to_json(value.to_map()), PASSPHRASE, purpose="invite", federation=value.fed_name, stretch=fast)
    found = open_envelope(text, PASSPHRASE, purpose="invite", federation=value.fed_name, stretch=fast)
    assert Invite.from_map(from_json(found.content)) == value
