"""What the demo counted, and whether it is as it should be."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from fedml_infra.sandbox.outsider import Attempt


@dataclass(frozen=True)
class Messages:
    """Messages of the demo, summed over all nodes."""

    sent: int
    received: int
    echoes: int


@dataclass(frozen=True)
class Outsider:
    """What an account that is no member tried. `denied` is None where the local AWS enforces no policies."""

    enforced: bool
    tried: int
    denied: int | None


@dataclass(frozen=True)
class Drift:
    """Changes made by hand, and how many of them were found."""

    made: int
    found: int


@dataclass(frozen=True)
class Report:
    """Everything counted from what happened. `seconds` is by phase, in the order in which they ran."""

    engine: str
    organisations: int
    accounts: int
    regions: int
    resources: int
    messages: Messages
    payloads_read: int
    outsider: Outsider
    drift: Drift
    left_behind: int
    seconds: dict[str, float]
    attempts: tuple[Attempt, ...] = field(default=(), repr=False)
    leftovers: tuple[str, ...] = field(default=(), repr=False)
    nodes: int = field(default=0, repr=False)
    kept: bool = field(default=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """The document of `demo --json`."""
        told = asdict(self)
        for name in ("attempts", "leftovers", "nodes", "kept"):
            del told[name]
        return told

    def faults(self) -> tuple[str, ...]:
        """What is not as it should be, a sentence each; empty where all is well."""
        found = []
        expected = self.messages.sent * (self.nodes - 1)
        if self.messages.sent == 0 or self.messages.received != expected:
            found.append(f"{expected} messages should have been received, {self.messages.received} were")
        if self.messages.echoes:
            found.append(f"{self.messages.echoes} messages came back to their sender")
        if self.payloads_read != self.messages.received:
            found.append(f"{self.messages.received} payloads should have been read, {self.payloads_read} were")
        if self.outsider.enforced and self.outsider.denied != self.outsider.tried:
            allowed = [f"{each.action} {each.target}: {each.outcome}" for each in self.attempts if not each.denied]
            found.append("not denied, though they should be: " + "; ".join(allowed))
        if self.drift.found != self.drift.made:
            found.append(f"{self.drift.made} drifts were made, {self.drift.found} found")
        if self.left_behind:
            found.append("left behind: " + ", ".join(self.leftovers))
        return tuple(found)
