"""`fedml-infra gitops role`: what a pipeline's role may do, and who may assume it."""

from __future__ import annotations

import os

import click

from .. import options
from ..command import Command


@click.command(
    cls=Command,
    short_help="The least rights of a pipeline's role, and its trust.",
    exits=[2, 3, 5],
    examples=[
        ("for previews on GitHub", "fedml-infra gitops role --repository charite/federations"),
        ("for what a merge brings up", "fedml-infra gitops role --for apply --repository charite/federations"),
        (
            "on a GitLab of one's own, for a program",
            "fedml-infra gitops role --ci gitlab --host gitlab.charite.example --repository fl/federations --json",
        ),
    ],
)
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["preview", "apply", "drift"]),
    default="preview",
    show_default=True,
    help="What the role is for; preview and drift may only read.",
)
@click.option("--ci", type=click.Choice(["github", "gitlab"]), default="github", show_default=True, help="Who vouches.")
@click.option("--repository", metavar="ORG/REPO", required=True, help="The repository, or GitLab's GROUP/PROJECT.")
@click.option("--host", metavar="HOST", help="A GitLab of one's own.  [default: gitlab.com]")
@click.option("--default-branch", metavar="NAME", help="The protected branch on GitLab.  [default: main]")
@click.option(
    "--subject-prefix",
    metavar="TEXT",
    help="What GitHub's token calls the repository, where that is not repo:ORG/REPO.",
)
@click.option(
    "--account", metavar="ID", help="The account of the role, where no credentials are at hand to ask AWS with."
)
@click.option("--region", metavar="REGION", default="us-east-1", show_default=True, help="Where no stack names one.")
@click.option(
    "--backend", metavar="URL", help="Where the states are, where Pulumi.yaml and the environment do not say."
)
@click.option("--secrets", metavar="awskms://…", help="The secrets' key, where no stack file names it yet.")
@options.directory
@options.as_json
@click.pass_context
def role(
    ctx: click.Context,
    purpose: str,
    ci: str,
    repository: str,
    host: str | None,
    default_branch: str | None,
    subject_prefix: str | None,
    account: str | None,
    region: str,
    backend: str | None,
    secrets: str | None,
    as_json: bool,
) -> None:
    """Print the policies and the trust of a pipeline's role, and the `aws` commands that make it.

    The rights are those that all stack files here need, and no more. The trust names one environment of one repository
    (GitLab: one protected branch of one project), without any pattern: no fork, no other branch and no other
    repository can assume it. Nothing is made and nothing is stored.

    GitHub names repositories made after 18 June 2026 with numbers, for --subject-prefix:
    `gh api repos/ORG/REPO/actions/oidc/customization/sub` shows how.
    """
    import json

    from fedml_infra.engine.backend import backend_url
    from fedml_infra.gitops.role import plan_role
    from fedml_infra.policies.pipeline import Purpose, github_identity, gitlab_identity

    from ..output import print_json, say
    from ..target import project_of, tools_of

    wrong = (host, default_branch) if ci == "github" else (subject_prefix,)
    if any(wrong):
        others = "--host and --default-branch are" if ci == "github" else "--subject-prefix is"
        raise click.UsageError(f"{others} not for {ci}.", ctx)
    asked = Purpose(purpose)
    identity = (
        github_identity(repository, asked, subject_prefix=subject_prefix)
        if ci == "github"
        else gitlab_identity(repository, asked, branch=default_branch or "main", host=host or "gitlab.com")
    )
    project = project_of(ctx)
    plan = plan_role(
        project,
        asked,
        identity,
        tools_of(ctx).aws,
        account=account,
        region=region,
        backend=backend or backend_url(os.environ, project),
        secrets=secrets,
    )
    for note in plan.notes:
        say(f"Note: {note}")
    if as_json:
        print_json(plan.as_json())
        return
    click.secho(f"Role {asked.name_of_all} in account {plan.account}", bold=True)
    click.echo(f"\nWho may assume it, and nobody else:\n{json.dumps(plan.trust, indent=2)}")
    for number, document in enumerate(plan.policies, start=1):
        click.echo(f"\nWhat it may do, policy {number} of {len(plan.policies)}:\n{json.dumps(document, indent=2)}")
    for other, documents in plan.others.items():
        for document in documents:
            click.echo(f"\nWhat the assumed role in account {other} needs:\n{json.dumps(document, indent=2)}")
    click.echo("\nIt is made by (the provider once an account):")
    for command in plan.commands:
        click.echo(command)
