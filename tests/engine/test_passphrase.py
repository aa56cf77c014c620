"""What the engine encrypted under a passphrase is opened without it."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from fedml_infra.engine.passphrase import PassphraseReader
from fedml_infra.errors import AuthenticationError, ConfigurationError
from fedml_infra.model.ciphertext import Ciphertext

# Written by Pulumi 3.259.0, under the passphrase below.
FILE = """encryptionsalt: v1:DdeyetO6d3U=:v1:PQMDWW/BJR4fo8/R:08xLofRghVK6GTZ4uqh6hXzO5Ip+cw==
config:
  fedml-infra:fed_secret_key:
    secure: v1:PLC1pDrv+z/RaAlM:+RHXoXOod/TFq5Qhl+sp1KuBFox4QXI1wkCrYhVBNFDLTRflhGwc6w==
"""
SECRET = Ciphertext("v1:PLC1pDrv+z/RaAlM:+RHXoXOod/TFq5Qhl+sp1KuBFox4QXI1wkCrYhVBNFDLTRflhGwc6w==")
PASSPHRASE = SecretStr("correct horse")


def test_what_pulumi_encrypted_comes_out() -> None:
    reader = PassphraseReader()
    for _ in range(2):
        assert reader.open(FILE, SECRET, PASSPHRASE).get_secret_value() == "AAECAwQFBgcICQoLDA0ODw=="


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(AuthenticationError, match="passphrase"):
        PassphraseReader().open(FILE, SECRET, SecretStr("correct horse "))


def test_a_changed_secret_is_none() -> None:
    with pytest.raises(AuthenticationError):
        PassphraseReader().open(FILE, Ciphertext(SECRET.text.replace("RHX", "RHY")), PASSPHRASE)


def test_a_file_of_another_secrets_provider_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not under a passphrase"):
        PassphraseReader().open("secretsprovider: awskms://x\nconfig: {}\n", SECRET, PASSPHRASE)
