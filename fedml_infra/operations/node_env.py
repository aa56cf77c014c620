"""What a node's own process needs to know to take part: where everything is. Never the key itself."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from fedml_infra.errors import ConfigurationError, StackNotFoundError
from fedml_infra.model.arns import Arn
from fedml_infra.model.stack import StackConfig

PREFIX = "FEDML_"


def node_env(config: StackConfig, outputs: Mapping[str, Any], pid: str) -> dict[str, Any]:
    """By name, what the last run made for the node; None for what it does not have, as a queue where it only publishes.

    `secret_parameter` is the SSM parameter that holds the federation's keys, which the node's policy lets it read.
    Raises ConfigurationError for a pid that the file does not have, StackNotFoundError where the node is not up. Pure.
    """
    try:
        node = config.node(pid)
    except KeyError:
        known = ", ".join(each.pid for each in config.nodes)
        raise ConfigurationError(
            f"The stack of {config.fed_name} has no node {pid!r}.",
            fix=f"Its nodes are {known}." if known else "It has the hub alone.",
        ) from None
    made = (outputs.get("nodes") or {}).get(pid)
    federation = outputs.get("federation") or {}
    if made is None or not federation.get("topic_arn"):
        raise StackNotFoundError(f"Node {pid} is not up.", fix=f"Run `fedml-infra up {config.fed_name}`.")
    return {
        "fed_name": config.fed_name,
        "pid": pid,
        "topic_arn": federation["topic_arn"],
        "topic_region": Arn.parse(federation["topic_arn"]).region,
        "queue_url": made.get("queue_url"),
        "account": made["account"],
        "region": made["region"],
        "bucket": made["bucket"],
        "prefix": made.get("prefix") or None,
        "reader_role_arn": made.get("reader_role_arn"),
        "node_policy_arn": made.get("node_policy_arn"),
        "secret_parameter": _name_of(made.get("secret_parameter_arn")),
        "sync_sched": federation["schedule"],
        "sync_seconds": config.sync_sched.seconds,
        "epoch": federation["epoch"],
        "local_type": str(node.fed_local_type),
        "encrypt": config.fed_encrypt,
    }


def as_env_file(env: Mapping[str, Any]) -> str:
    """The same as lines of `FEDML_NAME=value`, quoted for a POSIX shell; what is None is left out."""
    lines = [f"{PREFIX}{name.upper()}={shlex.quote(_text(value))}" for name, value in env.items() if value is not None]
    return "".join(f"{line}\n" for line in lines)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _name_of(parameter_arn: str | None) -> str | None:
    """The parameter's name, which begins with a slash that its ARN does not repeat (SSM, "Parameter ARN")."""
    return None if parameter_arn is None else Arn.parse(parameter_arn).resource.removeprefix("parameter")
