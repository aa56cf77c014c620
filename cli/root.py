"""The root of all commands, and the table of where each is found."""

from __future__ import annotations

import os
from pathlib import Path

import click

from .lazy import Entry, LazyGroup

SECTIONS = {
    "A federation's life": {
        "create": Entry("create", "create", "Write a stack file from options and bring the federation up."),
        "preview": Entry("up", "preview", "Show what `up` would change, and who gains or loses which right."),
        "up": Entry("up", "up", "Make AWS as the stack file says."),
        "recover": Entry("recover", "recover", "Rebuild the stack's state from what is in AWS."),
        "destroy": Entry("destroy", "destroy", "Take everything of the stack down again."),
    },
    "Members": {
        "invite": Entry("invite", "invite", "Invite other organisations: make, list and take back invites."),
        "join": Entry("join", "join", "Join a federation by an invite: see what it makes and grants, then do it."),
        "admit": Entry(
            "admit", "admit", "Let in who was invited: by its request's file, or by a server that joiners ask."
        ),
        "node": Entry("node", "node", "What a node's own process needs."),
        "members": Entry("members", "members", "Who is in the federation, and what each may do."),
        "rotate-key": Entry("rotate_key", "rotate_key", "Give the federation a new key, and see who has it."),
        "sync": Entry("sync", "sync", "Bring a member's stack to what its hub has published."),
        "schedule": Entry("schedule", "schedule", "How often nodes synchronise: shown, or changed by the hub."),
        "topology": Entry(
            "topology", "topology", "Who may publish and receive by default: shown, or changed by the hub."
        ),
        "leave": Entry("leave", "leave", "A member's own way out: its side is taken down, its data kept."),
    },
    "Looking": {
        "info": Entry("info", "info", "The federation in short; its key is never shown."),
        "outputs": Entry("outputs", "outputs", "What the stack exports: topic, queues, buckets, roles."),
        "verify": Entry(
            "verify", "verify", "Prove that the nodes can publish, receive and share; name what is broken."
        ),
        "awsinfo": Entry(
            "awsinfo", "awsinfo", "An AWS account's topics, subscriptions and queues, in one region or in all."
        ),
        "drift": Entry("drift", "drift", "What in AWS is no longer as the stack made it."),
        "runs": Entry("runs", "runs", "What was run here, and what came of it."),
        "audit": Entry("audit", "audit", "Who did what to which stack, and what came of it."),
        "stacks": Entry("stacks", "stacks", "The stacks of this folder."),
        "doctor": Entry("doctor", "doctor", "Look at everything that a run depends on, and say how to mend it."),
        "graph": Entry("graph", "graph", "Who publishes to whom, and who receives: text, JSON, Mermaid or SVG."),
        "policies": Entry("policies", "policies", "Every policy document, and who can do what by them."),
        "check": Entry("check", "check", "Validate stack files without touching anything."),
    },
    "GitOps": {
        "init": Entry("init", "init", "Begin a GitOps repository, with its pipelines."),
        "gitops": Entry("gitops.group", "gitops", "What a pipeline calls, on any CI and on a laptop."),
    },
    "The service": {
        "serve": Entry("serve", "serve", "The REST service: what clients create, invite, join and look at over HTTP."),
        "worker": Entry("worker", "worker", "Run jobs of the REST service, beside any number of other workers."),
        "customers": Entry("customers", "customers", "Customers of the REST service: their keys, accounts and quotas."),
        "jobs": Entry("jobs", "jobs", "The jobs of the REST service: listed, followed, cancelled."),
    },
    "Scripts": {
        "wire": Entry("wire", "wire", "Encrypt and decrypt what goes over the wire, in shell scripts."),
    },
    "Trying": {
        "demo": Entry("demo", "demo", "Three organisations on a local AWS, from nothing to nothing."),
        "sandbox": Entry("sandbox", "sandbox", "A local AWS to try every command against."),
    },
    "This command": {
        "completion": Entry("completion", "completion", "Shell completion for bash, zsh or fish."),
        "man": Entry("man", "man", "The manual page."),
    },
}


def _version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"fedml-infra {version('fedml-infra')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit codes: 0 done, 1 error, 2 configuration, 3 authentication, 4 resource, 5 policy, 6 no such stack, "
        "7 changes found where none were expected, 8 cancelled, 9 timed out."
    ),
)
@click.option(
    "-C",
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Act on the project in DIR instead of the current folder (or one above it).",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def fedml_infra(ctx: click.Context, directory: Path | None) -> None:
    """Provision the AWS side of a federated-learning federation.

    Organisations train together without moving their data: one SNS topic, one SQS queue and one S3 bucket per node,
    each in its owner's AWS account, and exact rights for everyone.

    \b
    A first look, without an AWS account:
      fedml-infra demo
    A federation of your own:
      fedml-infra create cardio --pid charite --s3-bucket cardio-charite --sync-sched m30
    """
    ctx.ensure_object(dict)["directory"] = directory
    if os.environ.get("NO_COLOR"):
        ctx.color = False
