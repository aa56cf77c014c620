"""Data keys of AWS KMS: made there, and opened there again (KMS API, GenerateDataKey and Decrypt)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretBytes

from fedml_infra.aws.access import Access
from fedml_infra.aws.failures import translating
from fedml_infra.aws.sessions import client
from fedml_infra.errors import ConfigurationError
from fedml_infra.model.arns import Arn

CONTEXT: Mapping[str, str] = {"fedml-infra": "master key"}
"""Encryption context: CloudTrail shows it, and what is encrypted without it cannot be opened here."""


@dataclass(frozen=True)
class KmsKey:
    """A key's id, alias or ARN, and where it is."""

    key_id: str
    region: str


def kms_key(url: str) -> KmsKey:
    """The key of `awskms://alias/name?region=us-east-1`, `awskms:///arn:…`, as Pulumi's secrets providers spell it.

    ConfigurationError where that is none, or names no region.
    """
    parts = urlsplit(url)
    key_id = unquote(parts.netloc + parts.path).lstrip("/")
    region = parse_qs(parts.query).get("region", [""])[0]
    if not region and key_id.startswith("arn:"):
        region = _region_of(key_id)
    if parts.scheme != "awskms" or not key_id or not region:
        raise ConfigurationError(
            f"{url!r} names no KMS key.", fix="It looks like awskms://alias/fedml-infra?region=us-east-1."
        )
    return KmsKey(key_id, region)


def new_data_key(key: KmsKey) -> tuple[SecretBytes, bytes]:
    """32 new random bytes, and the same encrypted under the key. Raises what AWS refuses, translated."""
    with translating("make a data key with", key.key_id):
        made = client("kms", Access(), key.region).generate_data_key(
            KeyId=key.key_id, KeySpec="AES_256", EncryptionContext=CONTEXT
        )
    return SecretBytes(made["Plaintext"]), made["CiphertextBlob"]


def open_data_key(key: KmsKey, encrypted: bytes) -> SecretBytes:
    """The bytes again. Raises what AWS refuses, translated."""
    with translating("open the master key with", key.key_id):
        opened = client("kms", Access(), key.region).decrypt(
            KeyId=key.key_id, CiphertextBlob=encrypted, EncryptionContext=CONTEXT
        )
    return SecretBytes(opened["Plaintext"])


def _region_of(arn: str) -> str:
    try:
        return Arn.parse(arn).region
    except ValueError:
        return ""
