"""Data keys: opened again only where they were made, for what they were made."""

from __future__ import annotations

import pytest

from fedml_infra.aws.kms import KmsKey, new_data_key, open_data_key
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import FedmlError

from .conftest import REGION


@pytest.fixture
def key(moto: None) -> KmsKey:
    made = client("kms", Access(), REGION).create_key()["KeyMetadata"]["KeyId"]
    return KmsKey(made, REGION)


def test_a_data_key_opens_again(key: KmsKey) -> None:
    made, encrypted = new_data_key(key)
    assert len(made.get_secret_value()) == 32 and made.get_secret_value() not in encrypted
    assert open_data_key(key, encrypted) == made


def test_what_was_encrypted_for_something_else_does_not_open(key: KmsKey) -> None:
    other = client("kms", Access(), REGION).generate_data_key(KeyId=key.key_id, KeySpec="AES_256")
    with pytest.raises(FedmlError):
        open_data_key(key, other["CiphertextBlob"])


def test_a_key_that_is_not_there_is_told(key: KmsKey) -> None:
    with pytest.raises(FedmlError, match="alias/nowhere"):
        new_data_key(KmsKey("alias/nowhere", REGION))
