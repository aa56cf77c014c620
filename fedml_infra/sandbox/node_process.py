"""What a node's own process does, with its role's credentials and nothing more: for the demo and the stories.

A message is small: it names an object in the sender's bucket, and carries credentials that read that one object. It is
sealed under the federation's key, which the process reads from its secret parameter.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fedml_infra.aws.failures import translating
from fedml_infra.aws.messages import Message, publish, receive_until
from fedml_infra.aws.payloads import ObjectCredentials, fetch_payload, put_payload, reader_credentials
from fedml_infra.aws.sessions import Access, Keys, client
from fedml_infra.errors import PolicyError
from fedml_infra.model.arns import Arn
from fedml_infra.model.resources import NodeResources

NONCE_BYTES = 12


@dataclass(frozen=True)
class Update:
    """One model update as a node received it: who sent it, and how to read its payload."""

    sender: str
    epoch: int
    sha256: str
    credentials: ObjectCredentials


@dataclass(frozen=True)
class NodeProcess:
    """A node's process. `access` is its role's; `queue_url` None for a publish-only node."""

    node: NodeResources
    access: Access
    queue_url: str | None

    def keys(self) -> tuple[int, dict[int, bytes]]:
        """The current epoch and the keys by epoch, from the node's secret parameter."""
        with translating("read", self.node.parameter_arn):
            found = client("ssm", self.access, self.node.region).get_parameter(
                Name=self.node.parameter_name, WithDecryption=True
            )
        secret = json.loads(found["Parameter"]["Value"])
        return secret["epoch"], {int(epoch): base64.b64decode(key) for epoch, key in secret["keys"].items()}

    def send(self, name: str, payload: bytes) -> str:
        """Put a payload into the own bucket and tell the federation of it; returns the object's key."""
        epoch, keys = self.keys()
        key = put_payload(self.access, self.node, name, payload)
        credentials = reader_credentials(self.access, self.node, key)
        body = _seal(keys[epoch], self.node.federation, _describe(credentials, payload))
        attributes = {"sender": self.node.pid, "epoch": str(epoch)}
        publish(self.access, Arn.parse(self.node.topic_arn).region, self.node.topic_arn, body, attributes)
        return key

    def receive(self, count: int, *, seconds: float) -> tuple[Update, ...]:
        """Updates from the own queue, until `count` have come or the time is up; whatever came is returned."""
        if self.queue_url is None:
            return ()
        came = receive_until(
            self.access, self.node.region, self.queue_url, lambda messages: len(messages) >= count, seconds=seconds
        )
        _, keys = self.keys()
        return tuple(self._open(keys, message) for message in came.messages)

    def heard(self, *, seconds: float) -> int:
        """How many messages come into the own queue in that time, whether or not they can be opened."""
        if self.queue_url is None:
            return 0
        came = receive_until(self.access, self.node.region, self.queue_url, lambda _: False, seconds=seconds)
        return len(came.messages)

    def _open(self, keys: dict[int, bytes], message: Message) -> Update:
        epoch = int(message.attributes["epoch"])
        told = json.loads(_unseal(keys[epoch], self.node.federation, message.body))
        credentials = ObjectCredentials(
            keys=Keys(*told["credentials"]),
            bucket=told["bucket"],
            key=told["key"],
            region=told["region"],
            expires=datetime.fromisoformat(told["expires"]),
        )
        return Update(message.attributes["sender"], epoch, told["sha256"], credentials)

    def read(self, update: Update) -> bool:
        """Fetch the payload with the credentials of the message alone; whether it is what was sent."""
        payload = fetch_payload(update.credentials, via=self.access)
        return hashlib.sha256(payload).hexdigest() == update.sha256

    def refused_reads(self, update: Update, another_key: str) -> tuple[bool, bool]:
        """Whether it is denied to read another object with the message's credentials, and this one with one's own."""
        neighbour = replace(update.credentials, key=another_key)
        return (
            denied(lambda: fetch_payload(neighbour, via=self.access)),
            denied(lambda: self._read_with_own_credentials(update)),
        )

    def _read_with_own_credentials(self, update: Update) -> None:
        where = update.credentials
        with translating("read", f"{where.bucket}/{where.key}"):
            client("s3", self.access, where.region).get_object(Bucket=where.bucket, Key=where.key)


def denied(call: Callable[[], object]) -> bool:
    """Whether AWS denies a call; any other failure is raised."""
    try:
        call()
    except PolicyError:
        return True
    return False


def _describe(credentials: ObjectCredentials, payload: bytes) -> bytes:
    keys = credentials.keys
    told = {
        "bucket": credentials.bucket,
        "key": credentials.key,
        "region": credentials.region,
        "size": len(payload),
        "sha256": hashlib.sha256(payload).hexdigest(),
        "credentials": [keys.access_key_id, keys.secret_access_key, keys.session_token],
        "expires": credentials.expires.isoformat(),
    }
    return json.dumps(told).encode()


def _seal(key: bytes, federation: str, text: bytes) -> str:
    nonce = os.urandom(NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, text, federation.encode())).decode()


def _unseal(key: bytes, federation: str, body: str) -> bytes:
    sealed = base64.b64decode(body)
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], federation.encode())
