"""Who can do something, found by asking for every kind of caller there is.

Finite witnesses: every account that a document names, one that none names, nobody known, every service named and one
that is not, and for every condition key that bears on the action each value named, values next to it, and none.
Accounts that occur in the same places are told apart by nothing, so one of them answers for all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

from fedml_infra.errors import PolicyError
from fedml_infra.policies import witnesses
from fedml_infra.policies.dialect import check_dialect
from fedml_infra.policies.document import Document, Kind, NamedDocument, allow, document
from fedml_infra.policies.evaluation import Caller, Request, decide

_ADMINISTRATOR = document(allow("All", ["*"], "*"))
"""An account's administrator: what a resource's policy gives an account, the account can give to anyone in it."""
_CARRIED = {Kind.TOPIC, Kind.QUEUE, Kind.BUCKET, Kind.TRUST}
_HELD = {Kind.NODE, Kind.ROLE}
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
        *(attempts.grantee(Who.SERVICE, Caller(service=name), ()) for name in witnesses.services(bearing)),
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

    def grantee(self, who: Who, caller: Caller, identity: tuple[Document, ...]) -> Grantee:
        """The caller with the ways that lead to an Allow; none if none does."""
        ways = []
        bearing = [*identity, *([self.policy] if self.policy is not None else [])]
        wanted = [
            (key, values)
            for key, values in witnesses.values(bearing, self.action).items()
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
        return Grantee(who, caller.service or caller.arn or "", tuple(ways))


def _accounts(attempts: _Attempts, bearing: list[Document], documents: Sequence[NamedDocument]) -> Iterator[Grantee]:
    """Every account named, by groups that nothing tells apart, and one that nothing names."""
    partition = attempts.resource.split(":")[1]

    def ways(account: str) -> tuple[Way, ...]:
        callers = witnesses.callers(partition, account, bearing)
        found = [attempts.grantee(Who.ACCOUNT, caller, (_ADMINISTRATOR,)).ways for caller in callers]
        return tuple(dict.fromkeys(way for each in found for way in each))

    others = {attempts.owner, *(each.account for each in documents)}
    answers: dict[str, tuple[Way, ...]] = {}
    for group in witnesses.accounts_alike(bearing, attempts.owner, others):
        answers.update(dict.fromkeys(group, ways(group[0])))
    yield from (Grantee(Who.ACCOUNT, account, answers[account]) for account in sorted(answers))
    yield Grantee(Who.ANY_ACCOUNT, "", ways(witnesses.fresh_account(answers)))


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


def _caller(held: NamedDocument) -> Caller:
    return Caller(held.account, held.principal or held.attached_to)


def _kind(held: NamedDocument) -> Who:
    return Who.NODE if held.kind is Kind.NODE else Who.READER_ROLE
