"""`fedml-infra gitops drift`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import options
from ..command import Command
from .summary_option import append_summary, summary_option

if TYPE_CHECKING:
    from fedml_infra.gitops.drift_report import StackDrift


@click.command(
    cls=Command,
    short_help="What in AWS is no longer as any stack made it.",
    exits=[2, 3, 4, 5, 6, 7, 8, 9],
    examples=[
        ("look", "fedml-infra gitops drift"),
        ("every night, in a pipeline", "fedml-infra gitops drift --issue"),
    ],
)
@click.option("--issue", is_flag=True, help="Open or update the repository's one issue about drift, or close it.")
@summary_option
@options.as_json
@options.timeout
@options.directory
@click.pass_context
def drift(ctx: click.Context, issue: bool, summary: Path | None, as_json: bool, timeout: int | None) -> None:
    """Look at every stack of the repository, two at a time, and say what in AWS is no longer as it made it.

    Changes nothing in AWS. A stack that cannot be looked at is told in its place, and keeps no other from being looked
    at; one that was never brought up has no drift. With --issue (in a job of GitHub Actions or GitLab CI) what is found
    stands in one issue, which is updated in place, and closed with a note once nothing differs any more.

    Exits with 7 where anything differs, else with the code of what failed.
    """
    import os

    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.errors import ConfigurationError
    from fedml_infra.gitops.drift_report import drift_json, drift_markdown, drift_of_all, exit_code, told_in_issue
    from fedml_infra.gitops.hosting.environment import host_from_environment

    from ..output import print_json, say
    from ..target import project_of, tools_of

    host = host_from_environment(os.environ) if issue else None
    if issue and host is None:
        raise ConfigurationError(
            "--issue needs a code host, and this is no job of one with a token.",
            fix="GitHub Actions: GITHUB_TOKEN in the step's `env`. GitLab CI: the variable FEDML_GITLAB_TOKEN.",
        )
    project, tools = project_of(ctx), tools_of(ctx)
    found = drift_of_all(project, tools.engine(project), tools.aws, RunOptions(timeout=timeout))
    url = told_in_issue(host, found) if host is not None else None
    if summary is not None:
        append_summary(summary, f"### fedml-infra drift\n\n{drift_markdown(found)}")
    if as_json:
        print_json(drift_json(found, url))
    else:
        for one in found:
            _print(one)
    if url is not None:
        say(f"Issue: {url}")
    ctx.exit(exit_code(found))


def _print(one: StackDrift) -> None:
    from ..drift import print_finding

    if one.error is not None:
        click.echo(f"{one.stack}: could not be looked at")
        for line in str(one.error).splitlines():
            click.echo(f"  {line}")
        return
    if one.drift is None:
        click.echo(f"{one.stack}: was never brought up")
        return
    click.echo(f"{one.stack}: {'has drifted' if one.differs else 'as made'}")
    for each in (*one.drift.findings, *one.drift.warnings):
        print_finding(each, details=False)
