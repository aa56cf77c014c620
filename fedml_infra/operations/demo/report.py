"""What the demo counted, and whether it is as it should be."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from fedml_infra.sandbox.outsider import Attempt


@dataclass(frozen=True)
class Messages:
    """Messages while everybody is a member, summed over all nodes."""

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
class Removed:
    """What became of the member that was removed. `denied` is None where the local AWS enforces no policies."""

    denied: int | None
    """How many of its attempts to publish and to subscribe were."""
    received_after: int
    """Messages that its queue got afterwards."""


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
    invites: int
    joins: int
    """Invites that were used, each by an account that then came up."""
    messages: Messages
    payloads_read: int
    outsider: Outsider
    removed: Removed
    rotations: int
    """Of the key, up to the one that all who stayed have in the end."""
    drift: Drift
    left_behind: int
    seconds: dict[str, float]
    attempts: tuple[Attempt, ...] = field(default=(), repr=False)
    """Of the outsider and of the removed member."""
    leftovers: tuple[str, ...] = field(default=(), repr=False)
    nodes: int = field(default=0, repr=False)
    after: Messages = field(default=Messages(0, 0, 0), repr=False)
    """Messages of those who stayed, after the removal."""
    picture: str = field(default="", repr=False)
    """The federation while everybody was a member, as SVG."""
    kept: bool = field(default=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """The document of `demo --json`."""
        told = asdict(self)
        for name in ("attempts", "leftovers", "nodes", "after", "picture", "kept"):
            del told[name]
        return told

    def faults(self) -> tuple[str, ...]:
        """What is not as it should be, a sentence each; empty where all is well."""
        found = []
        if self.joins != self.invites:
            found.append(f"{self.invites} were invited, {self.joins} joined")
        found += _exchanged(self.messages, self.nodes)
        if self.payloads_read != self.messages.received:
            found.append(f"{self.messages.received} payloads should have been read, {self.payloads_read} were")
        allowed = [f"{each.action} {each.target}: {each.outcome}" for each in self.attempts if not each.denied]
        if self.outsider.enforced and allowed:
            found.append("not denied, though they should be: " + "; ".join(allowed))
        if self.outsider.enforced and not (self.outsider.tried and self.removed.denied):
            found.append("nothing was tried that should be denied")
        if self.removed.received_after:
            found.append(f"{self.removed.received_after} messages reached the member that was removed")
        if self.rotations != 1:
            found.append(f"the key should have been rotated once, with the removal; it was {self.rotations} times")
        found += _exchanged(self.after, self.nodes - 1)
        if self.drift.found != self.drift.made:
            found.append(f"{self.drift.made} drifts were made, {self.drift.found} found")
        if self.left_behind:
            found.append("left behind: " + ", ".join(self.leftovers))
        return tuple(found)


def _exchanged(messages: Messages, nodes: int) -> list[str]:
    """What is wrong where each of so many nodes sent one message, and should have got everybody else's."""
    expected = messages.sent * (nodes - 1)
    found = []
    if messages.sent == 0 or messages.received != expected:
        found.append(f"{expected} messages should have been received by {nodes} nodes, {messages.received} were")
    if messages.echoes:
        found.append(f"{messages.echoes} messages came back to their sender")
    return found
