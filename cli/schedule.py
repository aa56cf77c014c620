"""`fedml-infra schedule`."""

from __future__ import annotations

import re
from typing import Any

import click

from . import options
from .branch_options import spelt, way_of
from .command import Command
from .hub import hub_options


@click.command(
    cls=Command,
    short_help="How often nodes synchronise: shown, or changed by the hub.",
    exits=[2, 3, 4, 5, 6, 8],
    examples=[
        ("what it is", "fedml-infra schedule cardio"),
        ("every quarter of an hour from now on", "fedml-infra schedule cardio m15"),
    ],
)
@click.argument("words", metavar="[STACK] [SCHEDULE]", nargs=-1, shell_complete=options.complete_stacks)
@hub_options
@click.pass_context
def schedule(
    ctx: click.Context,
    /,
    words: tuple[str, ...],
    stack_option: str | None,
    yes: bool,
    only_preview: bool,
    as_json: bool,
    **_store: Any,
) -> None:
    """Show how often the nodes of STACK synchronise, or set it: m, h or d (minutes, hours, days) and a number.

    The hub decides: there the stack file is changed, brought up, and the roster published. Members get it with
    `fedml-infra sync`.
    """
    from fedml_infra.operations.schedule import parse_schedule, set_schedule

    from .hub import change_hub, hub_target
    from .output import print_json, say
    from .target import target
    from .words import stack_and_value

    name, text = stack_and_value(ctx, words, stack_option, lambda word: re.match(r"[mhd]?\d", word) is not None)
    if text is None:
        if (way := way_of(ctx)).writes_only:
            raise click.UsageError(f"{spelt(way)} goes with a SCHEDULE to be set.", ctx)
        on = target(ctx, name, None)
        config = on.stack.config
        if as_json:
            print_json({"stack": on.name, "sync_sched": str(config.sync_sched), "decided_here": config.is_hub})
        else:
            click.echo(str(config.sync_sched))
        return
    wanted = parse_schedule(text)
    on = hub_target(ctx, name, None, "The schedule")
    done = change_hub(
        on,
        lambda _: set_schedule(wanted),
        details={"sync_sched": str(wanted)},
        question=f"Have the nodes of {on.name} synchronise every {wanted}?",
        yes=yes,
        only_preview=only_preview,
        as_json=as_json,
        notes=(f"The nodes of {on.name} synchronise every {wanted}; it was {on.stack.config.sync_sched}.",),
    )
    if done.applied is not None and not done.plan.in_force:
        say("Members pick it up with `fedml-infra sync`.")
    if as_json:
        print_json({**done.document, "sync_sched": str(wanted)})
