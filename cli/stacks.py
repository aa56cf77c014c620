"""`fedml-infra stacks`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command, Group
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.errors import FedmlError
    from fedml_infra.model.schedule import Schedule
    from fedml_infra.operations.destroy import DestroyPlan

    from .target import Target


@click.group(cls=Group, short_help="The stacks of this folder.")
def stacks() -> None:
    """Look at the stacks of this project, and take down those that were not to stay."""


@stacks.command(
    "list",
    cls=Command,
    short_help="Every stack with a file here or in the backend.",
    exits=[2],
    examples=[
        ("see them", "fedml-infra stacks list"),
        ("names for a script", "fedml-infra stacks list --json | jq -r '.stacks[].name'"),
    ],
)
@options.directory
@options.as_json
@click.pass_context
def list_stacks(ctx: click.Context, as_json: bool) -> None:
    """List every stack that has a file here or is in the state backend.

    A backend that cannot be asked is said so, and the files are listed all the same.
    """
    from fedml_infra.operations.list_stacks import list_stacks as find

    from .output import print_json, print_table, say, warn
    from .target import project_of, tools_of

    project = project_of(ctx)
    found = find(project, tools_of(ctx).engine(project))
    if found.backend_error is not None:
        warn(f"The state backend could not be asked, so what is up is not known. {found.backend_error}")
    if as_json:
        print_json({"project": str(project), "stacks": [stack.as_json() for stack in found.stacks]})
        return
    if not found.stacks:
        say(f"There is no stack in {project}: `fedml-infra create NAME …` makes one.")
        return
    rows = []
    for stack in found.stacks:
        known = {True: "yes", False: "no", None: "?"}[stack.in_backend]
        role = stack.role or (f"{stack.mistakes} mistakes" if stack.mistakes else "no file")
        rows.append(
            (
                stack.name,
                f"{role}, ephemeral" if stack.ephemeral else role,
                stack.region or "",
                ", ".join(stack.nodes),
                str(stack.members) if stack.role == "hub" else "",
                known,
                "" if stack.resources is None else str(stack.resources),
                (stack.last_update or "")[:19].replace("T", " "),
            )
        )
    print_table(("stack", "role", "region", "nodes", "members", "in backend", "resources", "last update (UTC)"), rows)


def _span(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> Schedule | None:
    if given is None:
        return None
    from fedml_infra.model.mistake import MistakeError
    from fedml_infra.model.schedule import Schedule

    try:
        return Schedule.parse(given)
    except MistakeError as mistake:
        raise click.BadParameter(f"{mistake.what}; {mistake.fix}.") from None


@stacks.command(
    "prune",
    cls=Command,
    short_help="Destroy the ephemeral stacks.",
    exits=[2, 3, 4, 8],
    examples=[
        ("see which they are, and agree", "fedml-infra stacks prune"),
        ("nightly, those that nobody touched for a day", "fedml-infra stacks prune --older-than d1 --yes"),
    ],
)
@options.directory
@click.option(
    "--older-than",
    metavar="SPAN",
    callback=_span,
    help="Only those whose last run is longer ago: m30, h3, d7 (minutes, hours, days).",
)
@options.yes
@store_options
@options.as_json
@click.pass_context
def prune(ctx: click.Context, /, older_than: Schedule | None, yes: bool, as_json: bool, **store: Any) -> None:
    """Destroy every stack that was made with `create --no-persist`, with its payloads and its file.

    Such a stack has the tag fedml:persist=false in its file; taken out, the stack stays. So does one that is
    protected, and every adopted bucket. Where one cannot be destroyed the others go all the same.
    """
    from datetime import UTC, datetime

    from fedml_infra.errors import answer_of
    from fedml_infra.operations.prune import ephemeral_stacks

    from .ask import require
    from .destroy import print_plan
    from .output import beside, counted, print_json, say
    from .target import Target, project_of, tools_of

    project, tools = project_of(ctx), tools_of(ctx)
    engine = tools.engine(project)
    found = ephemeral_stacks(project, engine, older_than=older_than, now=datetime.now(UTC))
    failed: list[FedmlError] = []
    plans: list[tuple[Target, DestroyPlan | None]] = []
    for stack in found:
        on = Target(project, stack, engine, tools)
        with _failing(on, failed):
            plans.append((on, _plan(on)))
    with beside(as_json):
        for on, plan in plans:
            if plan is not None:
                print_plan(plan)
            else:
                click.secho(f"{on.stack.path} is all that there is of {on.name}", bold=True)
    done: list[dict[str, Any]] = []
    if plans:
        require("Delete all this, and the stack files?", yes=yes)
    for on, plan in plans:
        with _failing(on, failed):
            done.append(_destroyed(on, plan, store))
    say(f"{counted(len(done), 'ephemeral stack')} destroyed.")
    if as_json:
        print_json({"project": str(project), "pruned": done, "failed": [str(error) for error in failed]})
    if failed:
        ctx.exit(answer_of(failed[0]).exit_code)


@contextmanager
def _failing(on: Target, failed: list[FedmlError]) -> Iterator[None]:
    """What fails for one stack is said and kept, and the next one has its turn."""
    from fedml_infra.errors import FedmlError

    from .output import warn

    try:
        yield
    except FedmlError as error:
        failed.append(error)
        warn(f"{on.name} stays. {error}")


def _plan(on: Target) -> DestroyPlan | None:
    """What goes; None where the backend has no such stack, and only its file is there."""
    from fedml_infra.errors import StackNotFoundError
    from fedml_infra.operations.destroy import plan_destroy

    try:
        return plan_destroy(on.recovery())
    except StackNotFoundError:
        return None


def _destroyed(on: Target, plan: DestroyPlan | None, store: Mapping[str, Any]) -> dict[str, Any]:
    """Destroy one stack and delete its file; what was done, for machines."""
    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.operations.audit import Doing, audited_if_possible
    from fedml_infra.operations.destroy import destroy, remove_file

    from .output import warn
    from .store_options import store_of
    from .up import progress, say_diagnostics

    with audited_if_possible(lambda: store_of(store), Doing("stacks prune", on.name), warn):
        if plan is not None:
            with progress(f"Destroying {on.name}", on) as view:
                asked = RunOptions(message="stacks prune", expected=plan.total, on_event=view)
                result = destroy(plan, on.recovery(), asked)
            say_diagnostics(result)
        remove_file(on.stack.path)
    return {"stack": on.name, "resources": len(plan.resources) if plan else 0}
