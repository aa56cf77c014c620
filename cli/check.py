"""`fedml-infra check`: stack files, validated, without touching anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .command import Command

if TYPE_CHECKING:
    from fedml_infra.operations.check import Checked


@click.command(
    cls=Command,
    short_help="Validate stack files without touching anything.",
    exits=[2, 5, 6],
    examples=[
        ("every stack file of this folder, as a pipeline does", "fedml-infra check"),
        ("one of them, for a program", "fedml-infra check cardio --json"),
        ("mistakes beside the lines of a pull request on GitHub", "fedml-infra check --format github"),
    ],
)
@options.stack
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github"]),
    default="text",
    show_default=True,
    help="github: print mistakes as workflow commands, which GitHub shows beside the lines.",
)
@options.as_json
@click.pass_context
def check(ctx: click.Context, given: str | None, stack_option: str | None, form: str, as_json: bool) -> None:
    """Validate one stack file, or all of this folder's.

    Every mistake is told at once, each with its line and what would be right: keys and values, names and limits, what
    looks like a secret in clear text (it is not repeated), policies that AWS would refuse for their size, and what two
    stacks would both have for their own: a queue, a bucket, a role. No credentials, no engine and no network are
    needed. Exits with 2 where a file has mistakes, with 5 where only a policy is refused.
    """
    from fedml_infra.errors import ConfigurationError, answer_of
    from fedml_infra.operations.check import check_project_files

    from .output import counted, print_json, say
    from .target import chosen, project_of

    if as_json and form != "text":
        raise click.UsageError("--json and --format github are two answers: ask for one.", ctx)
    checked = check_project_files(project_of(ctx), only=chosen(ctx, given, stack_option))
    if as_json:
        print_json({"files": [found.as_json() for found in checked]})
    for found in checked:
        if found.error is not None:
            if form == "github":
                _annotate(found)
            say(str(found.error))
            continue
        for note in found.notes:
            say(f"{found.path}: {note}")
        if form == "text" and not as_json:
            click.echo(f"{found.path}: in order")
    if not checked:
        say("There is no stack file here yet, so there is nothing to check.")
    wrong = [found.error for found in checked if found.error is not None]
    if wrong:
        say(f"{counted(len(wrong), 'file')} of {len(checked)} cannot be used.")
        first = next((error for error in wrong if isinstance(error, ConfigurationError)), wrong[0])
        ctx.exit(answer_of(first).exit_code)


def _annotate(found: Checked) -> None:
    """`::error file=…,line=…::…` (GitHub, "Workflow commands for GitHub Actions", Setting an error message)."""
    here = Path.cwd()
    path = found.path.relative_to(here) if found.path.is_relative_to(here) else found.path
    for problem in (*found.problems, *found.refused):
        line = f",line={problem.line}" if problem.line is not None else ""
        fix = f" ({problem.fix})" if problem.fix else ""
        click.echo(f"::error file={_property(str(path))}{line}::{_data(f'{problem.key}: {problem.message}{fix}')}")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
