"""`fedml-infra verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import options
from .command import Command

if TYPE_CHECKING:
    from fedml_infra.operations.verify import Verification

MARKS = {
    "ok": ("✓", "green"),
    "denied": ("✓", "green"),
    "note": ("·", "cyan"),
    "pending": ("…", "yellow"),
    "broken": ("✗", "red"),
}
"""Mark and colour of each verdict."""


@click.command(
    cls=Command,
    short_help="Prove that the nodes can publish, receive and share; name what is broken.",
    exits={
        2: "configuration or usage",
        3: "authentication",
        4: "a link is broken: something is missing or not as it was made",
        5: "a link is broken: a policy denies what it should allow, or allows what it should deny",
        6: "no such stack, or not up",
        8: "cancelled",
        9: "nothing is broken, but something changed so lately that it may still come",
    },
    examples=[
        ("after a join, or when a node hears nothing", "fedml-infra verify cardio"),
        ("which link is broken, for a program", "fedml-infra verify cardio --json | jq '.nodes[].links[]'"),
    ],
)
@options.stack
@options.as_json
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Believe after so long that a right is missing or a message lost (60): AWS may need a minute.",
)
@click.pass_context
def verify(
    ctx: click.Context, given: str | None, stack_option: str | None, as_json: bool, timeout: float | None
) -> None:
    """Try every link of each own node of STACK: its parameter, queue, subscription, topic, bucket and reader role.

    A message goes through the topic into a queue of the probe's own, an object through the bucket with the reader
    role's credentials; both are gone afterwards, after a Ctrl-C too. The node's own queue is never read, and its
    subscription filters probes out (with message_filter none the nodes do that). What a node may not do, AWS must
    deny.

    What whoever runs it must be allowed to do is printed by `policies operator --verify`.
    """
    from fedml_infra.operations.verify import verify as operation
    from fedml_infra.operations.verify.verify import TIMEOUT_SECONDS

    from .output import print_json, say
    from .target import target

    on = target(ctx, given, stack_option)
    say(f"Verifying {on.name} …")
    found = operation(on.stack, on.engine, on.tools.aws, timeout=TIMEOUT_SECONDS if timeout is None else timeout)
    if as_json:
        print_json({"stack": on.name, **found.as_json()})
    else:
        print_verification(on.name, found)
    ctx.exit(found.exit_code)


def print_verification(stack: str, found: Verification) -> None:
    """The verification for people, on standard output."""
    from .output import counted

    for node in found.nodes:
        click.echo(click.style(f"{node.pid}  account {node.account}, {node.region}", bold=True))
        width = max(len(link.name) for link in node.links)
        for link in node.links:
            mark, colour = MARKS[link.verdict]
            click.echo(f"  {click.style(mark, fg=colour)} {link.name.ljust(width)}  {link.told}")
            if link.fix:
                click.echo(f"    {'':{width}}  → {link.fix}")
    links = [link for node in found.nodes for link in node.links]
    wrong = [link for link in links if link.exit_code]
    if not wrong:
        click.echo(f"\n{stack}: all {counted(len(links), 'link')} are as they should be ({found.seconds:.1f} s).")
    else:
        click.echo(f"\n{stack}: {len(wrong)} of {counted(len(links), 'link')} not as they should be.")
