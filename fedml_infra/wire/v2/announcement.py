"""A member's word on the topic that it has the key of an epoch, which only who has that key can say.

The message's body is JSON {"aws_id": …, "epoch": …, "mac": base64url}, mac = HMAC-SHA256(key, epoch, topic, account),
key = HKDF of the federation's key. Its attributes are `attributes`: `probe` keeps it out of the nodes' queues.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass

from pydantic import SecretStr

from fedml_infra.wire.encoding import base64url, from_base64url, from_json, joined, to_json
from fedml_infra.wire.v2.kdf import derive

PROBE = "sync"
"""The attribute `probe` of such a message."""


@dataclass(frozen=True)
class Announcement:
    """Who says it, and of which epoch."""

    aws_id: str
    epoch: int


def attributes(epoch: int, pid: str) -> dict[str, str]:
    """The message's attributes; `pid` is one of the member's nodes."""
    return {"probe": PROBE, "epoch": str(epoch), "sender": pid}


def write_announcement(said: Announcement, *, topic_arn: str, key: SecretStr) -> str:
    """The message's body. `key` is the federation's of that epoch, base64."""
    return to_json({"aws_id": said.aws_id, "epoch": said.epoch, "mac": _mac(said, topic_arn, key)}).decode()


def read_announcement(body: str, *, topic_arn: str, key: SecretStr) -> Announcement | None:
    """What a message says; None where it does not come from who has that key, or is no announcement."""
    try:
        found = from_json(body.encode())
        said = Announcement(str(found["aws_id"]), int(found["epoch"]))
        mac = str(found["mac"])
        from_base64url(mac)
    except (ValueError, KeyError, TypeError):
        return None
    return said if hmac.compare_digest(mac, _mac(said, topic_arn, key)) else None


def _mac(said: Announcement, topic_arn: str, key: SecretStr) -> str:
    made = derive(base64.b64decode(key.get_secret_value()), "announcement")
    return base64url(hmac.digest(made, joined(str(said.epoch), topic_arn, said.aws_id), "sha256"))
