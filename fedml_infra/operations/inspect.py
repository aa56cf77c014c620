"""What a federation is, in short: FederationInfo of each node, as existing clients know it, and the stack."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError
from fedml_infra.model.arns import Arn
from fedml_infra.model.stack import Node, StackConfig
from fedml_infra.operations.load import Stack

HIDDEN = "[secret]"
"""Stands where FederationInfo has the federation's key."""

FED_TYPE = "AWS"
"""What carries the federation's messages."""


def inspect(stack: Stack, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The stack and its nodes for people and machines; what is only known once the stack is up is None before.

    `outputs`: those of the last run, {} where there was none.
    """
    config, federation = stack.config, outputs.get("federation") or {}
    return {
        "stack": {
            "name": stack.name,
            "file": str(stack.path),
            "role": "hub" if config.is_hub else "joiner",
            "up": bool(federation),
            "region": config.region,
            "topology": str(config.topology),
            "sync_sched": str(config.sync_sched),
            "epoch": config.fed_epoch,
            "fed_encrypt": config.fed_encrypt,
            "sharing": str(config.sharing),
            "protect": config.protect,
            "aws_topic_arn": federation.get("topic_arn") or config.aws_topic_arn,
            "roster_bucket": federation.get("roster_bucket"),
        },
        "members": [
            {"aws_id": member.aws_id, "rights": sorted(config.member_rights(member)), "nodes": list(member.nodes)}
            for member in config.members
        ],
        "nodes": [federation_info(config, node, outputs) for node in config.nodes],
    }


def federation_info(
    config: StackConfig, node: Node, outputs: Mapping[str, Any], *, key: SecretStr | None = None
) -> dict[str, Any]:
    """FederationInfo of one node, as existing clients know it; the federation's key is hidden unless it is given.

    With the key it is a secret: only for an answer that is encrypted for the customer (`wire.answers`).
    """
    made = (outputs.get("nodes") or {}).get(node.pid) or {}
    topic = (outputs.get("federation") or {}).get("topic_arn") or config.aws_topic_arn
    return {
        "aws_id": made.get("account"),
        "aws_queue_url": made.get("queue_url"),
        "aws_topic_arn": topic,
        "fed_local_id": node.pid,
        "fed_name": config.fed_name,
        "fed_secret_key": HIDDEN if key is None else key.get_secret_value(),
        "sync_sched": str(config.sync_sched),
        "fed_type": FED_TYPE,
        "local_uuid": local_uuid(topic, node.pid) if topic else None,
        "s3_bucket": str(node.s3_bucket),
    }


def node_of(config: StackConfig, pid: str) -> Node:
    """The stack's own node of that pid. ConfigurationError where there is none."""
    for node in config.nodes:
        if node.pid == pid:
            return node
    known = ", ".join(node.pid for node in config.nodes) or "none"
    raise ConfigurationError(f"{config.fed_name} has no node {pid!r} here.", fix=f"Its own nodes are: {known}.")


def local_uuid(topic_arn: str, pid: str) -> str:
    """The same UUID for the same node of the same topic, wherever it is asked for (RFC 9562, version 5)."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{Arn.parse(topic_arn)}/{pid}"))
