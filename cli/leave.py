"""`fedml-infra leave`."""

from __future__ import annotations

from typing import Any

import click

from . import options
from .command import Command
from .hub import preview_option
from .store_options import store_options


@click.command(
    cls=Command,
    short_help="A member's own way out: its side is taken down, its data kept.",
    exits=[2, 3, 4, 6, 8, 9],
    examples=[
        ("see what goes and what stays", "fedml-infra leave cardio --preview"),
        ("with the payloads too, without being asked", "fedml-infra leave cardio --delete-data --yes"),
    ],
)
@options.stack
@options.yes
@preview_option
@click.option("--delete-data", is_flag=True, help="Delete the payloads too, in buckets that the stack made.")
@click.option(
    "--keep-file/--remove-file",
    default=None,
    help="Keep the stack file, in which the keys are, or delete it. Asked at a terminal; else kept.",
)
@store_options
@options.as_json
@options.timeout
@options.wait
@click.pass_context
def leave(
    ctx: click.Context,
    /,
    given: str | None,
    stack_option: str | None,
    yes: bool,
    only_preview: bool,
    delete_data: bool,
    keep_file: bool | None,
    as_json: bool,
    timeout: int | None,
    wait: float,
    **_store: Any,
) -> None:
    """Take everything of STACK down, and leave the federation.

    Queues, roles and the node's parameter go. A bucket that holds payloads stays, as an ordinary bucket of yours from
    which nothing expires any more, unless --delete-data is given; adopted buckets stay in any case. It needs nothing
    of the hub, whose topic may be gone already. `protect: true` is lifted by agreeing.
    """
    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.operations.destroy import remove_file
    from fedml_infra.operations.leave import leave as operation
    from fedml_infra.operations.leave import plan_leave

    from .ask import require
    from .destroy import print_plan, removes_file
    from .output import beside, print_json, say
    from .recorded import recorded
    from .target import target
    from .up import progress, say_diagnostics

    on = target(ctx, given, stack_option)
    recovery = on.recovery(wait)
    plan = plan_leave(recovery, delete_data=delete_data, only_look=only_preview)
    document: dict[str, Any] = {
        "stack": on.name,
        "accounts": list(plan.accounts),
        "resources": [{"type": each.type, "name": each.name, "id": each.id} for each in plan.destroys.resources],
        "kept_buckets": list(plan.kept),
        "adopted_buckets": list(plan.destroys.adopted),
        "left": False,
        "file_removed": False,
    }
    with beside(as_json):
        print_plan(plan.destroys, kept=plan.kept)
    if only_preview:
        if as_json:
            print_json(document)
        return
    lifted = " It is protected; that is lifted." if plan.destroys.protected else ""
    require(f"Leave {on.name}?{lifted}", yes=yes)
    removes = removes_file(keep_file, yes=yes)
    with recorded(on, kept_buckets=", ".join(plan.kept)), progress(f"Leaving {on.name}", on) as view:
        result = operation(
            plan,
            recovery,
            RunOptions(
                ignore_protect=plan.destroys.protected, timeout=timeout, expected=plan.destroys.total, on_event=view
            ),
        )
    say_diagnostics(result)
    say(f"{on.name} is left, {result.seconds:.1f} s.")
    for bucket in plan.kept:
        say(f"Your payloads are in bucket {bucket}, which is yours alone now and expires nothing.")
    if plan.accounts:
        accounts = " and ".join(plan.accounts)
        say(f"Ask the administrator to run `fedml-infra members remove {accounts}`: the hub still lists you.")
    if removes:
        remove_file(on.stack.path)
        say(f"{on.stack.path} is deleted.")
    else:
        say(f"{on.stack.path} is kept: the keys are in it.")
    if as_json:
        print_json({**document, "left": True, "file_removed": removes, "seconds": round(result.seconds, 3)})
