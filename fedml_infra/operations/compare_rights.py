"""Who gains and who loses which right by a change of a stack, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fedml_infra.model.rights import BOTH, PUBLISH_ONLY, Right, Rights
from fedml_infra.model.stack import StackConfig

NONE: Rights = frozenset()
RECEIVE_ONLY: Rights = frozenset({Right.RECEIVE})


@dataclass(frozen=True)
class RightsChange:
    """What one account or one own node may do before and after."""

    who: str
    """An account id, or a pid."""
    kind: str
    """`member` (another organisation's account) or `node` (one of this organisation's own)."""
    before: Rights
    after: Rights

    @property
    def gains(self) -> Rights:
        """Rights that it gets."""
        return self.after - self.before

    @property
    def loses(self) -> Rights:
        """Rights that it has and will not have."""
        return self.before - self.after

    def __str__(self) -> str:
        name = f"Account {self.who}" if self.kind == "member" else f"Node {self.who}"
        if not self.before:
            role = "becomes a member" if self.kind == "member" else "is new"
            return f"{name} {role}: it may {said(self.after)}."
        end = " Its subscriptions are removed." if self.kind == "member" and Right.RECEIVE in self.loses else ""
        if not self.after:
            role = "is no longer a member" if self.kind == "member" else "goes"
            return f"{name} {role}: it may not {said(self.before, 'or')} any more.{end}"
        parts = []
        if self.gains:
            parts.append(f"may now also {said(self.gains)}")
        if self.loses:
            parts.append(f"may not {said(self.loses)} any more")
        return f"{name} {', and '.join(parts)}.{end}"

    def as_json(self) -> dict[str, Any]:
        """The change for machines; rights sorted."""
        return {
            "who": self.who,
            "kind": self.kind,
            "gains": sorted(self.gains),
            "loses": sorted(self.loses),
            "before": sorted(self.before),
            "after": sorted(self.after),
            "text": str(self),
        }


def said(rights: Rights, joined: str = "and") -> str:
    """`publish and receive`, in that order."""
    return f" {joined} ".join(str(right) for right in Right if right in rights)


def compare_rights(before: Mapping[str, Any], config: StackConfig) -> tuple[RightsChange, ...]:
    """What changes from the stack's last outputs ({} where it never came up) to its configuration.

    Of own nodes the outputs tell whether they receive (a queue or none), not whether they publish: a node that is
    kept is compared by receiving alone.
    """
    return (*_member_changes(before, config), *_node_changes(before, config))


def _member_changes(outputs: Mapping[str, Any], config: StackConfig) -> Iterator[RightsChange]:
    listed = (outputs.get("federation") or {}).get("members") or []
    before = {member["aws_id"]: frozenset(map(Right, member["rights"])) for member in listed}
    after = {member.aws_id: config.member_rights(member) for member in config.members}
    for account in sorted({*before, *after}):
        was, now = before.get(account, NONE), after.get(account, NONE)
        if was != now:
            yield RightsChange(account, "member", was, now)


def _node_changes(outputs: Mapping[str, Any], config: StackConfig) -> Iterator[RightsChange]:
    received = {pid: bool(node.get("queue_arn")) for pid, node in (outputs.get("nodes") or {}).items()}
    wanted = {node.pid: config.node_rights(node) for node in config.nodes}
    for pid in sorted({*received, *wanted}):
        if pid not in received:
            yield RightsChange(pid, "node", NONE, wanted[pid])
        elif pid not in wanted:
            yield RightsChange(pid, "node", BOTH if received[pid] else PUBLISH_ONLY, NONE)
        elif received[pid] != (Right.RECEIVE in wanted[pid]):
            publishes = wanted[pid] & PUBLISH_ONLY
            before = publishes | RECEIVE_ONLY if received[pid] else publishes
            yield RightsChange(pid, "node", before, wanted[pid])
