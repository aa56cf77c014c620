"""`fedml-infra destroy`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.operations.destroy import DestroyPlan


@click.command(
    cls=Command,
    short_help="Take everything of the stack down again.",
    exits=[2, 3, 4, 6, 8, 9],
    examples=[
        ("see what would go", "fedml-infra destroy cardio --preview"),
        ("with all payloads, without being asked", "fedml-infra destroy cardio --delete-data --yes"),
    ],
)
@options.stack
@options.yes
@click.option("--preview", "only_preview", is_flag=True, help="Show what would go, and stop there.")
@click.option("--delete-data", is_flag=True, help="Delete the payloads in buckets that the stack made.")
@click.option(
    "--keep-file/--remove-file",
    default=None,
    help="Keep the stack file, in which the federation's key is, or delete it. Asked at a terminal; else kept.",
)
@options.message
@options.as_json
@options.timeout
@options.wait
@store_options
@click.pass_context
def destroy(
    ctx: click.Context,
    /,
    given: str | None,
    stack_option: str | None,
    yes: bool,
    only_preview: bool,
    delete_data: bool,
    keep_file: bool | None,
    message: str | None,
    as_json: bool,
    timeout: int | None,
    wait: float,
    **_store: Any,
) -> None:
    """Delete everything that STACK made, and the stack itself in the state backend.

    Shows what goes and asks, unless --yes is given; `protect: true` is lifted by that. Buckets that hold payloads
    are refused before anything is touched, unless --delete-data is given. Adopted buckets stay as they are.
    """
    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.operations.destroy import destroy as run_destroy
    from fedml_infra.operations.destroy import plan_destroy, remove_file, require_no_payloads

    from .ask import require
    from .output import beside, counted, print_json, say
    from .recorded import recorded
    from .target import target
    from .up import progress, say_diagnostics

    on = target(ctx, given, stack_option)
    recovery = on.recovery(wait)
    plan = plan_destroy(recovery, only_look=only_preview)
    document: dict[str, Any] = {
        "stack": on.name,
        "resources": [{"type": each.type, "name": each.name, "id": each.id} for each in plan.resources],
        "protected": plan.protected,
        "payloads_in": [each.bucket for each in plan.payloads],
        "warnings": list(plan.warnings),
        "destroyed": False,
        "file_removed": False,
    }
    with beside(as_json):
        print_plan(plan)
    if not delete_data:
        require_no_payloads(plan)
    if only_preview:
        if as_json:
            print_json(document)
        return
    lifted = " It is protected; that is lifted." if plan.protected else ""
    require(f"Delete all of {on.name}?{lifted}", yes=yes)
    removes = removes_file(keep_file, yes=yes)
    with recorded(on, resources=str(len(plan.resources))), progress(f"Destroying {on.name}", on) as view:
        wanted = RunOptions(
            ignore_protect=plan.protected,
            message=message,
            timeout=timeout,
            expected=plan.total,
            on_event=view,
        )
        result = run_destroy(plan, recovery, wanted)
    say_diagnostics(result)
    say(f"{on.name} is gone: {counted(len(plan.resources), 'resource')}, {result.seconds:.1f} s.")
    if removes:
        remove_file(on.stack.path)
        say(f"{on.stack.path} is deleted.")
    else:
        say(f"{on.stack.path} is kept: the federation's key is in it, and `fedml-infra up {on.name}` makes all again.")
    if as_json:
        print_json({**document, "destroyed": True, "file_removed": removes, "seconds": round(result.seconds, 3)})


def print_plan(plan: DestroyPlan, *, kept: Collection[str] = ()) -> None:
    """What goes, on standard output; of the buckets with payloads those `kept` stay."""
    from fedml_infra.engine.events import short_type

    from .output import counted, warn

    click.secho(f"{counted(len(plan.resources), 'resource')} of {plan.stack} will be deleted", bold=True)
    for kind, number in sorted(Counter(short_type(each.type) for each in plan.resources).items()):
        names = [each.name for each in plan.resources if short_type(each.type) == kind]
        click.echo(
            f"  {click.style('-', fg='red')} {number} {kind}: {', '.join(names[:4])}{' …' if number > 4 else ''}"
        )
    for place in plan.payloads:
        fate = "and stays" if place.bucket in kept else "that go"
        click.echo(f"  {click.style('!', fg='red', bold=True)} bucket {place.bucket} holds payloads, {fate}")
    for warning in plan.warnings:
        warn(warning)


def removes_file(keep: bool | None, *, yes: bool) -> bool:
    """Whether the stack file goes too. Only said or agreed to: what it holds cannot be made again."""
    if keep is not None:
        return not keep
    if yes:
        return False
    from .ask import agreed

    return agreed("Delete its stack file too? The federation's key is in it.", yes=False)
