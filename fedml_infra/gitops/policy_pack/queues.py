"""Queues are encrypted, and what cannot be worked off lands in a dead-letter queue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fedml_infra.gitops.policy_pack.seen import QUEUE, UNKNOWN, Finding, Resource, Stack, is_about

_REDRIVE = "aws:sqs/redrivePolicy:RedrivePolicy"
_REDRIVE_ALLOW = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"
_POINTING = (("redrivePolicy", "deadLetterTargetArn"), ("deadLetterConfig", "targetArn"))
"""Properties that name a dead-letter queue, with the key in them that does."""


def is_encrypted(resource: Resource) -> Iterator[Finding]:
    """SSE-SQS or KMS, and stated: AWS's default is no promise, and drift from it would not show."""
    if resource.kind != QUEUE:
        return
    managed, key = resource.get("sqsManagedSseEnabled"), resource.get("kmsMasterKeyId")
    if managed in (True, "true") or (key and key is not UNKNOWN):
        return
    if UNKNOWN in (managed, key):
        yield resource.unsure("its encryption")
        return
    yield resource.wrong(
        "is turned to no encryption" if managed in (False, "false") else "states no encryption",
        "Set sqsManagedSseEnabled to true, or kmsMasterKeyId to a key",
    )


def has_dead_letter_queue(stack: Stack) -> Iterator[Finding]:
    """Every queue that is no dead-letter queue itself has one."""
    for queue in stack.of(QUEUE):
        settings = [is_about(each, "queueUrl", queue, "url", "id") for each in stack.of(_REDRIVE)]
        if queue.get("redrivePolicy") or any(settings):
            continue
        is_one = is_dead_letter_queue(stack, queue)
        if is_one:
            continue
        if is_one is None or None in settings:
            yield queue.unsure("whether it is, or has, a dead-letter queue")
        else:
            yield queue.wrong(
                "has no dead-letter queue: a message that cannot be worked off comes back until it expires",
                'Set redrivePolicy to {"deadLetterTargetArn": "<ARN of another queue>", "maxReceiveCount": 5}; '
                "on a queue that takes the dead letters of another stack set redriveAllowPolicy",
            )


def is_dead_letter_queue(stack: Stack, queue: Resource) -> bool | None:
    """Whether something sends its dead letters there, or the queue says so itself; None: perhaps."""
    allowing = [is_about(each, "queueUrl", queue, "url", "id") for each in stack.of(_REDRIVE_ALLOW)]
    if queue.get("redriveAllowPolicy") or any(allowing):
        return True
    perhaps = None in allowing
    for each in stack.resources:
        for name, inner in _POINTING:
            if each.urn == queue.urn or each.get(name) in (None, ""):
                continue
            points = _points(each, name, inner, queue)
            if points:
                return True
            perhaps = perhaps or points is None
    return None if perhaps else False


def _points(source: Resource, name: str, inner: str, queue: Resource) -> bool | None:
    value, made_from = source.get(name), source.links.get(name, frozenset())
    target = _inner(value, inner)
    if isinstance(target, str):
        arns = queue.known("arn")
        return target in arns if arns else target.rpartition(":")[2] in queue.known("name")
    if queue.urn in made_from:
        return True
    return False if made_from else None


def _inner(value: Any, key: str) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value.get(key) if isinstance(value, Mapping) else value
