"""`fedml-infra topology`."""

from __future__ import annotations

from typing import Any

import click

from . import options
from .branch_options import spelt, way_of
from .command import Command
from .hub import hub_options

TOPOLOGIES = ("decentralized", "centralized", "hybrid")


@click.command(
    cls=Command,
    short_help="Who may publish and receive by default: shown, or changed by the hub.",
    exits=[2, 3, 4, 5, 6, 8],
    examples=[
        ("what it is, and what each may do", "fedml-infra topology cardio"),
        ("who would lose what", "fedml-infra topology cardio centralized --preview"),
        ("members publish, the administrator's nodes receive", "fedml-infra topology cardio centralized"),
    ],
)
@click.argument("words", metavar="[STACK] [TOPOLOGY]", nargs=-1, shell_complete=options.complete_stacks)
@hub_options
@click.pass_context
def topology(
    ctx: click.Context,
    /,
    words: tuple[str, ...],
    stack_option: str | None,
    yes: bool,
    only_preview: bool,
    as_json: bool,
    **_store: Any,
) -> None:
    """Show the topology of STACK, or set it: decentralized, centralized or hybrid.

    The hub decides. Shows who gains and loses what, and asks. Rights that a member was given beside what the old
    topology gives stay its own; a change to hybrid writes down what each has, so that nobody gains or loses. Whoever
    loses `receive` loses its subscriptions, and the key is rotated. Members get it with `fedml-infra sync`.
    """
    from fedml_infra.operations.topology import exempt, parse_topology, set_topology

    from .hub import change_hub, hub_target
    from .output import print_json, say
    from .target import target
    from .words import stack_and_value

    name, text = stack_and_value(ctx, words, stack_option, lambda word: word.lower() in TOPOLOGIES)
    if text is None:
        if (way := way_of(ctx)).writes_only:
            raise click.UsageError(f"{spelt(way)} goes with a TOPOLOGY to be set.", ctx)
        show(target(ctx, name, None).stack.config, as_json=as_json)
        return
    wanted = parse_topology(text)
    on = hub_target(ctx, name, None, "The topology")
    config = on.stack.config
    done = change_hub(
        on,
        lambda _: set_topology(config, wanted),
        details={"topology": str(wanted)},
        question=f"Make {on.name} {wanted}?",
        yes=yes,
        only_preview=only_preview,
        as_json=as_json,
        notes=(f"{on.name} becomes {wanted}; it was {config.topology}.", *map(str, exempt(config, wanted))),
    )
    if done.applied is not None and not done.plan.in_force:
        say("Members pick it up with `fedml-infra sync`.")
    if as_json:
        print_json({**done.document, "topology": str(wanted)})


def show(config: Any, *, as_json: bool) -> None:
    """The topology, and what each may do by it."""
    from fedml_infra.operations.compare_rights import said

    from .output import print_json, print_table

    rows = [("account", member.aws_id, config.member_rights(member)) for member in config.members]
    rows += [("node", node.pid, config.node_rights(node)) for node in config.nodes]
    if as_json:
        rights = [{"kind": kind, "who": who, "rights": sorted(rights)} for kind, who, rights in rows]
        print_json(
            {
                "stack": config.fed_name,
                "topology": str(config.topology),
                "decided_here": config.is_hub,
                "rights": rights,
            }
        )
        return
    click.echo(str(config.topology))
    if rows:
        print_table(("", "who", "may"), [(kind, who, said(rights)) for kind, who, rights in rows])
