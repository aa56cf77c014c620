"""What a verification comes to: one verdict a link, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from fedml_infra.errors import FedmlError, PolicyError, ResourceError, TimedOutError, answer_of


class Name(StrEnum):
    """The links between a node and its federation."""

    PARAMETER = "parameter"
    QUEUE = "queue"
    QUEUE_POLICY = "queue policy"
    REDRIVE = "redrive"
    SUBSCRIPTION = "subscription"
    SUBSCRIBE = "subscribe"
    PUBLISH = "publish"
    DELIVERY = "delivery"
    BUCKET = "bucket"
    READER_ROLE = "reader role"
    CLEANUP = "cleanup"
    """What the probe itself left behind."""


class Verdict(StrEnum):
    """How a link is."""

    OK = "ok"
    DENIED = "denied"
    """As it should be: the node has not that right."""
    NOTE = "note"
    """As it should be, and worth knowing; or not to be tried from here."""
    PENDING = "pending"
    """Not there, and changed so lately that it may still come."""
    BROKEN = "broken"


SETTLES = timedelta(seconds=60)
"""How long a change may take to hold. Of queue attributes up to 60 s (SQS, API_SetQueueAttributes); a topic policy was
seen to take up to a minute, and a new role is not usable everywhere at once (IAM, "Troubleshooting IAM: Changes that I
make are not always immediately visible")."""

SETTLING = frozenset(
    {
        Name.QUEUE,
        Name.QUEUE_POLICY,
        Name.REDRIVE,
        Name.SUBSCRIPTION,
        Name.SUBSCRIBE,
        Name.PUBLISH,
        Name.DELIVERY,
        Name.READER_ROLE,
    }
)
"""The links of which that is true."""

FILTER_SETTLES = timedelta(minutes=15)
"""How long a new filter policy may take (Amazon SNS, "Subscription filter policies")."""


@dataclass(frozen=True)
class Link:
    """One link of one node, as it was found."""

    name: Name
    verdict: Verdict
    resource: str
    """The name, ARN or key that it is about."""
    told: str
    fix: str | None = None
    exit_code: int = 0
    """That of the error that it would be; 0 where it is neither broken nor pending."""

    def as_json(self) -> dict[str, Any]:
        """The link for machines."""
        return {
            "link": str(self.name),
            "verdict": str(self.verdict),
            "resource": self.resource,
            "told": self.told,
            "fix": self.fix,
        }


@dataclass(frozen=True)
class NodeReport:
    """All links of one node."""

    pid: str
    account: str
    region: str
    links: tuple[Link, ...]

    def as_json(self) -> dict[str, Any]:
        """The node for machines."""
        return {
            "pid": self.pid,
            "account": self.account,
            "region": self.region,
            "links": [link.as_json() for link in self.links],
        }


@dataclass(frozen=True)
class Verification:
    """All nodes of a stack."""

    nodes: tuple[NodeReport, ...]
    seconds: float

    def of(self, *verdicts: Verdict) -> tuple[Link, ...]:
        """The links that are so."""
        return tuple(link for node in self.nodes for link in node.links if link.verdict in verdicts)

    @property
    def verified(self) -> bool:
        """Whether every link is as it should be."""
        return not self.of(Verdict.BROKEN, Verdict.PENDING)

    @property
    def exit_code(self) -> int:
        """0; that of the first broken link; or where links are only pending that of a time-out."""
        for link in (*self.of(Verdict.BROKEN), *self.of(Verdict.PENDING)):
            return link.exit_code
        return 0

    def as_json(self) -> dict[str, Any]:
        """All of it for machines."""
        return {
            "verified": self.verified,
            "seconds": round(self.seconds, 1),
            "nodes": [node.as_json() for node in self.nodes],
        }


@dataclass(frozen=True)
class Clock:
    """How long ago the stack was brought up, which tells what may still come."""

    since_up: timedelta | None

    def lately(self, name: Name) -> bool:
        """Whether a link was changed so lately that AWS may not heed it yet."""
        return name in SETTLING and self.since_up is not None and self.since_up < SETTLES


def ok(name: Name, resource: str, told: str) -> Link:
    """A link that is as it should be."""
    return Link(name, Verdict.OK, resource, told)


def note(name: Name, resource: str, told: str) -> Link:
    """Something worth knowing."""
    return Link(name, Verdict.NOTE, resource, told)


def denied(name: Name, resource: str, told: str) -> Link:
    """A right that the node has not, and AWS denies."""
    return Link(name, Verdict.DENIED, resource, told)


def broken(
    clock: Clock, name: Name, resource: str, told: str, *, fix: str, kind: type[FedmlError] = ResourceError
) -> Link:
    """A link that is not as it should be; pending where the stack was brought up so lately that it may still come."""
    if not clock.lately(name):
        return Link(name, Verdict.BROKEN, resource, told, fix, answer_of(kind(told)).exit_code)
    lately = "The stack was brought up less than a minute ago: this may still come. Run the same again."
    return Link(name, Verdict.PENDING, resource, told, lately, answer_of(TimedOutError(told)).exit_code)


def failed(clock: Clock, name: Name, resource: str, error: FedmlError, *, fix: str | None = None) -> Link:
    """A link that an error of AWS's tells of. Where it is no denial, nothing of it may still come."""
    told = error.what[:1].upper() + error.what[1:]
    advice = fix or error.fix or "Run the same again."
    if isinstance(error, PolicyError):
        return broken(clock, name, resource, told, fix=advice, kind=PolicyError)
    return Link(name, Verdict.BROKEN, resource, told, advice, answer_of(error).exit_code)


def in_order(links: Iterable[Link]) -> tuple[Link, ...]:
    """In the order of `Name`."""
    place = {name: number for number, name in enumerate(Name)}
    return tuple(sorted(links, key=lambda link: place[link.name]))
