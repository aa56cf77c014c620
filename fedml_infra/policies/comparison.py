"""What a changed policy lets whom do that it did not, and what no longer: by evaluation, never by its text. Pure.

Two documents are asked the same questions: every caller, action, resource and circumstance that either of them tells
apart (`witnesses`). Where the answers differ, the meaning differs, however alike the texts are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from math import prod
from typing import Any

from fedml_infra.errors import PolicyError
from fedml_infra.policies import topic, witnesses
from fedml_infra.policies.dialect import check_dialect, listed
from fedml_infra.policies.document import Document, Kind, NamedDocument, allow, document
from fedml_infra.policies.evaluation import Caller, Request, decide, glob
from fedml_infra.policies.who_can import Who

MOST_WAYS = 20_000
"""Circumstances tried for one caller and action at most; a document that needs more is not judged."""

KNOWN_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "sns": tuple(action.partition(":")[2] for action in topic.ACTIONS),
    "sqs": (
        "AddPermission", "ChangeMessageVisibility", "DeleteMessage", "DeleteQueue", "GetQueueAttributes", "GetQueueUrl",
        "PurgeQueue", "ReceiveMessage", "RemovePermission", "SendMessage", "SetQueueAttributes",
    ),
    "s3": (
        "DeleteBucket", "DeleteBucketPolicy", "DeleteObject", "DeleteObjectVersion", "GetBucketPolicy", "GetObject",
        "GetObjectVersion", "ListBucket", "PutBucketPolicy", "PutBucketPublicAccessBlock", "PutEncryptionConfiguration",
        "PutLifecycleConfiguration", "PutObject", "PutObjectAcl",
    ),
    "sts": ("AssumeRole",),
    "ssm": ("DeleteParameter", "GetParameter", "PutParameter"),
    "kms": ("Decrypt", "Encrypt", "GenerateDataKey"),
    "iam": ("AttachRolePolicy", "CreateAccessKey", "PassRole", "PutRolePolicy", "UpdateAssumeRolePolicy"),
}  # fmt: skip
"""What a pattern of actions is tried with: what there is to fear in each service's actions, not all of them."""

_CARRIED = {Kind.TOPIC, Kind.QUEUE, Kind.BUCKET, Kind.TRUST}
_ADMINISTRATOR = document(allow("All", ["*"], "*"))
_PLAIN = ("aws:SecureTransport", "false")


class How(StrEnum):
    """In which of the circumstances the answer changed."""

    AT_ALL = "at all"
    """In all in which it could be otherwise: there was nothing, or there is nothing left."""
    PLAIN_HTTP = "over plain HTTP"
    OTHERWISE = "otherwise"
    """Where the condition keys in `Shift.keys` are other than they had to be."""


@dataclass(frozen=True)
class Shift:
    """One caller that can do something now and could not (`gained`), or could and cannot."""

    gained: bool
    who: Who
    name: str
    """Account id, role ARN or service principal; "" where the kind says it all."""
    action: str
    resource: str
    """An ARN, or the pattern of ARNs that the document has."""
    how: How
    keys: tuple[str, ...] = ()
    """Of `OTHERWISE`: the condition keys that the answer turns on."""


@dataclass(frozen=True)
class Comparison:
    """How a document differs from what it was."""

    rewritten: bool
    """Whether it differs by more than the order of its statements and values."""
    shifts: tuple[Shift, ...] = ()


def compare(made: NamedDocument, now: Document) -> Comparison:
    """What changed in meaning from a document as it was made to what is there now.

    PolicyError where that cannot be told: `now` is no policy document, or is outside the evaluator's dialect.
    """
    if canonical(made.document) == canonical(now):
        return Comparison(rewritten=False)
    check_dialect(made.document)
    try:
        check_dialect(now)
        shifts = _carried(made, now) if made.kind in _CARRIED else _held(made, now)
        return Comparison(True, tuple(dict.fromkeys(shifts)))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise PolicyError("A policy is written in a way that is not judged here") from error


def canonical(value: Any) -> str:
    """A document as text that is the same whatever the order of its statements, values and keys."""
    if isinstance(value, Mapping):
        inner = (f"{json.dumps(key)}:{canonical(each)}" for key, each in sorted(value.items()))
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list):
        several = sorted({canonical(each) for each in value})
        return several[0] if len(several) == 1 else "[" + ",".join(several) + "]"
    return json.dumps(value)


@dataclass(frozen=True)
class _Asked:
    """One kind of caller: what it is called, and who calls."""

    who: Who
    names: tuple[str, ...]
    caller: Caller
    identity: tuple[Document, ...] = ()


def _carried(made: NamedDocument, now: Document) -> Iterator[Shift]:
    """Of a document that its resource carries: who of all that could call."""
    both = [made.document, now]
    partition = made.attached_to.split(":")[1]
    asked: list[_Asked] = []
    named: list[str] = []
    for group in witnesses.accounts_alike(both, made.account, {made.account}):
        named += group
        for at, caller in enumerate(witnesses.callers(partition, group[0], both)):
            names = tuple(sorted(group)) if at == 0 else (str(caller.arn),)
            asked.append(_Asked(Who.ACCOUNT, names, caller, (_ADMINISTRATOR,)))
    for caller in witnesses.callers(partition, witnesses.fresh_account(named), both):
        asked.append(_Asked(Who.ANY_ACCOUNT, ("",), caller, (_ADMINISTRATOR,)))
    for service in witnesses.services(both):
        name = "" if service == witnesses.UNNAMED_SERVICE else service
        asked.append(_Asked(Who.SERVICE, (name,), Caller(service=service)))
    asked.append(_Asked(Who.ANYONE, ("",), Caller()))
    for action in _actions(both):
        for label, resource in _carried_resources(made, both, action):
            for one in asked:
                ways = tuple(
                    _ways(both, action, resource, made.account, one.caller, each, one.identity)
                    for each in (made.document, now)
                )
                yield from _shifts(one, action, label, *ways)


