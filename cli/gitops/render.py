"""`fedml-infra gitops render`: the repository's stacks as resources of something else that brings them up."""

from __future__ import annotations

from pathlib import Path

import click

from .. import options
from ..command import Command
from ..lazy import Entry, LazyGroup


@click.group(
    cls=LazyGroup,
    sections={"Kubernetes": {"operator": Entry("gitops.render", "operator", "For the Pulumi Kubernetes Operator.")}},
    short_help="Resources for what else brings stacks up.",
)
def render() -> None:
    """Write the repository's stacks as resources of something else that brings them up."""


@click.command(
    cls=Command,
    short_help="For the Pulumi Kubernetes Operator.",
    exits=[2],
    examples=[
        (
            "into a folder, states in a bucket",
            "fedml-infra gitops render operator --repo https://github.com/charite/federations --backend s3://states "
            "--out kubernetes",
        ),
        (
            "applied at once, with an AWS role for the pods",
            "fedml-infra gitops render operator --repo https://github.com/charite/federations "
            "--role-arn arn:aws:iam::123456789012:role/federations | kubectl apply -f -",
        ),
    ],
)
@click.option("--repo", required=True, metavar="URL", help="Where the pods clone from; no credentials in it.")
@click.option("--branch", default="main", show_default=True, metavar="NAME", help="The branch that is brought up.")
@click.option("--repo-dir", default="", metavar="DIR", help="The folder of Pulumi.yaml, from the repository's root.")
@click.option("--namespace", default="fedml-infra", show_default=True, help="The Kubernetes namespace of it all.")
@click.option("--service-account", default="fedml-infra", show_default=True, metavar="NAME", help="What pods run as.")
@click.option("--role-arn", metavar="ARN", help="The AWS role of that service account (EKS).")
@click.option(
    "--backend", default="cloud", show_default=True, metavar="URL", help="Where the states are: s3://…, cloud."
)
@click.option("--organization", metavar="NAME", help="The organisation in Pulumi Cloud.")
@click.option(
    "--secrets",
    metavar="passphrase|awskms://…",
    help="What encrypts stacks whose file does not say it.  [default: passphrase]",
)
@click.option(
    "--secret",
    default="fedml-infra",
    show_default=True,
    metavar="NAME",
    help="The Kubernetes Secret with accessToken (Pulumi Cloud) and passphrase, as far as they are needed.",
)
@click.option("--git-secret", metavar="NAME", help="The Kubernetes Secret whose accessToken may read the repository.")
@click.option(
    "--resync",
    type=click.IntRange(min=60),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How often the branch is looked at and every stack brought up again.",
)
@click.option("--image", metavar="IMAGE", help="What pods run.  [default: pulumi/pulumi of this command's engine]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, allow_dash=True),
    default=Path("-"),
    metavar="DIR|-",
    help="A folder, for a file each; - for all on standard output.  [default: -]",
)
@options.directory
@options.as_json
@click.pass_context
def operator(
    ctx: click.Context,
    repo: str,
    branch: str,
    repo_dir: str,
    namespace: str,
    service_account: str,
    role_arn: str | None,
    backend: str,
    organization: str | None,
    secrets: str | None,
    secret: str,
    git_secret: str | None,
    resync: int,
    image: str | None,
    out: Path,
    as_json: bool,
) -> None:
    """Write a Stack (pulumi.com/v1) for each stack file, and the service account that its pods run as.

    The operator runs plain `pulumi up` on every change of the branch. That enforces a removal, and again on every
    resync; it does not rotate the federation's key and publishes no roster. After a merge that removes a member, run
    `fedml-infra rotate-key`, or let a pipeline run `fedml-infra gitops apply` instead of the operator.

    Secrets are named, not held: make the Kubernetes Secret yourself. Deleting a Stack leaves the federation standing.
    """
    from fedml_infra.engine.quick_yaml import read
    from fedml_infra.engine.stack_files import stack_files
    from fedml_infra.gitops.operator import Wanted, common_resources, rendered, resource_name, stack_resource

    from ..output import print_json, say
    from ..target import project_of

    more = {"image": image} if image else {}
    wanted = Wanted(
        repo, branch, repo_dir.strip("/"), namespace, service_account, role_arn, backend, organization, secret,
        git_secret, resync, **more,
    )  # fmt: skip
    stacks = {
        resource_name(name): stack_resource(name, read(path).rest.get("secretsprovider") or secrets, wanted)
        for name, path in stack_files(project_of(ctx)).items()
    }
    common = common_resources(wanted)
    if str(out) != "-":
        out.mkdir(parents=True, exist_ok=True)
        # A Stack's name has no dot, so no stack's file has this name.
        files = {"service.account.yaml": common, **{f"{name}.yaml": (each,) for name, each in stacks.items()}}
        for name, resources in files.items():
            (out / name).write_text(rendered(resources), encoding="utf-8")
            say(f"{out / name}: written")
    if as_json:
        print_json({"resources": [*common, *stacks.values()]})
    elif str(out) == "-":
        click.echo(rendered([*common, *stacks.values()]), nl=False)
