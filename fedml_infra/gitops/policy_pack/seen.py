"""What a rule sees of a stack, and what it says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final


class Unknown(Enum):
    """The value of a property that the engine does not know before something is made."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN

BUCKETS = frozenset({"aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"})
TOPIC = "aws:sns/topic:Topic"
QUEUE = "aws:sqs/queue:Queue"
ROLE = "aws:iam/role:Role"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"


@dataclass(frozen=True)
class Finding:
    """What one rule says of one resource."""

    urn: str
    what: str
    """A sentence without a full stop: which thing, and what is wrong with it."""
    fix: str
    known: bool = True
    """False where it cannot be told yet: told as advice, and judged again once the value is known."""

    def __str__(self) -> str:
        return f"{self.what}.\n{self.fix}."


@dataclass(frozen=True)
class Resource:
    """One resource as its program asks for it; `UNKNOWN` stands for each value that is not known yet."""

    urn: str
    kind: str
    """Pulumi's type token, as `aws:sqs/queue:Queue`."""
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """What the provider says of it; empty where it was not asked yet."""
    links: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By property: URNs of the resources that its value is made from."""

    @property
    def label(self) -> str:
        """For people: kind and name, as `Queue cardio_charite`."""
        return f"{self.kind.rpartition(':')[2]} {self.urn.rpartition('::')[2]}"

    def get(self, name: str) -> Any:
        """What the program asks for; None where it says nothing."""
        return self.inputs.get(name)

    def known(self, *names: str) -> frozenset[str]:
        """The texts that these properties have, wherever they are known."""
        values = (where.get(name) for where in (self.inputs, self.outputs) for name in names)
        return frozenset(value for value in values if isinstance(value, str) and value)

    def wrong(self, what: str, fix: str) -> Finding:
        """A finding about this resource."""
        return Finding(self.urn, f"{self.label} {what}", fix)

    def unsure(self, what: str) -> Finding:
        """A finding that cannot be made yet."""
        return Finding(
            self.urn,
            f"{self.label}: {what} is not known before it is made",
            "It is judged during `up`, before the resource is written; a name or ARN that the program derives itself "
            "is judged now",
            known=False,
        )


@dataclass(frozen=True)
class Stack:
    """All resources of one stack."""

    resources: tuple[Resource, ...]

    def of(self, *kinds: str) -> Iterator[Resource]:
        """The resources of these kinds."""
        return (each for each in self.resources if each.kind in kinds)


def is_about(setting: Resource, name: str, target: Resource, *identifiers: str) -> bool | None:
    """Whether a property of a resource names another one, by value or by what it is made from; None: perhaps.

    `identifiers` are the properties of `target` that the value may be.
    """
    value, made_from = setting.get(name), setting.links.get(name, frozenset())
    if isinstance(value, str):
        known = target.known(*identifiers)
        # An ARN or URL that the program derived itself, of what is not made yet: its last part is the name.
        last = value.replace("/", ":").rpartition(":")[2]
        return made_from == {target.urn} or (value in known if known else last in target.known("name"))
    if value is not UNKNOWN:
        return False
    if made_from == {target.urn}:
        return True
    return None if not made_from or target.urn in made_from else False


def reaching(stack: Stack, kinds: tuple[str, ...], name: str, target: Resource, *identifiers: str) -> Reach:
    """The settings of these kinds that are about one resource."""
    found: list[Resource] = []
    perhaps = False
    for each in stack.of(*kinds):
        about = is_about(each, name, target, *identifiers)
        if about:
            found.append(each)
        perhaps = perhaps or about is None
    return Reach(tuple(found), perhaps)


@dataclass(frozen=True)
class Reach:
    """What is about a resource."""

    found: tuple[Resource, ...]
    perhaps: bool
    """Whether something may be about it whose target is not known yet."""
