"""`fedml-infra gitops take`: a pull request's stack files, as data."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .. import options
from ..command import Command


@click.command(
    cls=Command,
    short_help="Take a pull request's stack files into this checkout, as data.",
    exits=[2],
    examples=[
        (
            "in a pipeline, of a checkout of the base branch",
            'fedml-infra gitops take --base HEAD --report take.json "$HEAD"',
        ),
        (
            "look at a colleague's branch before running anything",
            "fedml-infra gitops take --base main origin/add-insel",
        ),
    ],
)
@click.argument("head")
@click.option("--base", metavar="REF", required=True, help="The commit that it goes into, which is checked out here.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write here what was taken, ignored and refused; `gitops preview --take` reads it.",
)
@options.directory
@options.as_json
@click.pass_context
def take(ctx: click.Context, head: str, base: str, report: Path | None, as_json: bool) -> None:
    """Write the stack files that HEAD, merged into --base, would give, into this checkout of --base.

    Nothing else of HEAD is used: program, requirements and pipelines stay those of the base. Nothing of it is checked
    out or run. A stack file is refused where it changes how secrets are kept, whose credentials are used or where they
    are sent; where it moves a ciphertext or has a secret in clear text; where it is no plain file; and where two
    readers of YAML could take it differently. Every refusal is told, with its line; then nothing is written.
    """
    from fedml_infra.gitops.git import Repository
    from fedml_infra.gitops.take import take as take_files

    from ..output import counted, print_json, say
    from ..target import project_of
    from .changed import printable

    project = project_of(ctx)
    taken = take_files(Repository.find(project), project, base, head)
    if report is not None:
        report.write_text(json.dumps(taken.as_json(), indent=2) + "\n", encoding="utf-8")
    if taken.refused:
        raise taken.error
    if taken.ignored:
        told = ", ".join(printable(path) for path in taken.ignored[:10])
        more = f" and {len(taken.ignored) - 10} more" if len(taken.ignored) > 10 else ""
        say(f"Not taken, and not used: {told}{more}.")
    if as_json:
        print_json(taken.as_json())
        return
    for stack in taken.stacks:
        click.echo(f"{stack.name}  {stack.status}")
    say(f"{counted(len(taken.stacks), 'stack file')} taken.")
