"""A federation as one stack knows it: its topic, and the nodes around it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fedml_infra.aws.subscriptions import Subscription, receivers
from fedml_infra.model.arns import Arn
from fedml_infra.model.fields import MessageFilter
from fedml_infra.model.names import queue_name
from fedml_infra.model.rights import BOTH, Right, Rights
from fedml_infra.model.schedule import Schedule
from fedml_infra.model.stack import Member, StackConfig

UNKNOWN_ACCOUNT = "unknown account"
UNKNOWN_REGION = "unknown region"
UNNAMED = "member"
"""Stands for the pid of a member's node that neither the stack file nor a subscription names."""


@dataclass(frozen=True)
class Hub:
    """The topic that everything goes through."""

    topic: str
    account: str | None
    region: str
    own: bool
    """Whether this stack declares it."""


@dataclass(frozen=True)
class Node:
    """One node, or a member of whose nodes nothing is known."""

    pid: str | None
    account: str | None
    """None where neither outputs nor credentials tell it."""
    region: str | None
    """None for another organisation's node that has not subscribed, or only publishes."""
    rights: Rights
    own: bool
    """Whether it is this organisation's."""

    @property
    def name(self) -> str:
        """The pid, or what stands for it."""
        return self.pid or UNNAMED

    @property
    def publishes(self) -> bool:
        """Whether it may publish to the topic."""
        return Right.PUBLISH in self.rights

    @property
    def receives(self) -> bool:
        """Whether it may receive from the topic."""
        return Right.RECEIVE in self.rights

    @property
    def does(self) -> str:
        """Its rights in words."""
        if self.rights == BOTH:
            return "publishes and receives"
        return "publishes" if self.publishes else "receives"

    @property
    def place(self) -> str:
        """Its account and region in words."""
        return f"{self.account or UNKNOWN_ACCOUNT}, {self.region or UNKNOWN_REGION}"


@dataclass(frozen=True)
class Graph:
    """The whole picture. Own nodes come first, then members', each in the order of the stack file."""

    federation: str
    topology: str
    schedule: Schedule
    hub: Hub
    nodes: tuple[Node, ...]
    echo: bool
    """Whether a node receives its own messages too (`message_filter: none`)."""

    @property
    def publishers(self) -> tuple[Node, ...]:
        """Who may publish."""
        return tuple(node for node in self.nodes if node.publishes)

    @property
    def receivers(self) -> tuple[Node, ...]:
        """Who may receive."""
        return tuple(node for node in self.nodes if node.receives)

    @property
    def accounts(self) -> tuple[str | None, ...]:
        """Each account once, the hub's first; None stands for those that are not known."""
        return tuple(dict.fromkeys([self.hub.account, *(node.account for node in self.nodes)]))

    @property
    def summary(self) -> str:
        """The federation in one line: `decentralized, every 30 minutes, 4 nodes in 3 accounts`."""
        known = [account for account in self.accounts if account is not None]
        said = [self.topology, f"every {_span(self.schedule)}", _counted(len(self.nodes), "node")]
        if known:
            said[-1] += f" in {_counted(len(known), 'account')}"
        return ", ".join(said)

    @property
    def caption(self) -> str:
        """Who publishes to whom, in one sentence."""
        if not self.publishers or not self.receivers:
            return f"Nobody {'receives' if self.publishers else 'publishes'} in this federation as this stack knows it."
        own = "" if not self.echo else ", its own sender included"
        if self.publishers == self.receivers == self.nodes:
            return f"What any of them publishes, {'all' if self.echo else 'all others'} receive{own}."
        verb = "publishes" if len(self.publishers) == 1 else "publish"
        return f"What {_names(self.publishers)} {verb} is received by {_names(self.receivers)}{own}."

    @property
    def partial(self) -> str | None:
        """What this picture cannot have in it; None where it is whole."""
        return None if self.hub.own else "Other members are known to the administrator's stack only."

    def as_json(self) -> dict[str, Any]:
        """The graph for machines. `edges` lead to and from the topic: whoever publishes reaches all that receive."""
        ids = dict(zip(self.nodes, self.ids, strict=True))
        return {
            "federation": self.federation,
            "topology": self.topology,
            "sync_sched": str(self.schedule),
            "whole": self.hub.own,
            "echo": self.echo,
            "topic": {
                "id": TOPIC_ID,
                "name": self.hub.topic,
                "account": self.hub.account,
                "region": self.hub.region,
                "own": self.hub.own,
            },
            "nodes": [
                {
                    "id": ids[node],
                    "pid": node.pid,
                    "account": node.account,
                    "region": node.region,
                    "rights": sorted(node.rights),
                    "own": node.own,
                }
                for node in self.nodes
            ],
            "edges": [edge for node in self.nodes for edge in _edges(ids[node], node)],
        }

    @property
    def ids(self) -> tuple[str, ...]:
        """A name for each node that no other has: its pid, or its account where there is none."""
        return tuple(node.pid or f"member:{node.account}" for node in self.nodes)


