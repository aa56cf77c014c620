"""A thing in AWS as it is looked for by its name, and as it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fedml_infra.model.tags import FEDERATION_TAG, owned_by


@dataclass(frozen=True)
class Sought:
    """What is looked for: one resource of a type that the program makes."""

    type: str
    """Pulumi's token: `aws:sqs/queue:Queue`."""
    key: str
    """Its name or ARN; of what hangs on another thing, that thing's: the queue of a queue policy."""
    part: str = ""
    """What tells it from others on the same thing: a subscription's endpoint, an inline policy's name."""


@dataclass(frozen=True)
class Sighting:
    """A thing that is there."""

    id: str
    """As Pulumi imports it."""
    tags: Mapping[str, str] | None = None
    """Its tags, or those of the thing that it hangs on; None of what has none: a subscription, told by its endpoint."""
    empty: bool = True
    """Whether nothing lies in it; only buckets hold anything."""


class Verdict(StrEnum):
    """Whose a thing is."""

    OURS = "ours"
    UNTAGGED = "untagged"
    FOREIGN = "foreign"


def verdict(seen: Sighting, federation: str, pid: str | None) -> Verdict:
    """Whose a thing of the stack's own account is, by its tags; `pid` of None is the hub's."""
    if seen.tags is None or owned_by(seen.tags, federation, pid):
        return Verdict.OURS
    return Verdict.FOREIGN if FEDERATION_TAG in seen.tags else Verdict.UNTAGGED
