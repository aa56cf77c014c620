"""`fedml-infra info`."""

from __future__ import annotations

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
    ],
)
@options.stack
@options.as_json
@click.pass_context
def info(ctx: click.Context, given: str | None, stack_option: str | None, as_json: bool) -> None:
    """Say what STACK is: its part in the federation, its members, and each node's FederationInfo.

    FederationInfo has the keys that existing clients know, with `[secret]` for the federation's key. What is only
    known once the stack is up is absent before.
    """
    from fedml_infra.errors import StackNotFoundError
    from fedml_infra.operations.inspect import inspect

    from .output import print_facts, print_json, print_table, say
    from .target import target

    on = target(ctx, given, stack_option)
    try:
        outputs = on.engine.outputs(on.name)
    except StackNotFoundError:
        outputs = {}
    found = inspect(on.stack, outputs)
    if as_json:
        print_json(found)
        return
    print_facts([(key, str(value)) for key, value in found["stack"].items() if value is not None])
    if found["members"]:
        click.echo()
        rows = [(each["aws_id"], " and ".join(each["rights"]), ", ".join(each["nodes"])) for each in found["members"]]
        print_table(("member", "may", "nodes"), rows)
    for node in found["nodes"]:
        click.echo()
        print_facts([(key, str(value)) for key, value in node.items() if value is not None])
    if not found["stack"]["up"]:
        say(f"{on.name} is not up: `fedml-infra up {on.name}` makes it.")
