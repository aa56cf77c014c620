"""`fedml-infra init`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import options
from .command import Command


@click.command(
    cls=Command,
    short_help="Begin a GitOps repository, with its pipelines.",
    exits=[2],
    examples=[
        ("for GitHub, the states in a bucket", "fedml-infra init federations --backend s3://charite-states"),
        (
            "for GitLab, secrets under a KMS key",
            "fedml-infra init federations --ci gitlab --backend s3://charite-states "
            "--secrets 'awskms://alias/federations?region=eu-central-1' --region eu-central-1",
        ),
        ("without pipelines, for a laptop", "fedml-infra init --ci none"),
    ],
)
@click.argument("directory", metavar="[DIR]", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option(
    "--ci",
    type=click.Choice(["github", "gitlab", "none"]),
    default="github",
    show_default=True,
    help="Who runs the pipelines: check and preview of a pull request, apply on a merge, drift every night.",
)
@click.option(
    "--backend",
    metavar="file|s3://BUCKET[/FOLDER]|cloud",
    default="file",
    show_default=True,
    help="Where the states are kept. In files they are on one machine only; cloud is Pulumi's.",
)
@click.option(
    "--secrets",
    metavar="passphrase|awskms://…",
    default="passphrase",
    show_default=True,
    help="What the stack files' secrets are encrypted under.",
)
@click.option("--region", metavar="REGION", default="us-east-1", show_default=True, help="Of the pipelines' AWS calls.")
@click.option("--default-branch", metavar="NAME", default="main", show_default=True, help="Which the pipelines run on.")
@options.as_json
def init(directory: Path, as_json: bool, **given: Any) -> None:
    """Write a GitOps repository into DIR (the current folder): program, pinned requirements, pipelines, README.

    It works at once, and `check` passes. Nothing that is there is overwritten: where a file of the same name says
    something else, nothing is written at all. DIR becomes a git repository unless it lies in one; nothing is committed.
    """
    from fedml_infra.gitops.pipelines import settings
    from fedml_infra.gitops.scaffold import make

    from .output import print_json, say, warn

    wanted = settings(
        ci=given["ci"],
        backend=given["backend"],
        secrets=given["secrets"],
        region=given["region"],
        branch=given["default_branch"],
    )
    made = make(directory, wanted)
    for warning in made.warnings:
        warn(warning)
    if as_json:
        print_json(
            {
                "directory": str(made.directory),
                "files": [path.as_posix() for path in made.files],
                "ci": str(wanted.ci),
                "backend": wanted.backend,
                "secrets": wanted.secrets,
                "region": wanted.region,
                "default_branch": wanted.branch,
                "warnings": list(made.warnings),
                "next": list(made.next_steps),
            }
        )
        return
    click.secho(str(made.directory), bold=True)
    for path in made.files:
        click.echo(f"  {path.as_posix()}")
    say()
    for step in made.next_steps:
        say(f"- {step}")
