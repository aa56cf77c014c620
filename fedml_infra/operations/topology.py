"""Change a federation's topology: what its members and the hub's own nodes may do where nothing is said of them.

Rights that are given and are just what the old topology gives are no exception, and follow the new one. Others are
exceptions: they stay, and are told. In a hybrid federation everything is said for each, so that a change to hybrid
writes down what each has, and a change from hybrid leaves nothing given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fedml_infra.errors import ConfigurationError
from fedml_infra.model.fields import choice
from fedml_infra.model.mistake import MistakeError
from fedml_infra.model.rights import Right, Rights, Topology, default_rights
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import NAMESPACE
from fedml_infra.operations.change import entries
from fedml_infra.operations.hub_change import Edit

TOPOLOGY = NAMESPACE + "topology"
Side = Literal["hub_node", "member"]


@dataclass(frozen=True)
class Exempt:
    """A member or an own node whose rights are its own, whatever the topology."""

    who: str
    """An account id, or a pid."""
    kind: str
    """`member` or `node`."""
    rights: Rights

    def __str__(self) -> str:
        name = f"Account {self.who}" if self.kind == "member" else f"Node {self.who}"
        said = " and ".join(str(right) for right in Right if right in self.rights)
        return f"{name} keeps what was given to it: {said}."


def parse_topology(text: str) -> Topology:
    """A topology by its name. ConfigurationError otherwise."""
    try:
        return Topology(choice(Topology)(text))
    except MistakeError as error:
        raise ConfigurationError(f"topology: {error.what}", fix=error.fix) from None


def exempt(config: StackConfig, topology: Topology) -> tuple[Exempt, ...]:
    """Whose rights would stay as they are given. Pure."""
    return tuple(_exempt(config, topology))


def set_topology(config: StackConfig, topology: Topology) -> Edit:
    """The edit that sets the topology, and the rights that are said with it."""
    before = config.topology
    members = {member.aws_id: config.member_rights(member) for member in config.members}
    nodes = {node.pid: config.node_rights(node) for node in config.nodes}

    def edit(values: dict[str, Any]) -> None:
        if values.get(TOPOLOGY, str(Topology.DECENTRALIZED)) == str(topology):
            return
        values[TOPOLOGY] = str(topology)
        for key, name, had, side in (
            ("members", "aws_id", members, "member"),
            ("nodes", "pid", nodes, "hub_node"),
        ):
            for entry in entries(values, NAMESPACE + key):
                rights = had.get(str(entry[name]))
                if rights is not None:
                    _say(entry, rights, before, topology, side)

    return edit


def rights_said(topology: Topology, rights: Rights) -> list[str] | None:
    """The rights of a member, or of a joiner's node, as its entry says them; None where the topology gives them."""
    if topology is not Topology.HYBRID and rights == default_rights(topology, "member"):
        return None
    return [str(right) for right in Right if right in rights]


def _say(entry: dict[str, Any], rights: Rights, before: Topology, after: Topology, side: Any) -> None:
    if after is Topology.HYBRID:
        entry["rights"] = [str(right) for right in Right if right in rights]
    elif before is Topology.HYBRID or rights == default_rights(before, side):
        entry.pop("rights", None)


def _exempt(config: StackConfig, topology: Topology) -> Iterator[Exempt]:
    if Topology.HYBRID in (config.topology, topology) or topology is config.topology:
        return
    for member in config.members:
        if member.rights is not None and member.rights != default_rights(config.topology, "member"):
            yield Exempt(member.aws_id, "member", member.rights)
    for node in config.nodes:
        if node.rights is not None and node.rights != default_rights(config.topology, "hub_node"):
            yield Exempt(node.pid, "node", node.rights)
