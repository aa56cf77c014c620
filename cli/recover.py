"""`fedml-infra recover`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.operations.recover import RecoverPlan

STATES = {
    "whole": "The state has everything that is there.",
    "lacking": "The state lacks some of what is there.",
    "missing": "The state backend has no such stack.",
    "damaged": "The state cannot be read.",
}


@click.command(
    cls=Command,
    short_help="Rebuild the stack's state from what is in AWS.",
    exits=[2, 3, 4, 6, 8],
    examples=[
        ("see what would be taken into the state", "fedml-infra recover cardio --preview"),
        ("rebuild it, and see what then differs", "fedml-infra recover cardio --yes && fedml-infra preview cardio"),
    ],
)
@options.stack
@options.yes
@click.option(
    "--preview", "only_preview", is_flag=True, help="Show what would be taken into the state, and stop there."
)
@options.as_json
@options.wait
@store_options
@click.pass_context
def recover(
    ctx: click.Context,
    /,
    given: str | None,
    stack_option: str | None,
    yes: bool,
    only_preview: bool,
    as_json: bool,
    wait: float,
    **_store: Any,
) -> None:
    """Rebuild the state of STACK, damaged or gone, by importing what carries the stack's names and tags.

    Only the state is written: nothing in AWS is made, changed or deleted, and what is not the stack's is left alone.
    The names follow from the stack file, which must be there. `up` goes on from then.
    """
    from fedml_infra.operations.recover import plan_recover
    from fedml_infra.operations.recover import recover as run_recover

    from .ask import require
    from .output import beside, counted, print_json, say
    from .recorded import recorded
    from .target import target

    on = target(ctx, given, stack_option)
    recovery = on.recovery(wait)
    plan = plan_recover(recovery)
    with beside(as_json):
        print_plan(plan)
    done = False
    if not only_preview and not plan.nothing_to_do:
        require(f"Write the state of {on.name} like this?", yes=yes)
        with recorded(on, adopted=str(len(plan.adopted))):
            run_recover(plan, recovery)
        done = True
        say(f"The state of {on.name} is whole: {counted(len(plan.adopted), 'resource')} imported, none changed in AWS.")
        say(f"`fedml-infra preview {on.name}` shows what differs from the stack file.")
    if as_json:
        print_json({**plan.as_json(), "recovered": done})


def print_plan(plan: RecoverPlan) -> None:
    """What is imported, what is left alone and what is not there, on standard output."""
    from fedml_infra.engine.events import label

    from .output import warn

    click.secho(f"{plan.stack}: {STATES[plan.state]}", bold=True)
    print_imported(plan)
    for urn in plan.absent:
        click.echo(f"  {click.style('  absent', dim=True)} {label(urn)}")
    for entry in plan.not_ours:
        warn(f"{label(entry.urn)} is in account {entry.account} without this stack's tags: it is left alone.")


def print_imported(plan: RecoverPlan) -> None:
    """What is taken into the state, on standard output."""
    from fedml_infra.engine.events import label

    for one in plan.adopted:
        click.echo(f"  {click.style('= import', fg='cyan')} {label(one.urn)}  {click.style(one.id, dim=True)}")