TOPIC_ID = "topic:"
"""A node's id is a pid, which has no colon."""


def graph_of(
    config: StackConfig,
    *,
    account: str | None,
    node_accounts: Mapping[str, str | None],
    subscriptions: Iterable[Subscription] = (),
) -> Graph:
    """The graph that a stack file means.

    `account`: of the stack's own credentials, None where unknown. `node_accounts`: each own node's by pid.
    `subscriptions`: the topic's, where they could be read; they tell the region of members' nodes, and the pids of a
    member whose nodes the stack file does not name. What is subscribed and is no member's is not in the graph.
    """
    hub_account = account if config.is_hub else config.topic_account
    own = (
        Node(
            node.pid,
            node_accounts.get(node.pid),
            config.node_region(node),
            config.node_rights(node),
            own=True,
        )
        for node in config.nodes
    )
    regions = dict(_subscribed(config, subscriptions))
    members = (node for member in config.members for node in _member_nodes(config, member, regions))
    return Graph(
        federation=config.fed_name,
        topology=str(config.topology),
        schedule=config.sync_sched,
        hub=Hub(config.fed_name, hub_account, config.topic_region, own=config.is_hub),
        nodes=(*own, *members),
        echo=config.message_filter is MessageFilter.NONE,
    )


def _member_nodes(config: StackConfig, member: Member, regions: Mapping[tuple[str, str], str]) -> Iterator[Node]:
    rights = config.member_rights(member)
    found = sorted(pid for account, pid in regions if account == member.aws_id)
    for pid in member.nodes or found:
        yield Node(pid, member.aws_id, regions.get((member.aws_id, pid)), rights, own=False)
    if not member.nodes and not found:
        yield Node(None, member.aws_id, None, rights, own=False)


def _subscribed(config: StackConfig, subscriptions: Iterable[Subscription]) -> Iterator[tuple[tuple[str, str], str]]:
    """Account and pid of each member's subscribed queue, and its region."""
    allowed, start = receivers(config, ()), queue_name(config.fed_name, "")
    for row in subscriptions:
        if row.settled and allowed.admits(row):
            queue = Arn.parse(row.endpoint)
            yield (queue.account, queue.resource.removeprefix(start)), queue.region


def _edges(identity: str, node: Node) -> Iterator[dict[str, str]]:
    if node.publishes:
        yield {"from": identity, "to": TOPIC_ID, "right": str(Right.PUBLISH)}
    if node.receives:
        yield {"from": TOPIC_ID, "to": identity, "right": str(Right.RECEIVE)}


def _names(nodes: tuple[Node, ...], most: int = 4) -> str:
    named = list(dict.fromkeys(node.name for node in nodes[:most]))
    if len(nodes) > most:
        named.append(f"{len(nodes) - most} more")
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _span(schedule: Schedule) -> str:
    unit = {"m": "minute", "h": "hour", "d": "day"}[schedule.unit]
    return unit if schedule.count == 1 else f"{schedule.count} {unit}s"


def _counted(number: int, one: str) -> str:
    return f"{number} {one if number == 1 else one + 's'}"
