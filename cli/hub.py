"""What the commands that change a hub's file share: the plan shown and agreed to, brought up, and told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import options
from .branch_options import branch_options, way_of
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.operations.hub_change import Applied, Edit, HubPlan
    from fedml_infra.operations.settle import Recovery

    from .target import Target

F = TypeVar("F", bound=Callable[..., Any])

RUN_PATIENCE = 600.0
"""Seconds that a change waits for another run of the stack: what is written already only has to be brought up."""

preview_option = click.option("--preview", "only_preview", is_flag=True, help="Show what would change, and stop there.")


def hub_options(command: F) -> F:
    """What every change of a hub takes: `-s`, `--yes`, `--preview`, `--branch` and `--no-apply`, where the store is,
    `--json`."""
    for add in (options.as_json, store_options, branch_options, preview_option, options.yes, options.stack_option):
        command = add(command)
    return command


@dataclass(frozen=True)
class Change:
    """A change of a hub: asked for, and what came of it."""

    plan: HubPlan
    applied: Applied | None
    """None for a preview, and for what is only written."""
    document: dict[str, Any]
    """For `--json`."""


def hub_target(ctx: click.Context, given: str | None, option: str | None, what: str) -> Target:
    """The stack of a hub; as it is on a branch, where the change is to be proposed on one.

    ConfigurationError on a joiner's, which says who decides `what`.
    """
    from fedml_infra.operations.hub_change import require_hub

    from .target import chosen, target

    branch = way_of(ctx).branch
    if branch is not None:
        from .written import branch_target

        on = branch_target(ctx, chosen(ctx, given, option), branch)
    else:
        on = target(ctx, given, option)
    require_hub(on.stack.config, what)
    return on


def outputs_before(recovery: Recovery, *, only_look: bool = False) -> dict[str, Any]:
    """The outputs of the last run, {} where the stack never came up; what a run left under way is settled first,
    unless this is to be a look and no more."""
    from fedml_infra.operations.up import outputs_of

    return outputs_of(recovery.foreseen()[0] if only_look else recovery.ready())


def show_hub_plan(plan: HubPlan, notes: Sequence[str] = ()) -> None:
    """Who gains and loses what, and what becomes of the key, on standard output."""
    from fedml_infra.operations.rotate import told_of_cut_off

    from .changes import print_rights
    from .output import warn

    print_rights(plan.rights)
    if plan.rotates_to is not None:
        why = f", as {', '.join(plan.because_of)} had the one before" if plan.because_of else ""
        click.echo(f"The key will be a new one, of epoch {plan.rotates_to}{why}.")
    for note in notes:
        click.echo(note)
    for note in plan.after.notes:
        if note not in plan.before.notes:
            warn(note)
    if plan.cut_off:
        warn(told_of_cut_off(plan.cut_off))


def change_hub(
    on: Target,
    edit: Callable[[Mapping[str, Any]], Edit],
    *,
    question: str,
    yes: bool,
    only_preview: bool,
    as_json: bool,
    rotate: bool = False,
    notes: Sequence[str] = (),
    details: Mapping[str, str] | None = None,
    first: Callable[[str], None] | None = None,
) -> Change:
    """Show what an edit of the hub's file comes to, have it agreed to, and carry it out.

    `edit` is made of the last run's outputs; `first` is called with the topic's ARN once all is agreed to. Where
    everything is in force already nothing is asked, and only a roster that is not published yet is. `details` are what
    the audit says of it. With --branch and --no-apply it ends with the file: `written.change_written`.
    """
    if way_of(click.get_current_context()).writes_only:
        from .written import change_written

        return change_written(
            on, edit, question=question, yes=yes, as_json=as_json, rotate=rotate, notes=notes, details=details
        )
    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.operations.hub_change import apply_hub_change, plan_hub_change

    from .ask import require
    from .output import beside, say
    from .recorded import recorded
    from .up import progress, say_diagnostics

    recovery = on.recovery(RUN_PATIENCE)
    outputs = outputs_before(recovery, only_look=only_preview)
    wanted = edit(outputs)
    plan = plan_hub_change(on.stack, outputs, wanted, rotate=rotate)
    document: dict[str, Any] = {
        "stack": on.name,
        **plan.as_json(),
        "changed": False,
        "epoch": on.stack.config.fed_epoch,
    }
    with beside(as_json):
        if plan.in_force:
            click.echo("Nothing changes.")
        else:
            show_hub_plan(plan, notes)
    if only_preview:
        return Change(plan, None, document)
    if not plan.in_force:
        require(question, yes=yes)
    topic_arn = (outputs.get("federation") or {}).get("topic_arn")
    told = dict(details or {})
    if plan.rotates_to is not None:
        told["epoch"] = str(plan.rotates_to)
    with recorded(on, **told) as doing:
        doing.topic_arn = topic_arn
        if first is not None and topic_arn:
            first(topic_arn)
        with progress(f"Bringing {on.name} up", on) as view:
            applied = apply_hub_change(on.project, recovery, outputs, wanted, RunOptions(on_event=view), rotate=rotate)
    if applied.run is not None:
        say_diagnostics(applied.run.result)
        say(f"{on.name} is up, {applied.run.result.seconds:.1f} s.")
    document |= {"changed": not plan.in_force, "epoch": applied.config.fed_epoch}
    return Change(plan, applied, document)
