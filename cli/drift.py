"""`fedml-infra drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import options
from .command import Command

if TYPE_CHECKING:
    from fedml_infra.operations.drift import Drift


@click.command(
    cls=Command,
    short_help="What in AWS is no longer as the stack made it.",
    exits=[2, 3, 4, 5, 6, 7, 8, 9],
    examples=[
        ("look", "fedml-infra drift cardio"),
        ("every night, in a pipeline", "fedml-infra drift cardio --json || echo 'look at cardio'"),
    ],
)
@options.stack
@options.as_json
@options.timeout
@click.pass_context
def drift(ctx: click.Context, given: str | None, stack_option: str | None, as_json: bool, timeout: int | None) -> None:
    """Compare AWS with what STACK made: each resource and property as it was made and as it is now.

    In the administrator's stack also the topic's subscriptions: what is subscribed and is no member's is named.
    Changes nothing; `up` puts right what is found. Exits with 7 where anything is found.
    """
    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.operations.drift import find_drift

    from .output import print_json, say
    from .target import target
    from .up import looked, progress

    on = target(ctx, given, stack_option)
    before = looked(on)
    if before.is_new:
        from fedml_infra.errors import StackNotFoundError

        raise StackNotFoundError(
            f"{on.name} was never brought up, so nothing can have drifted.", fix=f"fedml-infra up {on.name}"
        )
    with progress(f"Looking at {on.name} in AWS") as view:
        wanted = RunOptions(timeout=timeout, on_event=lambda event: view(event, silent=True))
        found = find_drift(on.stack, before, on.engine, on.tools.aws, wanted)
    if as_json:
        print_json({"stack": on.name, **found.as_json()})
    else:
        print_drift(found)
    if found.unapplied:
        say(f"Besides, the stack file says something new that was not brought up yet: fedml-infra preview {on.name}")
    if found.found:
        say(f"{on.name} has drifted; `fedml-infra up {on.name} --refresh` puts it right.")
        ctx.exit(7)


def print_drift(found: Drift) -> None:
    """The drift for people, on standard output."""
    from fedml_infra.engine.events import label

    from .changes import print_property

    for each in found.differences:
        mark = click.style("- missing" if each.kind == "missing" else "~ changed", fg="red")
        click.echo(f"{mark} {label(each.urn)}")
        for part in each.properties:
            print_property(part, was="now ", will="made", indent="    ")
    for row in found.strangers:
        click.echo(f"{click.style('! stranger', fg='red')} {row}: it is no member's, and receives messages")
    for row in found.pending:
        click.echo(f"  pending {row}: not confirmed, or just deleted; nothing to do")
    if not found.found:
        click.echo("No drift: AWS is as the stack made it.")
