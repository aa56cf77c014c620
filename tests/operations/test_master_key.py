"""The master key: where it comes from, that it is made once, and that a wrong one is told at the start."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from pydantic import SecretBytes

from fedml_infra.aws.kms import KmsKey, kms_key
from fedml_infra.errors import ConfigurationError, StoreError
from fedml_infra.operations.master_key import FILE, VARIABLE, master_key
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import Store, open_store

RAW = bytes(range(32))
TEXT = base64.b64encode(RAW).decode()
URL = "awskms://alias/fedml?region=eu-central-1"


class FakeKms:
    """Encrypts by turning the bytes round."""

    def __init__(self) -> None:
        self.made = 0
        self.asked: set[KmsKey] = set()

    def new_data_key(self, key: KmsKey) -> tuple[SecretBytes, bytes]:
        self.made += 1
        self.asked.add(key)
        raw = bytes([self.made]) + RAW[1:]
        return SecretBytes(raw), raw[::-1]

    def open_data_key(self, key: KmsKey, encrypted: bytes) -> SecretBytes:
        self.asked.add(key)
        return SecretBytes(encrypted[::-1])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(StorePlace(tmp_path / "data"))


def key_file(tmp_path: Path, text: str = TEXT, mode: int = 0o600) -> str:
    path = tmp_path / "key"
    path.write_text(text + "\n", encoding="ascii")
    path.chmod(mode)
    return str(path)


def test_an_embedded_service_makes_one_that_only_its_owner_reads(store: Store, tmp_path: Path) -> None:
    made = master_key(store, environ={})
    path = tmp_path / "data" / FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert base64.b64decode(path.read_text(encoding="ascii")) == made.get_secret_value()
    assert [each.name for each in path.parent.iterdir() if "key" in each.name] == [FILE]


def test_it_is_the_same_the_next_time(store: Store) -> None:
    assert master_key(store, environ={}) == master_key(store, environ={})


def test_the_environments_goes_before_the_folders_and_is_taken_out_of_it(store: Store) -> None:
    """No child inherits it."""
    environ = {VARIABLE: TEXT, "PATH": "/bin"}
    assert master_key(store, environ=environ).get_secret_value() == RAW
    assert environ == {"PATH": "/bin"}


def test_a_file_goes_before_the_environments(store: Store, tmp_path: Path) -> None:
    other = base64.b64encode(bytes(32)).decode()
    assert master_key(store, given=key_file(tmp_path), environ={VARIABLE: other}).get_secret_value() == RAW


def test_another_key_than_before_is_told_at_the_start(store: Store, tmp_path: Path) -> None:
    master_key(store, environ={})
    with pytest.raises(StoreError, match="not the master key"):
        master_key(store, given=key_file(tmp_path), environ={})


def test_a_lost_file_is_told_and_no_other_is_made(store: Store, tmp_path: Path) -> None:
    master_key(store, environ={})
    path = tmp_path / "data" / FILE
    path.unlink()
    with pytest.raises(ConfigurationError, match="is not there"):
        master_key(store, environ={})
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "x", base64.b64encode(bytes(16)).decode(), "not base64 at all!"])
def test_what_is_no_key_is_told_and_not_repeated(store: Store, tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="holds no master key") as refused:
        master_key(store, given=key_file(tmp_path, text), environ={})
    assert not text or f"{text!r}" not in str(refused.value)


def test_a_file_that_others_can_read_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="read by others"):
        master_key(store, given=key_file(tmp_path, mode=0o644), environ={})


def test_a_file_that_is_not_there_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        master_key(store, given=str(tmp_path / "nowhere"), environ={})


def test_a_kms_key_keeps_a_data_key_in_the_store(store: Store) -> None:
    aws = FakeKms()
    first = master_key(store, given=URL, environ={}, aws=aws)
    assert master_key(store, given=URL, environ={}, aws=aws) == first
    assert (aws.made, aws.asked) == (1, {KmsKey("alias/fedml", "eu-central-1")})


def test_a_kms_key_leaves_no_key_in_the_clear(store: Store, tmp_path: Path) -> None:
    made = master_key(store, given=URL, environ={}, aws=FakeKms()).get_secret_value()
    store.close()
    for path in (tmp_path / "data").iterdir():
        assert made not in path.read_bytes()


@pytest.mark.parametrize(
    ("url", "key"),
    [
        (URL, KmsKey("alias/fedml", "eu-central-1")),
        ("awskms://1234abcd-12ab?region=us-east-1", KmsKey("1234abcd-12ab", "us-east-1")),
        (
            "awskms:///arn:aws:kms:us-east-1:111111111111:key/1234",
            KmsKey("arn:aws:kms:us-east-1:111111111111:key/1234", "us-east-1"),
        ),
    ],
)
def test_kms_keys_are_spelt_as_pulumi_does(url: str, key: KmsKey) -> None:
    assert kms_key(url) == key


@pytest.mark.parametrize("url", ["awskms://alias/fedml", "awskms://?region=us-east-1", "gcpkms://x", "awskms:///arn:x"])
def test_what_names_no_kms_key_is_told(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no KMS key"):
        kms_key(url)
