"""Who can do something, found by asking for every kind of caller there is.

Finite witnesses: every account that a document names, one that none names, nobody known, every service named and one
that is not, and for every condition key that bears on the action each value named, values next to it, and none.
Accounts that occur in the same places are told apart by nothing, so one of them answers for all.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

from fedml_infra.errors import PolicyError
from fedml_infra.policies.document import Document, Kind, NamedDocument, allow, document
from fedml_infra.policies.evaluation import Caller, Request, check_dialect, decide, glob

_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_ADMINISTRATOR = document(allow("All", ["*"], "*"))
"""An account's administrator: what a resource's policy gives an account, the account can give to anyone in it."""
_CARRIED = {Kind.TOPIC, Kind.QUEUE, Kind.BUCKET, Kind.TRUST}
_HELD = {Kind.NODE, Kind.ROLE}
_UNNAMED_SERVICE = "events.amazonaws.com"
_IMPLIED = {"aws:principalaccount", "aws:principalarn", "aws:resourceaccount", "aws:securetransport"}
_OF_SERVICES = {"aws:sourcearn"}


class Who(StrEnum):
    """A kind of caller."""

    ACCOUNT = "account"
    """Whoever this account lets, its administrator at least."""
    NODE = "node"
    """A node's own process."""
    READER_ROLE = "reader role"
    """Whoever holds credentials of the reader role."""
    SERVICE = "service"
    ANY_ACCOUNT = "any other account"
    ANYONE = "anyone without credentials"


@dataclass(frozen=True)
class Way:
    """Under what circumstances: transport, and the condition keys that bear on it; None stands for a key not set."""

    tls: bool
    keys: tuple[tuple[str, str | None], ...] = ()

    def get(self, key: str) -> str | None:
        """The value of a condition key; None where it is not set or bears on nothing."""
        return dict(self.keys).get(key)

    def __str__(self) -> str:
        given = [f"{name} {value or 'not set'}" for name, value in self.keys]
        return ", ".join(["over TLS" if self.tls else "over PLAIN HTTP", *given])


@dataclass(frozen=True)
class Grantee:
    """One caller that can, and every way in which it can."""

    who: Who
    name: str
    """Account id, role ARN or service principal; "" where the kind says it all."""
    ways: tuple[Way, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.who} {self.name}".rstrip(), *(f"    {way}" for way in self.ways)])


