"""`fedml-infra check`: stack files, validated, without touching anything."""

from __future__ import annotations

import click

from . import options
from .command import Command


@click.command(
    cls=Command,
    short_help="Validate stack files without touching anything.",
    exits=[2, 6],
    examples=[
        ("every stack file of this folder, as a pipeline does", "fedml-infra check"),
        ("one of them, for a program", "fedml-infra check cardio --json"),
    ],
)
@options.stack
@options.as_json
@click.pass_context
def check(ctx: click.Context, given: str | None, stack_option: str | None, as_json: bool) -> None:
    """Validate one stack file, or all of this folder's.

    Every mistake is told at once, each with its line and what would be right. No credentials, no engine and no
    network are needed.
    """
    from fedml_infra.errors import answer_of
    from fedml_infra.operations.check import check_files

    from .output import counted, print_json, say
    from .target import chosen_files

    checked = check_files(chosen_files(ctx, given, stack_option))
    if as_json:
        print_json({"files": [found.as_json() for found in checked]})
    for found in checked:
        if found.error is None:
            for note in found.notes:
                say(f"{found.path}: {note}")
            if not as_json:
                click.echo(f"{found.path}: in order")
        else:
            say(str(found.error))
    wrong = [found.error for found in checked if found.error is not None]
    if wrong:
        say(f"{counted(len(wrong), 'file')} of {len(checked)} cannot be used.")
        ctx.exit(answer_of(wrong[0]).exit_code)
