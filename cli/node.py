"""`fedml-infra node`."""

from __future__ import annotations

import click

from . import options
from .command import Group


@click.group(cls=Group, short_help="What a node's own process needs.")
def node() -> None:
    """What whoever runs a node's process, the training itself, needs to know."""


@node.command(
    "env",
    short_help="Topic, queue, bucket and the rest of one node, as an env file or JSON.",
    exits=[2, 6],
    examples=[
        ("for a service or a container", "fedml-infra node env insel > node.env"),
        ("into a shell", 'set -a; eval "$(fedml-infra node env insel)"; set +a'),
        ("one value", "fedml-infra node env insel --json | jq -r .queue_url"),
    ],
)
@click.argument("pid", metavar="PID")
@options.stack
@options.as_json
@click.pass_context
def env(ctx: click.Context, pid: str, given: str | None, stack_option: str | None, as_json: bool) -> None:
    """Print what the process of the node PID of STACK needs: where its topic, queue, bucket and roles are.

    The federation's key is not among it: the process reads it, with the node's own rights, from the SSM parameter that
    is named, as JSON of the current epoch and the keys by epoch.
    """
    from fedml_infra.operations.node_env import as_env_file, node_env
    from fedml_infra.operations.up import exported_or_empty, outputs_of

    from .output import print_json
    from .target import target

    on = target(ctx, given, stack_option)
    found = node_env(on.stack.config, outputs_of(exported_or_empty(on.engine, on.name)), pid)
    if as_json:
        print_json(found)
    else:
        click.echo(as_env_file(found), nl=False)
