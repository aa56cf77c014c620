"""The tags that say which federation, and which of its nodes, a resource belongs to."""

from __future__ import annotations

from collections.abc import Mapping

FEDERATION_TAG = "fedml:federation"
NODE_TAG = "fedml:node"
MANAGED_BY_TAG = "fedml:managed-by"
MANAGER = "fedml-infra"
PERSIST_TAG = "fedml:persist"
"""Of a stack, in its own `tags`: `false` on one that `stacks prune` may destroy (docs/adr/0021)."""
EPHEMERAL = {PERSIST_TAG: "false"}


def ownership_tags(fed_name: str, pid: str | None = None) -> dict[str, str]:
    """The tags of a resource: of the hub where `pid` is None, otherwise of that node."""
    tags = {FEDERATION_TAG: fed_name, MANAGED_BY_TAG: MANAGER}
    return tags if pid is None else {**tags, NODE_TAG: pid}


def owned_by(tags: Mapping[str, str], fed_name: str, pid: str | None = None) -> bool:
    """Whether these are the tags of that federation and, where `pid` is given, of that node of it."""
    return all(tags.get(name) == value for name, value in ownership_tags(fed_name, pid).items())


def is_ephemeral(tags: Mapping[str, str]) -> bool:
    """Whether these are the tags of a stack that was made with `persist=false`."""
    return tags.get(PERSIST_TAG) == EPHEMERAL[PERSIST_TAG]
