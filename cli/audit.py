"""`fedml-infra audit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.store.values import AuditRow


@click.command(
    cls=Command,
    short_help="Who did what to which stack, and what came of it.",
    exits=[2],
    examples=[
        ("the last entries of a stack", "fedml-infra audit cardio"),
        (
            "who was invited and admitted",
            "fedml-infra audit --limit 1000 --json | jq '.entries[] | [.at, .actor, .action]'",
        ),
        ("nightly: has anybody changed it?", "fedml-infra audit --verify"),
    ],
)
@click.argument("stack", metavar="[STACK]", required=False, shell_complete=options.complete_stacks)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="The newest N.")
@click.option(
    "--verify", is_flag=True, help="Look whether an entry was changed or taken out; exit with 1 where one was."
)
@store_options
@options.as_json
def audit(stack: str | None, limit: int, verify: bool, as_json: bool, **given: Any) -> None:
    """List what was done to STACK, or to all stacks that share this store, the newest last.

    Entries are only ever added, and each holds a hash of the one before it. --verify looks through all of them. What
    was cut off at the end it cannot see: keep the number and the hash that it prints, and compare.
    """
    from .store_options import store_of

    with store_of(given) as store:
        if verify:
            chain = store.audit.chain()
        else:
            entries = store.audit.entries(stack, limit)
    if not verify:
        _show(entries, as_json=as_json)
        return
    from fedml_infra.errors import BrokenAuditError

    from .output import print_json, say

    if chain.broken is not None:
        raise BrokenAuditError(chain.broken)
    if as_json:
        print_json({"entries": chain.entries, "head": chain.head, "broken": None})
        return
    say(f"The audit is whole: {chain.entries} entries, and the last one's hash is")
    click.echo(chain.head)


def _show(entries: tuple[AuditRow, ...], *, as_json: bool) -> None:
    from .output import print_json, print_table, say

    if as_json:
        print_json({"entries": [each.as_json() for each in entries]})
        return
    if not entries:
        say("Nothing is recorded yet.")
        return
    rows = [
        (
            str(each.number),
            f"{each.at:%Y-%m-%d %H:%M:%S}",
            each.actor,
            each.stack,
            each.action,
            each.outcome,
            ", ".join(f"{name} {value}" for name, value in each.details.items()),
        )
        for each in entries
    ]
    print_table(("entry", "at (UTC)", "who", "stack", "did", "outcome", "of"), rows)
