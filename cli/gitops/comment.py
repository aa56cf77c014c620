"""`fedml-infra gitops comment`: a preview as the one comment of a pull request."""

from __future__ import annotations

from pathlib import Path

import click

from .. import options
from ..command import Command


@click.command(
    cls=Command,
    short_help="Write a preview as the one comment of a pull request.",
    exits=[2, 3, 4],
    examples=[
        ("look at it", "fedml-infra gitops comment --preview preview.json"),
        (
            "in a pipeline: made, or edited in place",
            'fedml-infra gitops comment --preview preview.json --post --number "$NUMBER"',
        ),
    ],
)
@click.option(
    "--preview",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    required=True,
    help="What `gitops preview --out` or `preview --json` wrote.",
)
@click.option("--post", is_flag=True, help="Post it, on GitHub Actions or GitLab CI; the same comment is edited.")
@click.option(
    "--number",
    type=click.IntRange(min=1),
    metavar="N",
    help="The pull (merge) request; that of the pipeline where left out.",
)
@options.as_json
@click.pass_context
def comment(ctx: click.Context, file: Path, post: bool, number: int | None, as_json: bool) -> None:
    """Print a preview as Markdown: who gains and who loses which right, what is made, changed, replaced and deleted.

    The engine's diff is folded below. What comes from files is escaped, no secret is in it, and what is too long for a
    comment is cut, and says so. With --post it becomes the one comment of the pull request.
    """
    import json
    import os

    from fedml_infra.engine.redaction import Redactor
    from fedml_infra.errors import ConfigurationError
    from fedml_infra.gitops.comment import MARKER
    from fedml_infra.gitops.comment import comment as written
    from fedml_infra.gitops.hosting.environment import host_from_environment, number_from_environment

    from ..output import print_json, say

    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError):
        raise ConfigurationError(f"{file} is no preview.", fix="Write one with `gitops preview --out`.") from None
    body = written(document, Redactor.of(os.environ))
    url = None
    if post:
        host, of = host_from_environment(os.environ), number or number_from_environment(os.environ)
        if host is None:
            raise ConfigurationError(
                "This is no job of GitHub Actions or GitLab CI that may write, so nothing was posted.",
                fix="Give it GITHUB_TOKEN, or FEDML_GITLAB_TOKEN; elsewhere post what it prints without --post.",
            )
        if of is None:
            raise click.UsageError("Which pull request is not known: name it with --number.", ctx)
        url = host.comment(of, MARKER, body)
        say(f"The comment is at {url}")
    if as_json:
        print_json({"body": body, "url": url})
    elif not post:
        click.echo(body)