@dataclass(frozen=True)
class WhoCan:
    """The answer."""

    action: str
    resource: str
    grantees: tuple[Grantee, ...]
    notes: tuple[str, ...] = ()
    """What the answer does not know, in sentences."""

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that can, and "*" where any account can."""
        named = tuple(g.name for g in self.grantees if g.who is Who.ACCOUNT)
        return (*named, "*") if self.of(Who.ANY_ACCOUNT) else named

    @property
    def services(self) -> tuple[str, ...]:
        """The services that can."""
        return tuple(grantee.name for grantee in self.of(Who.SERVICE))

    def of(self, who: Who) -> tuple[Grantee, ...]:
        """The grantees of one kind."""
        return tuple(grantee for grantee in self.grantees if grantee.who is who)

    def as_json(self) -> dict[str, Any]:
        """The answer as plain values."""
        return {
            "action": self.action,
            "resource": self.resource,
            "grantees": [
                {
                    "who": str(grantee.who),
                    "name": grantee.name,
                    "ways": [{"tls": way.tls, **dict(way.keys)} for way in grantee.ways],
                }
                for grantee in self.grantees
            ],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        found = [str(grantee) for grantee in self.grantees] or ["nobody"]
        return "\n".join([f"{self.action} on {self.resource}:", *found, *(f"Note: {note}" for note in self.notes)])


def who_can(action: str, resource: str, documents: Sequence[NamedDocument]) -> WhoCan:
    """Who can do `action` (as `sns:Publish`) on `resource` (an ARN), of all that could call, by these documents.

    PolicyError where that cannot be told: a resource of an account that none of the documents is of, a KMS key (whose
    own policy is not ours), or a document outside the evaluator's dialect.
    """
    carried, held = _judged(documents)
    policy = next((each for each in carried if _carries(each, resource)), None)
    owner = _owner(resource, policy, documents)
    if action.lower().startswith("kms:"):
        raise PolicyError("Who can use a KMS key follows from the key's own policy, which is not ours")
    notes: tuple[str, ...] = ()
    if policy is None:
        notes = (f"no policy of this stack is attached to {resource}: only what its own account gives is counted",)

    bearing = [policy.document] if policy else []
    attempts = _Attempts(action, resource, owner, policy.document if policy else None)
    found = [
        *_accounts(attempts, bearing, documents),
        *(attempts.grantee(_kind(each), _caller(each), (each.document,)) for each in held),
        *(attempts.grantee(Who.SERVICE, Caller(service=name), ()) for name in _services(bearing)),
        attempts.grantee(Who.ANYONE, Caller(), ()),
    ]
    return WhoCan(action, resource, tuple(each for each in found if each.ways), notes)


@dataclass(frozen=True)
class _Attempts:
    """One action on one resource, tried by one caller after the other."""

    action: str
    resource: str
    owner: str
    policy: Document | None

    def grantee(self, who: Who, caller: Caller, identity: tuple[Document, ...], name: str | None = None) -> Grantee:
        """The caller with the ways that lead to an Allow; none if none does."""
        ways = []
        bearing = [*identity, *([self.policy] if self.policy is not None else [])]
        wanted = [
            (key, values)
            for key, values in _values(bearing, self.action).items()
            if key.lower() not in _OF_SERVICES or caller.service is not None
        ]
        names = [key for key, _ in wanted]
        for tls, values in product(("true", "false"), product(*(values for _, values in wanted))):
            keys = tuple(zip(names, values, strict=True))
            given = tuple((key, value) for key, value in keys if value is not None)
            context = (("aws:SecureTransport", tls), *given)
            request = Request(caller, self.action, self.resource, self.owner, context)
            if decide(request, self.policy, identity):
                ways.append(Way(tls == "true", keys))
        return Grantee(who, (caller.service or caller.arn or "") if name is None else name, tuple(ways))


def _accounts(attempts: _Attempts, bearing: list[Document], documents: Sequence[NamedDocument]) -> Iterator[Grantee]:
    """Every account named, by groups that nothing tells apart, and one that nothing names."""
    places: defaultdict[str, set[int]] = defaultdict(set)
    for place, text in enumerate(_texts(bearing)):
        for account in _ACCOUNT.findall(text[0]):
            # An account alone in its text occurs in a list with others: what counts is the list.
            places[account].add(text[1] if _alone(text[0]) else -1 - place)
    for account in {attempts.owner, *(each.account for each in documents)}:
        places[account] |= set()
    alike: defaultdict[tuple[frozenset[int], bool], list[str]] = defaultdict(list)
    for account, where in places.items():
        alike[frozenset(where), account == attempts.owner].append(account)
    partition = attempts.resource.split(":")[1]
    answers: dict[str, tuple[Way, ...]] = {}
    for group in alike.values():
        ways: dict[Way, None] = {}
        for caller in _callers(partition, group[0], bearing):
            ways.update(dict.fromkeys(attempts.grantee(Who.ACCOUNT, caller, (_ADMINISTRATOR,)).ways))
        answers.update(dict.fromkeys(group, tuple(ways)))
    yield from (Grantee(Who.ACCOUNT, account, answers[account]) for account in sorted(answers))
    fresh = next(number for number in (f"{n:012d}" for n in range(999_999_999_999, 0, -1)) if number not in places)
    yield attempts.grantee(Who.ANY_ACCOUNT, _administrator(partition, fresh), (_ADMINISTRATOR,), name="")


def _callers(partition: str, account: str, bearing: Iterable[Document]) -> Iterator[Caller]:
    """The account's administrator, also in every role that a condition asks for."""
    administrator = _administrator(partition, account)
    yield administrator
    for each in bearing:
        for statement in _list(each["Statement"]):
            for entries in statement.get("Condition", {}).values():
                for key, patterns in entries.items():
                    for pattern in _list(patterns) if key.lower() == "aws:principalarn" else ():
                        if glob(pattern.split(":")[4], account):
                            yield Caller(account, re.sub(r"[*?]+", "x", pattern))


