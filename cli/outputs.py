"""`fedml-infra outputs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from . import options
from .command import Command


@click.command(
    cls=Command,
    short_help="What the stack exports: topic, queues, buckets, roles.",
    exits=[2, 4, 6],
    examples=[
        ("read them", "fedml-infra outputs cardio"),
        ("one of them, in a script", "fedml-infra outputs cardio --json | jq -r .nodes.charite.queue_url"),
    ],
)
@options.stack
@options.as_json
@click.pass_context
def outputs(ctx: click.Context, given: str | None, stack_option: str | None, as_json: bool) -> None:
    """Print what the last `up` of STACK exported.

    --json prints what `pulumi stack output --json` prints: `federation` (name, topology, schedule, epoch, topic_arn,
    roster_bucket, members) and `nodes` (by pid: account, region, queue_url, queue_arn, dead_letter_queue_url, bucket,
    prefix, reader_role_arn, node_policy_arn, secret_parameter_arn, subscription_arn).
    """
    from .output import print_json, say
    from .target import target

    on = target(ctx, given, stack_option)
    found = on.engine.outputs(on.name)
    if as_json:
        print_json(found)
    elif found:
        print_outputs(found)
    else:
        say(f"{on.name} has no outputs yet: `fedml-infra up {on.name}` makes them.")


def print_outputs(found: Mapping[str, Any]) -> None:
    """The outputs for people, on standard output."""
    from .output import print_facts

    federation = found.get("federation") or {}
    facts = [(key, _said(value)) for key, value in federation.items() if key != "members" and value is not None]
    members = federation.get("members") or []
    if members:
        facts.append(("members", ", ".join(f"{each['aws_id']} ({' and '.join(each['rights'])})" for each in members)))
    if facts:
        click.secho("Federation", bold=True)
        print_facts([(f"  {key}", value) for key, value in facts])
    for pid, node in (found.get("nodes") or {}).items():
        click.secho(f"Node {pid}", bold=True)
        print_facts([(f"  {key}", _said(value)) for key, value in sorted(node.items()) if value not in (None, "")])


def _said(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
