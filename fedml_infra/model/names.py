"""Names: those that people give, and those that follow from them.

A derived name keeps to its service's alphabet and length, and two different (federation, pid) never share one:
the separators are characters that no federation and no pid may contain, and whatever is shortened or altered
carries a hash of the whole behind a mark that unaltered names cannot contain.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from fedml_infra.model.mistake import MistakeError, text

QUEUE_NAME_LIMIT = 80
"""Amazon SQS, "Queue quotas": a queue name has up to 80 of `[A-Za-z0-9_-]`."""
ROLE_NAME_LIMIT = 64
POLICY_NAME_LIMIT = 128
"""IAM and AWS STS quotas, "IAM entity limits": role 64, managed policy 128 characters of `[\\w+=,.@-]`."""
BUCKET_NAME_LIMIT = 63

DEAD_LETTER_SUFFIX = "_dlq"
NAME_LIMIT = QUEUE_NAME_LIMIT - len(DEAD_LETTER_SUFFIX) - 2
"""The longest federation name or pid that leaves one character for the other."""

PROBE_PREFIX = "fedml-probe-"
"""How the names of a probe's own queue (after the federation) and object (after the prefix) begin."""
PROBE_MARK_LENGTH = 16
"""Characters that tell one probe from all others."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_ACCOUNT = re.compile(r"[0-9]{12}")
_HASH_LENGTH = 12


def name(value: object) -> str:
    """A federation's name or a pid: one to 74 of `[A-Za-z0-9_-]`. MistakeError otherwise."""
    given = text(value)
    if not _NAME.fullmatch(given):
        raise MistakeError(f"{given!r} has characters that a queue name cannot have", "use only A-Z, a-z, 0-9, _ and -")
    if len(given) > NAME_LIMIT:
        raise MistakeError(f"{given!r} has {len(given)} characters", f"use at most {NAME_LIMIT}")
    return given


def account_id(value: object) -> str:
    """An AWS account id: 12 digits, as text or as a whole number of twelve digits. MistakeError otherwise."""
    if isinstance(value, int) and not isinstance(value, bool):
        if len(str(value)) == 12 and value > 0:
            return str(value)
        raise MistakeError(
            f"{value} is not an AWS account id, which has 12 digits",
            "write all 12 in quotes: a number without them loses its leading zeros",
        )
    if isinstance(value, str) and _ACCOUNT.fullmatch(value):
        return value
    raise MistakeError(f"{value!r} is not an AWS account id", 'write its 12 digits in quotes, as "123456789012"')


FederationName = Annotated[
    str,
    BeforeValidator(name),
    WithJsonSchema({"type": "string", "pattern": f"^[A-Za-z0-9_-]{{1,{NAME_LIMIT}}}$"}),
]
Pid = FederationName
AccountId = Annotated[
    str,
    BeforeValidator(account_id),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^[0-9]{12}$"},
                {"type": "integer", "minimum": 10**11, "maximum": 10**12 - 1},
            ]
        }
    ),
]


def queue_name(federation: str, pid: str) -> str:
    """`<federation>_<pid>`: the contract with existing nodes, so never shortened."""
    return f"{federation}_{pid}"


def dead_letter_queue_name(federation: str, pid: str) -> str:
    """`<queue>_dlq`."""
    return queue_name(federation, pid) + DEAD_LETTER_SUFFIX


def probe_queue_name(federation: str, mark: str) -> str:
    """A probe's own queue: `<federation>_fedml-probe-<mark>`; of a long federation's as much of the end as fits."""
    room = QUEUE_NAME_LIMIT - len(queue_name(federation, ""))
    return queue_name(federation, (PROBE_PREFIX + mark)[-room:])


def probe_queues(federation: str) -> str:
    """The pattern of the names of all probes' queues; of a long federation's it fits all of its queues."""
    room = QUEUE_NAME_LIMIT - len(queue_name(federation, ""))
    return queue_name(federation, f"{PROBE_PREFIX}*" if room >= len(PROBE_PREFIX) + PROBE_MARK_LENGTH else "*")


def reader_role_name(federation: str, pid: str) -> str:
    """The IAM role that reads one node's payloads; at most 64 characters."""
    return _iam_name(federation, pid, "reader", ROLE_NAME_LIMIT)


def node_policy_name(federation: str, pid: str) -> str:
    """The managed policy of one node's process; at most 128 characters."""
    return _iam_name(federation, pid, "node", POLICY_NAME_LIMIT)


def roster_bucket_name(federation: str, account: str, region: str) -> str:
    """The hub's bucket: 3 to 63 of lower-case letters, digits and hyphens; bucket names are global.

    The region is part of it, so that moving a hub makes a new bucket: a name that was just deleted in one region
    cannot at once be taken in another.
    """
    tail = f"-{account}-{region}"
    room = BUCKET_NAME_LIMIT - len("fedml-") - len(tail)
    clean = re.sub(r"-+", "-", re.sub(r"[^a-z0-9]", "-", federation.lower())).strip("-")
    if clean == federation and len(clean) <= room:
        return f"fedml-{federation}{tail}"
    # "--" marks a hash: an unaltered name cannot contain it.
    start = clean[: room - _HASH_LENGTH - 2].rstrip("-") or "x"
    return f"fedml-{start}--{_digest(federation)}{tail}"


def parameter_name(federation: str, pid: str) -> str:
    """The SSM parameter of one node's secrets, `/fedml/<federation>/<pid>`."""
    return f"/fedml/{federation}/{pid}"


def shorten(whole: str, limit: int, *, mark: str = "+", always: bool = False) -> str:
    """`whole` if it has at most `limit` characters, else its start, `mark` and a hash of all of it.

    `always` adds the hash even where it fits. `mark` must be nothing that an unshortened text contains: that is
    what keeps the two apart.
    """
    if len(whole) <= limit and not always:
        return whole
    tail = mark + _digest(whole)
    return whole[: limit - len(tail)] + tail


def _iam_name(federation: str, pid: str, what: str, limit: int) -> str:
    whole = f"fedml.{federation}.{pid}.{what}"
    # IAM takes "Cardio" and "cardio" for one name; SNS and SQS do not.
    return shorten(whole, limit, always=whole != whole.lower())


def _digest(whole: str) -> str:
    return hashlib.sha256(whole.encode()).hexdigest()[:_HASH_LENGTH]
