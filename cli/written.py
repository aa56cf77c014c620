"""A change of a hub that is written and not brought up: with --no-apply where it stands, with --branch on a branch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fedml_infra.gitops.propose import Desk
    from fedml_infra.operations.hub_change import Edit

    from .hub import Change
    from .target import Target


def branch_target(ctx: click.Context, name: str | None, branch: str) -> Target:
    """A stack as it is on a branch, which is held until the command ends. Errors as `gitops.propose.at_desk`."""
    from fedml_infra.operations.load import load_stack

    from .target import Target, tools_of

    desk, tools = desk_of(ctx, branch), tools_of(ctx)
    stack = load_stack(desk.project, name)
    warn_of_own(desk, stack.path)
    return Target(desk.project, stack, tools.engine(desk.project), tools, desk)


def desk_of(ctx: click.Context, branch: str) -> Desk:
    """The branch, held until the command ends."""
    from fedml_infra.gitops.propose import at_desk

    from .target import project_of

    return ctx.with_resource(at_desk(project_of(ctx), branch))


def warn_of_own(desk: Desk, path: Path) -> None:
    """Say that the branch has nothing of what the person changed in the file and did not commit."""
    from .output import warn

    if desk.differs_here(path):
        warn(f"{desk.below(path)} is otherwise here than it is committed: the branch begins from what is committed.")


def change_written(
    on: Target,
    edit: Callable[[Mapping[str, Any]], Edit],
    *,
    question: str,
    yes: bool,
    as_json: bool,
    rotate: bool,
    notes: Sequence[str],
    details: Mapping[str, str] | None,
) -> Change:
    """As `hub.change_hub`, up to the file that is written, and committed on a branch where one was asked for."""
    from fedml_infra.gitops.file_secrets import FileSecrets
    from fedml_infra.gitops.propose import body_of
    from fedml_infra.operations.hub_change import plan_hub_change, write_hub_change

    from .ask import require
    from .hub import Change, show_hub_plan
    from .output import beside
    from .recorded import recorded

    outputs = outputs_known(on)
    wanted = edit(outputs)
    plan = plan_hub_change(on.stack, outputs, wanted, rotate=rotate)
    document: dict[str, Any] = {
        "stack": on.name,
        **plan.as_json(),
        "applied": False,
        "changed": False,
        "epoch": on.stack.config.fed_epoch,
    }
    with beside(as_json):
        if plan.writes:
            show_hub_plan(plan, notes)
        else:
            click.echo("Nothing is left to write.")
    if plan.writes:
        require(question, yes=yes)
    told = {**(details or {}), **({"branch": on.desk.branch} if on.desk else {}), "applied": "no"}
    if plan.rotates_to is not None:
        told["epoch"] = str(plan.rotates_to)
    with recorded(on, **told), FileSecrets(on.engine, on.stack.path) as secrets:
        changed, _ = write_hub_change(on.project, on.name, secrets, outputs, wanted, rotate=rotate)
        document |= {"changed": changed.changed, "epoch": changed.after.config.fed_epoch}
        document |= proposed(on, question.rstrip("?"), body_of(plan, tuple(notes)), as_json=as_json)
    return Change(plan, None, document)


def outputs_known(on: Target) -> dict[str, Any]:
    """What a change is compared with. On a branch it is the reviewed file, which is taken to be in force; elsewhere the
    last run, or the file where the state is out of reach."""
    from fedml_infra.errors import FedmlError
    from fedml_infra.operations.hub_change import as_if_up
    from fedml_infra.operations.up import exported_or_empty, outputs_of

    from .output import warn

    if on.desk is not None:
        reviewed = on.desk.reviewed(on.stack.path)
        return {} if reviewed is None else as_if_up(reviewed)
    try:
        return outputs_of(exported_or_empty(on.engine, on.name))
    except FedmlError as error:
        warn(f"What is in force cannot be seen from here, so this is compared with the file alone. {error.what}")
        return as_if_up(on.stack.config)


def proposed(on: Target, title: str, body: str, *, as_json: bool) -> dict[str, Any]:
    """Commit and push what was written on a branch, and say what comes next; for `--json`."""
    if on.desk is None:
        say_written(on.stack.path, on.name)
        return {}
    return {"branch": propose_and_tell(on.desk, on.stack.path, title, body, as_json=as_json)}


def say_written(path: Path, stack: str) -> None:
    """Say what comes after a file that was only written."""
    from .output import say

    say(f"{path} is written, and nothing was brought up: `fedml-infra up {stack}` does that,")
    say("or commit it, and have it reviewed and applied by a pipeline.")


def propose_and_tell(desk: Desk, path: Path, title: str, body: str, *, as_json: bool) -> dict[str, Any]:
    """The same of a file on a branch."""
    from fedml_infra.gitops.propose import propose

    from .output import beside, say, warn

    done = propose(desk, path, title, body)
    for note in done.notes:
        warn(note)
    if done.commit is None:
        say(f"There is nothing to review, so there is no branch {done.branch}.")
        return done.as_json()
    where = f", pushed to {done.pushed_to}" if done.pushed_to else ""
    say(f"Branch {done.branch} has it, as commit {done.commit[:12]}{where}. It takes effect once merged and applied.")
    with beside(as_json):
        if done.pull_request is not None:
            click.echo(done.pull_request)
        elif done.address is not None:
            say("Open the pull request there:")
            click.echo(done.address)
    return done.as_json()
