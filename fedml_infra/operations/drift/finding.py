"""What drift is made of: one finding for each thing that is not as it was made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What was found."""

    MISSING = "missing"
    CHANGED = "changed"
    STRANGER = "stranger"
    """A subscription that is no member's."""
    LACKS = "lacks"
    """An adopted bucket that is not hardened as ours are: no drift, as nobody here made it."""


class Severity(StrEnum):
    """How bad it is, the worst first."""

    EXPOSED = "exposed"
    """Somebody can do or see more than was agreed; or what can be done could not be judged."""
    BROKEN = "broken"
    """Something that the federation needs does not work any more."""
    CHANGED = "changed"
    """Neither, as far as is known."""
    WARNING = "warning"
    """No drift, and yet to be looked at."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was made."""

    kind: Kind
    severity: Severity
    words: str
    """What it means, for a person."""
    resource: str
    """The resource's name: of a topic, queue, bucket, role, policy or parameter; a stranger's endpoint."""
    type: str
    """As the engine calls it (`aws:sqs/queue:Queue`)."""
    urn: str = ""
    """"" where the stack does not have it: of a stranger, and of an adopted bucket."""
    path: str | None = None
    """Which property was changed; None where the whole resource is meant."""
    made: Any = None
    """What it was made as; secrets are `[secret]`."""
    now: Any = None
    """What it is now."""
    with_it: tuple[str, ...] = ()
    """URNs of settings that are gone because this resource is."""

    def as_json(self) -> dict[str, Any]:
        """The finding for machines."""
        return {
            "resource": self.resource,
            "type": self.type,
            "urn": self.urn or None,
            "kind": str(self.kind),
            "property": self.path,
            "made": self.made,
            "now": self.now,
            "words": self.words,
            "severity": str(self.severity),
        }

    @property
    def urns(self) -> frozenset[str]:
        """All that has to be put right for this to be right."""
        return frozenset({self.urn, *self.with_it} - {""})
