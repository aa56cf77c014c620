"""Policy documents as plain values: how they are built, named and written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Document = dict[str, Any]
Statement = dict[str, Any]

VERSION = "2012-10-17"
"""The only current version of the policy language (IAM, "IAM JSON policy elements: Version")."""


class Kind(StrEnum):
    """What a document is to AWS; its limits follow from it."""

    TOPIC = "topic policy"
    QUEUE = "queue policy"
    BUCKET = "bucket policy"
    NODE = "node policy"
    TRUST = "reader role trust"
    ROLE = "reader role policy"
    SESSION = "session policy"
    KEY = "key policy statements"
    OPERATOR = "operator policy"


@dataclass(frozen=True)
class NamedDocument:
    """One document of a stack and where it belongs."""

    kind: Kind
    name: str
    """For people: the topic's, queue's, bucket's, role's or policy's name."""
    attached_to: str
    """ARN of what carries the document: the topic, queue, bucket, role, managed policy or key."""
    account: str
    """The account that owns what carries it; twelve digits."""
    document: Document
    principal: str | None = None
    """Of an identity policy: the ARN of the role that it is for."""


def document(*statements: Statement, identifier: str | None = None) -> Document:
    """A document of these statements in this order."""
    head: Document = {"Version": VERSION}
    if identifier is not None:
        head["Id"] = identifier
    return {**head, "Statement": list(statements)}


def allow(
    sid: str,
    actions: Iterable[str],
    resources: str | Iterable[str],
    *,
    principal: Any = None,
    condition: Mapping[str, Any] | None = None,
) -> Statement:
    """An Allow statement; `principal` is for resource policies only."""
    return _statement("Allow", sid, actions, resources, principal, condition)


def deny(
    sid: str,
    actions: Iterable[str],
    resources: str | Iterable[str],
    *,
    principal: Any = None,
    condition: Mapping[str, Any] | None = None,
) -> Statement:
    """A Deny statement; `principal` is for resource policies only."""
    return _statement("Deny", sid, actions, resources, principal, condition)


PLAIN_HTTP: Mapping[str, Any] = {"Bool": {"aws:SecureTransport": "false"}}
"""The condition of a request that came without TLS (IAM, "AWS global condition context keys")."""


def render(document: Mapping[str, Any]) -> str:
    """The document as compact JSON, the same text for the same value: what AWS is given and what is measured."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True)


def _statement(
    effect: str,
    sid: str,
    actions: Iterable[str],
    resources: str | Iterable[str],
    principal: Any,
    condition: Mapping[str, Any] | None,
) -> Statement:
    made: Statement = {"Sid": sid, "Effect": effect}
    if principal is not None:
        made["Principal"] = principal
    made["Action"] = list(actions)
    made["Resource"] = resources if isinstance(resources, str) else list(resources)
    if condition:
        made["Condition"] = {operator: dict(keys) for operator, keys in condition.items()}
    return made
