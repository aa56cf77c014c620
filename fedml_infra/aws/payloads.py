"""A node's payloads: put into its bucket, read by others with credentials for one object.

The node assumes its own reader role under a session policy for that object, and hands those credentials on in the
message. They live one hour where the node itself runs under a role (STS, AssumeRole: role chaining).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from fedml_infra.aws.failures import translating
from fedml_infra.aws.sessions import ROLE_SECONDS, ROLE_SESSION, Access, Keys, client
from fedml_infra.errors import ConfigurationError
from fedml_infra.policies.document import render
from fedml_infra.policies.node import reader_session_policy

if TYPE_CHECKING:
    from fedml_infra.model.resources import NodeResources


@dataclass(frozen=True)
class ObjectCredentials:
    """What a receiver needs to read one object: short-lived keys, and where it is. Never printed with its keys."""

    keys: Keys
    bucket: str
    key: str
    region: str
    expires: datetime


def put_payload(access: Access, node: NodeResources, name: str, body: bytes) -> str:
    """Puts a payload into the node's bucket under its prefix and returns the object's key.

    Raises PolicyError where it is denied, as it is where the bucket is not of the node's account.
    """
    key = object_key(node, name)
    with translating("put", f"{node.bucket}/{key}"):
        client("s3", access, node.region).put_object(
            Bucket=node.bucket, Key=key, Body=body, ExpectedBucketOwner=node.account
        )
    return key


def object_key(node: NodeResources, name: str) -> str:
    """The key of a payload in the node's bucket."""
    return f"{node.prefix}/{name}" if node.prefix else name


def reader_credentials(
    access: Access, node: NodeResources, key: str, *, seconds: int = ROLE_SECONDS
) -> ObjectCredentials:
    """Credentials that read this object and nothing else: the node's reader role, under a session policy.

    `access` is the node's own. Raises ConfigurationError where the node has no reader role (`sharing: bucket_policy`),
    PolicyError where assuming it is denied.
    """
    role = require_reader_role(node)
    with translating("assume", role):
        granted = client("sts", access, node.region).assume_role(
            RoleArn=role,
            RoleSessionName=ROLE_SESSION,
            DurationSeconds=seconds,
            Policy=render(reader_session_policy(node, key)),
        )["Credentials"]
    keys = Keys(granted["AccessKeyId"], granted["SecretAccessKey"], granted["SessionToken"])
    return ObjectCredentials(keys, node.bucket, key, node.region, granted["Expiration"])


def require_reader_role(node: NodeResources) -> str:
    """The ARN of the node's reader role; ConfigurationError where it has none."""
    if node.reader_role_arn is None:
        raise ConfigurationError(
            f"node {node.pid} has no reader role: its payloads are shared by bucket policy",
            fix="Receivers read them with their own credentials; or set sharing to sts.",
        )
    return node.reader_role_arn


def fetch_payload(credentials: ObjectCredentials, *, via: Access | None = None) -> bytes:
    """Reads the object with exactly these credentials, whatever others the reader has.

    `via` gives endpoint and certificates only. Raises PolicyError where they do not allow it, AuthenticationError
    where they have expired.
    """
    access = replace(via or Access(), profile=None, roles=(), keys=credentials.keys)
    with translating("read", f"{credentials.bucket}/{credentials.key}"):
        found = client("s3", access, credentials.region).get_object(Bucket=credentials.bucket, Key=credentials.key)
        return found["Body"].read()
