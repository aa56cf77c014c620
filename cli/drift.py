"""`fedml-infra drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.operations.drift import Drift, Finding, Fixed
    from fedml_infra.operations.up import Before

    from .target import Target

COLOURS = {"exposed": "red", "broken": "magenta", "changed": "yellow", "warning": "cyan"}
"""By severity."""


@click.command(
    cls=Command,
    short_help="What in AWS is no longer as the stack made it.",
    exits=[2, 3, 4, 5, 6, 7, 8, 9],
    examples=[
        ("look", "fedml-infra drift cardio"),
        ("see it all, agree, put it right", "fedml-infra drift cardio --fix"),
        ("every night, in a pipeline", "fedml-infra drift cardio --json || echo 'look at cardio'"),
    ],
)
@options.stack
@click.option("--fix", "put_right", is_flag=True, help="Put right what is found, after showing it and asking.")
@options.yes
@click.option("--diff", is_flag=True, help="Show the value of every property as it was made and as it is now.")
@options.as_json
@options.timeout
@options.wait
@store_options
@click.pass_context
def drift(
    ctx: click.Context,
    /,
    given: str | None,
    stack_option: str | None,
    put_right: bool,
    yes: bool,
    diff: bool,
    as_json: bool,
    timeout: int | None,
    wait: float,
    **_store: Any,
) -> None:
    """Compare AWS with what STACK made, and say in words what is no longer so and what that means.

    Policies are compared by what they allow: a policy that is written otherwise and allows the same says so, and one
    that is only in another order is no drift. In the administrator's stack also the topic's subscriptions are looked
    at: what is subscribed and is no member's is named. What an adopted bucket lacks is a warning and no drift.

    Changes nothing unless --fix is given. A plain `up` does not put a drift right: it compares the stack file with what
    was made the last time, and looks at AWS only with --refresh. (Strangers it takes off the topic in any case.)

    Exits with 7 where anything is found, and is not put right.
    """
    from fedml_infra.operations.drift import find_drift, require_fixable

    from .output import beside, print_json, say
    from .target import target
    from .up import foreseen, progress, recovered

    on = target(ctx, given, stack_option)
    recovery = on.recovery(wait)
    before = recovered(recovery) if put_right else foreseen(on)
    _require_made(on, before)
    from fedml_infra.engine.protocol import RunOptions

    with progress(f"Looking at {on.name} in AWS", on) as view:
        wanted = RunOptions(timeout=timeout, on_event=lambda event: view(event, silent=True))
        found = find_drift(on.stack, before, on.engine, on.tools.aws, wanted)
    document: dict[str, Any] = {"stack": on.name, **found.as_json()}
    with beside(as_json):
        print_drift(found, details=diff)
    if found.found and put_right:
        require_fixable(found, on.name)
        fixed = _put_right(on, before, found, yes=yes, timeout=timeout, wait=wait)
        if as_json:
            print_json({**document, **fixed.as_json()})
        if fixed.left:
            ctx.exit(7)
        return
    if as_json:
        print_json(document)
    if found.unapplied:
        say(f"Besides, the stack file says something new that was not brought up yet: fedml-infra preview {on.name}")
    if found.found:
        say(f"{on.name} has drifted; `fedml-infra drift {on.name} --fix` puts it right.")
        ctx.exit(7)


def _require_made(on: Target, before: Before) -> None:
    if before.is_new:
        from fedml_infra.errors import StackNotFoundError

        raise StackNotFoundError(
            f"{on.name} was never brought up, so nothing can have drifted.", fix=f"fedml-infra up {on.name}"
        )


def _put_right(on: Target, before: Before, found: Drift, *, yes: bool, timeout: int | None, wait: float) -> Fixed:
    """Ask, put it right, and say what was done."""
    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.operations.drift import fix
    from fedml_infra.operations.up import up

    from .ask import require
    from .output import counted, say
    from .recorded import recorded
    from .up import progress

    require(f"Put {counted(len(found.findings), 'thing')} of {on.name} right?", yes=yes)
    recovery = on.recovery(wait)
    with recorded(on, findings=str(len(found.findings))), progress(f"Putting {on.name} right", on) as view:
        wanted = RunOptions(timeout=timeout, on_event=view)
        fixed = fix(found, on.stack, before, on.tools.aws, lambda asked: up(recovery, before, asked).result, wanted)
    for each in fixed.right:
        say(f"{click.style('✓ put right', fg='green')}: {each.words}")
    for each in fixed.left:
        say(f"{click.style('✗ not put right', fg='red', bold=True)}: {each.words}")
    say(f"{on.name}: {len(fixed.right)} of {len(found.findings)} put right, {fixed.seconds:.1f} s.")
    return fixed


def print_drift(found: Drift, *, details: bool) -> None:
    """The drift for people, on standard output; with `details` each property as it was made and as it is now."""
    from .output import counted

    for each in found.findings:
        print_finding(each, details=details)
    for each in found.warnings:
        print_finding(each, details=False)
    for row in found.pending:
        click.echo(f"  pending {row}: not confirmed, or just deleted; nothing to do")
    if found.found:
        click.echo(
            f"{counted(len(found.findings), 'thing')} in AWS {'is' if len(found.findings) == 1 else 'are'} not as made."
        )
    else:
        click.echo("No drift: AWS is as the stack made it.")


def print_finding(each: Finding, *, details: bool) -> None:
    """One line, and where asked for the values."""
    from fedml_infra.engine.differences import PropertyChange

    from .changes import print_property

    click.echo(f"{click.style(f'{each.severity:<8}', fg=COLOURS[each.severity])}  {each.words}")
    if details and each.path is not None:
        part = PropertyChange(each.path, "update", each.made, each.now)
        print_property(part, was="made", will="now ", indent="          ")
