"""`fedml-infra info`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from . import options
from .command import Command


@click.command(
    cls=Command,
    short_help="The federation in short; its key is never shown.",
    exits=[2, 4, 6],
    examples=[
        ("what is this stack", "fedml-infra info cardio"),
        ("for a program", "fedml-infra info cardio --json"),
        ("FederationInfo of one node", "fedml-infra info cardio --pid charite --json"),
    ],
)
@options.stack
@click.option("--pid", metavar="PID", help="Only this node's FederationInfo.")
@options.as_json
@click.pass_context
def info(ctx: click.Context, given: str | None, stack_option: str | None, pid: str | None, as_json: bool) -> None:
    """Say what STACK is: its part in the federation, its members, and each node's FederationInfo.

    FederationInfo has the keys that existing clients know, with `[secret]` for the federation's key. What is only
    known once the stack is up is absent before.
    """
    from fedml_infra.errors import StackNotFoundError
    from fedml_infra.operations.inspect import federation_info, inspect, node_of

    from .output import print_facts, print_json, print_table, say
    from .target import target

    on = target(ctx, given, stack_option)
    try:
        outputs = on.engine.outputs(on.name)
    except StackNotFoundError:
        outputs = {}
    if pid is not None:
        one = federation_info(on.stack.config, node_of(on.stack.config, pid), outputs)
        if as_json:
            print_json(one)
        else:
            print_facts(_known(one))
        return
    found = inspect(on.stack, outputs)
    if as_json:
        print_json(found)
        return
    print_facts(_known(found["stack"]))
    if found["members"]:
        click.echo()
        rows = [(each["aws_id"], " and ".join(each["rights"]), ", ".join(each["nodes"])) for each in found["members"]]
        print_table(("member", "may", "nodes"), rows)
    for node in found["nodes"]:
        click.echo()
        print_facts(_known(node))
    if not found["stack"]["up"]:
        say(f"{on.name} is not up: `fedml-infra up {on.name}` makes it.")


def _known(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, str(value)) for key, value in facts.items() if value is not None]
