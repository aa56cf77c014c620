"""What a hub's roster changes in a joiner's stack. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fedml_infra.model.arns import Arn
from fedml_infra.model.rights import Right, Rights, Topology, default_rights
from fedml_infra.model.stack import Node, StackConfig
from fedml_infra.model.summary import federation_summary
from fedml_infra.model.validation import NODES
from fedml_infra.operations.change import entries
from fedml_infra.operations.compare_rights import said
from fedml_infra.operations.schedule import SYNC_SCHED
from fedml_infra.operations.topology import TOPOLOGY, rights_said
from fedml_infra.wire.v2.roster import Entry, Roster


@dataclass(frozen=True)
class SyncPlan:
    """What a roster changes in a joiner's stack."""

    epoch: int
    """The roster's."""
    account: str
    """The own account whose entry holds the key."""
    new_key: bool
    values: Mapping[str, Any]
    """Values to set by full key: schedule, topology."""
    rights: Mapping[str, list[str] | None]
    """By pid, for those that change: what `rights` is to say; None for nothing, where the topology says it."""
    changes: tuple[str, ...] = ()
    """In sentences."""
    warnings: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()
    """Nodes that may receive no more, and whose queue stays until somebody agrees: it is protected."""

    @property
    def changes_file(self) -> bool:
        """Whether there is anything to write."""
        return self.new_key or bool(self.values) or bool(self.rights)

    def apply(self, values: dict[str, Any]) -> None:
        """Set all but the key."""
        values.update(self.values)
        for entry in entries(values, NODES):
            if entry["pid"] in self.rights:
                entry.pop("rights", None)
                if (wanted := self.rights[entry["pid"]]) is not None:
                    entry["rights"] = wanted


def plan_sync(
    roster: Roster,
    config: StackConfig,
    accounts: Mapping[str, str],
    *,
    keep_rights: bool = False,
    may_drop_queues: bool = False,
) -> SyncPlan:
    """What the roster changes.

    `accounts`: by pid. A node gets what its account is granted; with `keep_rights` no more than it has. A queue that is
    protected goes only if `may_drop_queues`. Raises RosterError (not_a_member) where no account of the stack is on it.
    """
    listed = {entry.aws_id: entry for entry in roster.members}
    own = [account for account in dict.fromkeys(accounts.values()) if account in listed]
    if not own:
        roster.member(next(iter(accounts.values())))
    values: dict[str, Any] = {}
    changes: list[str] = []
    if roster.fed_epoch > config.fed_epoch:
        changes.append(f"The key is of epoch {roster.fed_epoch} (it was {config.fed_epoch}).")
    if roster.sync_sched != config.sync_sched:
        values[SYNC_SCHED] = str(roster.sync_sched)
        changes.append(f"The schedule is {roster.sync_sched} (it was {config.sync_sched}).")
    if roster.topology is not config.topology:
        values[TOPOLOGY] = str(roster.topology)
        changes.append(f"The topology is {roster.topology} (it was {config.topology}).")
    rights: dict[str, list[str] | None] = {}
    held_back: list[str] = []
    for node in config.nodes:
        entry = listed.get(accounts[node.pid])
        if entry is None:
            continue
        had = config.node_rights(node)
        wanted = (had & entry.rights or entry.rights) if keep_rights else entry.rights
        if Right.RECEIVE in had - wanted and config.protect and not may_drop_queues:
            held_back.append(node.pid)
            wanted = had
        changes += _told(node, had, wanted)
        if _by(roster.topology, node) != wanted:
            rights[node.pid] = rights_said(roster.topology, wanted)
    return SyncPlan(
        epoch=roster.fed_epoch,
        account=own[0],
        new_key=roster.fed_epoch > config.fed_epoch,
        values=values,
        rights=rights,
        changes=tuple(changes),
        warnings=tuple(_warnings(roster, config, accounts, listed)),
        held_back=tuple(held_back),
    )


def joined_in_force(config: StackConfig, outputs: Mapping[str, Any]) -> bool:
    """Whether the last run of a joiner's stack ended with what its file says of the federation."""
    if config.aws_topic_arn is None:
        return False
    bucket = config.roster_bucket_of(Arn.parse(config.aws_topic_arn))
    wanted = federation_summary(config, topic_arn=config.aws_topic_arn, roster_bucket=bucket)
    made = outputs.get("nodes") or {}
    receives = {node.pid: Right.RECEIVE in config.node_rights(node) for node in config.nodes}
    return outputs.get("federation") == wanted and receives == {
        pid: bool(node.get("queue_arn")) for pid, node in made.items()
    }


def queues_to_go(config: StackConfig, outputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Nodes that have a queue by the last run, and may receive no more by the file."""
    made = outputs.get("nodes") or {}
    return tuple(
        node.pid
        for node in config.nodes
        if Right.RECEIVE not in config.node_rights(node) and (made.get(node.pid) or {}).get("queue_arn")
    )


def _warnings(
    roster: Roster, config: StackConfig, accounts: Mapping[str, str], listed: Mapping[str, Entry]
) -> list[str]:
    found = []
    missed = " and ".join(str(epoch) for epoch in range(config.fed_epoch + 1, roster.fed_epoch))
    if missed:
        found.append(f"The key of epoch {missed} was never picked up here: what it sealed stays closed.")
    for node in config.nodes:
        entry = listed.get(accounts[node.pid])
        if entry is None:
            found.append(f"Node {node.pid}: account {accounts[node.pid]} is not on the roster, and may do nothing.")
        elif entry.nodes and node.pid not in entry.nodes:
            found.append(f"Node {node.pid} is not among the nodes that the hub has of account {entry.aws_id}.")
    return found


def _by(topology: Topology, node: Node) -> Rights | None:
    """What the file would give the node under a topology; None where nothing says it."""
    if node.rights is not None:
        return node.rights
    return None if topology is Topology.HYBRID else default_rights(topology, "member")


def _told(node: Node, had: Rights, wanted: Rights) -> list[str]:
    gains, loses = wanted - had, had - wanted
    parts = [f"may now also {said(gains)}"] if gains else []
    parts += [f"may not {said(loses, 'or')} any more"] if loses else []
    return [f"Node {node.pid} {', and '.join(parts)}."] if parts else []
