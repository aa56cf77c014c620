"""`fedml-infra gitops preview`: what a change would do to the stacks that it touches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from .. import options
from ..command import Command


@click.command(
    cls=Command,
    short_help="What a change would do to the stacks that it touches.",
    exits=[2, 3, 4, 5, 6, 8, 9],
    examples=[
        ("of this branch, before it is pushed", "fedml-infra gitops preview --base main"),
        (
            "in a pipeline, after `gitops take`",
            "fedml-infra gitops preview --base HEAD --take take.json --out preview.json",
        ),
        ("with plans that the merge applies", "fedml-infra gitops preview --base main --save-plans plans"),
    ],
)
@click.option("--base", metavar="REF", required=True, help="The branch or commit that the change goes into.")
@click.option(
    "--take",
    "report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The report of `gitops take`: where it refused anything, the document says so and no engine is started.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write the document here, for `gitops comment`.",
)
@click.option(
    "--save-plans",
    "plans",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Save a plan of each stack in DIR, for `gitops apply --plan DIR`.",
)
@click.option("--refresh", is_flag=True, help="Look first at what really is in AWS.")
@options.directory
@options.as_json
@options.timeout
@click.pass_context
def preview(
    ctx: click.Context,
    base: str,
    report: Path | None,
    out: Path | None,
    plans: Path | None,
    refresh: bool,
    as_json: bool,
    timeout: int | None,
) -> None:
    """Preview the stacks whose files changed since they left --base, as they are here now, and change nothing.

    For each: who gains and who loses which right, what would be made, changed, replaced and deleted, whether the key
    will be rotated, and the engine's own diff. One that fails keeps no other from being looked at; the exit code is
    that of the worst. No secret is in the document.
    """
    from fedml_infra.gitops.changed import changed_stacks
    from fedml_infra.gitops.git import Repository
    from fedml_infra.gitops.preview import Previewing, refused_error, refused_report

    from ..output import print_json, say
    from ..target import project_of, tools_of

    project, tools = project_of(ctx), tools_of(ctx)
    repository = Repository.find(project)
    since = repository.merge_base(base, "HEAD")
    document: dict[str, Any] = {"base": since, "head": None, "ignored": [], "refused": [], "stacks": []}
    code = 0
    if report is not None:
        taken, refused = refused_report(report, since)
        document |= {**taken, "refused": refused}
    if not document["refused"]:
        found = changed_stacks(repository, project, since)
        engine = tools.engine(project)
        looking = Previewing(
            project, repository, engine, tools.aws, since, say, refresh=refresh, timeout=timeout, plans=plans
        )
        document["stacks"], code = looking.all(found)
    if out is not None:
        out.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if as_json:
        print_json(document)
    else:
        for row in document["stacks"]:
            _print(row)
    if document["refused"]:
        error = refused_error(document["refused"])
        if as_json:
            say(str(error))
            ctx.exit(2)
        raise error
    if not document["stacks"]:
        say("No stack is touched.")
    ctx.exit(code)


def _print(row: Mapping[str, Any]) -> None:
    from fedml_infra.gitops.words import resources, rotation

    click.secho(f"{row['stack']} ({row['status']})", bold=True)
    if row["error"]:
        click.secho(f"  cannot be previewed: {row['error']['what']}", fg="red")
        for problem in row["error"]["problems"]:
            where = f"line {problem['line']}: " if problem["line"] is not None else ""
            click.echo(f"    {where}{problem['key']}: {problem['message']}")
        if row["error"]["fix"]:
            click.echo(f"    {row['error']['fix']}")
        return
    told = [*(right["text"] for right in row["rights"]), *rotation(row), *resources(row["changes"]), *row["notes"]]
    for line in told or ["Nothing changes."]:
        click.echo(f"  {line}")