def _held(made: NamedDocument, now: Document) -> Iterator[Shift]:
    """Of an identity policy: what whoever holds it can do, on the account's own things and on others'."""
    both = [made.document, now]
    who = Who.NODE if made.kind is Kind.NODE else Who.READER_ROLE
    one = _Asked(who, ("",), Caller(made.account, made.principal or made.attached_to))
    for action in _actions(both):
        for label, resource in _held_resources(both, action):
            ways = tuple(_ways(both, action, resource, made.account, one.caller, None, (each,)) for each in both)
            yield from _shifts(one, action, label, *ways)


_Way = frozenset[tuple[str, str | None]]


def _ways(
    both: Sequence[Document],
    action: str,
    resource: str,
    owner: str,
    caller: Caller,
    policy: Document | None,
    identity: tuple[Document, ...],
) -> frozenset[_Way]:
    """The circumstances under which it is allowed."""
    wanted: dict[str, Sequence[str | None]] = {"aws:SecureTransport": ("true", "false")}
    for key, tried in witnesses.values(both, action).items():
        if key.lower() != "aws:sourcearn" or caller.service is not None:
            wanted[key] = tried
    if policy is None:
        wanted["aws:ResourceAccount"] = (owner, witnesses.fresh_account({owner}))
    if prod(map(len, wanted.values())) > MOST_WAYS:
        raise PolicyError("A policy has too many conditions to be judged here")
    found = set()
    for values in product(*wanted.values()):
        given = tuple(zip(wanted, values, strict=True))
        context = tuple((key, value) for key, value in given if value is not None)
        if decide(Request(caller, action, resource, owner, context), policy, identity):
            found.add(frozenset(given))
    return frozenset(found)


def _shifts(one: _Asked, action: str, resource: str, made: frozenset[_Way], now: frozenset[_Way]) -> Iterator[Shift]:
    for gained, before, after in ((True, made, now), (False, now, made)):
        new = after - before
        if not new:
            continue
        how, keys = _how(new, before)
        for name in one.names:
            yield Shift(gained, one.who, name, action, resource, how, keys)


def _how(new: frozenset[_Way], known: frozenset[_Way]) -> tuple[How, tuple[str, ...]]:
    """What is special about the ways that are only on one side."""
    if not known:
        return How.AT_ALL, ()
    if all(_PLAIN in way and (way - {_PLAIN}) | {("aws:SecureTransport", "true")} in known for way in new):
        return How.PLAIN_HTTP, ()
    before = {pair for way in known for pair in way}
    keys = sorted({key for way in new for key, value in way if (key, value) not in before})
    return How.OTHERWISE, tuple(keys)


def _actions(both: Iterable[Document]) -> list[str]:
    """Every action that a document names; patterns as the known actions that fit them."""
    everything = [f"{service}:{action}" for service, actions in KNOWN_ACTIONS.items() for action in actions]
    found: dict[str, None] = {}
    for each in both:
        for statement in listed(each["Statement"]):
            for pattern in listed(statement["Action"]):
                fitting = [action for action in everything if glob(pattern, action, ignore_case=True)]
                found.update(dict.fromkeys(fitting or [pattern.replace("*", "x").replace("?", "x")]))
    return list(found)


def _patterns(both: Iterable[Document]) -> Iterator[str]:
    for each in both:
        for statement in listed(each["Statement"]):
            yield from listed(statement.get("Resource", []))


def _carried_resources(made: NamedDocument, both: Sequence[Document], action: str) -> Iterator[tuple[str, str]]:
    """What the action may be tried on: label and ARN. Of a bucket its objects too, for what is done to objects."""
    whole = made.attached_to
    if made.kind is not Kind.BUCKET or not _of_objects(action):
        yield whole, whole
        return
    found = {f"{whole}/*": f"{whole}/x"}
    found.update({pattern: _witness(pattern) for pattern in _patterns(both) if pattern.startswith(f"{whole}/")})
    yield from found.items()


def _held_resources(both: Sequence[Document], action: str) -> Iterator[tuple[str, str]]:
    service = action.partition(":")[0].lower()
    for pattern in dict.fromkeys(_patterns(both)):
        if pattern == "*":
            yield pattern, f"arn:aws:{service}:x:x:x"
        elif _fits(service, _service(pattern)) and (service != "s3" or _of_objects(action) == ("/" in pattern)):
            yield pattern, _witness(pattern)


def _fits(service: str, of_resource: str) -> bool:
    return of_resource in (service, "*") or (service, of_resource) == ("sts", "iam")


def _service(arn: str) -> str:
    parts = arn.split(":", 5)
    return parts[2] if len(parts) == 6 else ""


def _of_objects(action: str) -> bool:
    return "object" in action.lower() or "multipart" in action.lower()


def _witness(pattern: str) -> str:
    return pattern.replace("*", "x").replace("?", "x")