def _texts(documents: Iterable[Document]) -> Iterator[tuple[str, int]]:
    """Every text of the documents with the number of the list that it stands in."""
    number = 0

    def walk(value: Any, place: int) -> Iterator[tuple[str, int]]:
        nonlocal number
        if isinstance(value, str):
            yield value, place
            return
        for each in value.values() if isinstance(value, Mapping) else value:
            number += not isinstance(value, list)
            yield from walk(each, place if isinstance(value, list) else number)

    for each in documents:
        yield from walk(each["Statement"], number)


def _alone(text: str) -> bool:
    """Whether the account is all that tells this text from its neighbours: a bare id or a root ARN."""
    return re.fullmatch(r"(arn:[^:]+:iam::)?\d{12}(:root)?", text) is not None


def _values(documents: Iterable[Document], action: str) -> dict[str, list[str | None]]:
    """For each condition key that bears on the action: the values to try, None for a key that is not set."""
    named: dict[str, dict[str | None, None]] = {}
    for each in documents:
        for statement in _list(each["Statement"]):
            if not any(glob(pattern, action, ignore_case=True) for pattern in _list(statement["Action"])):
                continue
            for entries in statement.get("Condition", {}).values():
                for key, patterns in entries.items():
                    if key.lower() in _IMPLIED:
                        continue
                    values = named.setdefault(key, {})
                    for pattern in _list(patterns):
                        values.update(dict.fromkeys(_around(str(pattern))))
    return {key: [*values, None] for key, values in named.items()}


def _around(pattern: str) -> Iterator[str]:
    """A text that fits the pattern, and some that just do not."""
    chunks = re.split(r"[*?]+", pattern)
    yield "x".join(chunks)
    yield "x".join(chunks) + "x"
    for index, chunk in enumerate(chunks):
        if chunk:
            yield "x".join([*chunks[:index], "~", *chunks[index + 1 :]])


def _services(bearing: Iterable[Document]) -> list[str]:
    named = {_UNNAMED_SERVICE, "sns.amazonaws.com"}
    for each in bearing:
        for statement in _list(each["Statement"]):
            principal = statement.get("Principal")
            if isinstance(principal, Mapping):
                named.update(_list(principal.get("Service", [])))
    return sorted(named)


def _judged(documents: Sequence[NamedDocument]) -> tuple[list[NamedDocument], list[NamedDocument]]:
    judged = [each for each in documents if each.kind in _CARRIED | _HELD]
    for each in judged:
        check_dialect(each.document)
    return [each for each in judged if each.kind in _CARRIED], [each for each in judged if each.kind in _HELD]


def _carries(named: NamedDocument, resource: str) -> bool:
    whole = named.attached_to
    return resource == whole or (named.kind is Kind.BUCKET and resource.startswith(f"{whole}/"))


def _owner(resource: str, policy: NamedDocument | None, documents: Sequence[NamedDocument]) -> str:
    """The account of the resource; a bucket's ARN does not tell it."""
    parts = resource.split(":", 5)
    if len(parts) != 6:
        raise PolicyError(f"{resource!r} is not an ARN", fix="Write it as arn:aws:sns:us-east-1:111111111111:cardio")
    if policy is not None:
        return policy.account
    holders = {each.account for each in documents}
    if parts[4] in holders:
        return parts[4]
    bucket = ":".join(parts).split("/")[0]
    named = {each.account for each in documents if each.kind in _HELD and f'"{bucket}' in json.dumps(each.document)}
    if parts[2] == "s3" and len(named) == 1:
        return named.pop()
    raise PolicyError(f"{resource} is no resource of this stack", fix="`policies show` lists what this stack has")


def _administrator(partition: str, account: str) -> Caller:
    return Caller(account, f"arn:{partition}:iam::{account}:role/administrator")


def _caller(held: NamedDocument) -> Caller:
    return Caller(held.account, held.principal or held.attached_to)


def _kind(held: NamedDocument) -> Who:
    return Who.NODE if held.kind is Kind.NODE else Who.READER_ROLE


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
