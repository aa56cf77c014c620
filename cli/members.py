"""`fedml-infra members`: who is in a federation, and what each may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command, Group
from .hub import hub_options
from .store_options import store_options

if TYPE_CHECKING:
    from datetime import datetime

    from fedml_infra.operations.hub_change import Edit

account_argument = click.argument("account", metavar="ACCOUNT")


@click.group(cls=Group, short_help="Who is in the federation, and what each may do.")
def members() -> None:
    """See and change who is in a federation.

    On the administrator's stack. Each change edits the stack file, brings it up and publishes the roster; nobody
    else's stack changes. Cut off at any point, the same command goes on. Where changes are reviewed, --branch proposes
    them, and AWS is not needed.
    """


@members.command(
    "list",
    cls=Command,
    short_help="The members: rights, nodes, since when, which key.",
    exits=[2, 3, 4, 5, 6],
    examples=[
        ("who is in it", "fedml-infra members list cardio"),
        ("for a program", "fedml-infra members list cardio --json"),
    ],
)
@options.stack
@store_options
@options.as_json
@click.pass_context
def list_(ctx: click.Context, /, given: str | None, stack_option: str | None, as_json: bool, **store: Any) -> None:
    """List the members of STACK.

    `may` is what the stack file grants, `in force` what the last run brought up, `queues` how many of the member's
    queues are subscribed, `key` the newest epoch that the member is known to have; `-` where nothing was heard.
    """
    from fedml_infra.operations.compare_rights import said
    from fedml_infra.operations.members import member_rows, topic_subscriptions
    from fedml_infra.operations.up import exported_or_empty, outputs_of

    from .hub import hub_target
    from .output import print_json, print_table, say
    from .store_options import store_of

    on = hub_target(ctx, given, stack_option, "Who is a member")
    outputs = outputs_of(exported_or_empty(on.engine, on.name))
    topic_arn = (outputs.get("federation") or {}).get("topic_arn")
    seen: dict[str, Any] = {}
    if topic_arn:
        with store_of(store) as opened:
            seen = dict(opened.members.seen(topic_arn))
    rows = member_rows(on.stack.config, outputs, topic_subscriptions(on.stack, outputs, on.tools.aws), seen)
    if as_json:
        epoch = on.stack.config.fed_epoch
        print_json({"stack": on.name, "epoch": epoch, "members": [row.as_json() for row in rows]})
        return
    if not rows:
        click.echo(f"{on.name} has no members.")
        return
    print_table(
        ("account", "may", "in force", "nodes", "queues", "since", "key"),
        (
            (
                row.aws_id,
                said(row.granted) or "nothing",
                said(row.in_force) or "nothing",
                ", ".join(row.pids) or "-",
                str(len(row.subscribed)),
                _day(row.since),
                ("-" if row.epoch is None else str(row.epoch)) + ("" if row.sealed else " (v1)"),
            )
            for row in rows
        ),
    )
    if any(row.state != "member" for row in rows):
        say(f"Not all of it is in force: `fedml-infra up {on.name}` brings it up.")


@members.command(
    "set-rights",
    cls=Command,
    short_help="Change what one member may do.",
    exits=[2, 3, 4, 5, 6, 8],
    examples=[
        ("it sends, and gets nothing any more", "fedml-infra members set-rights 333333333333 publish"),
        ("both again", "fedml-infra members set-rights 333333333333 publish,receive"),
    ],
)
@account_argument
@click.argument("rights_text", metavar="RIGHTS")
@hub_options
@click.pass_context
def set_rights(
    ctx: click.Context,
    /,
    account: str,
    rights_text: str,
    stack_option: str | None,
    yes: bool,
    only_preview: bool,
    as_json: bool,
    **_store: Any,
) -> None:
    """Let ACCOUNT do what RIGHTS says and nothing else: `publish,receive`, `publish` or `receive`.

    Shows who gains and loses what, and asks. A member that loses `receive` loses its subscriptions, and the key is
    rotated.
    """
    from fedml_infra.operations import members as operation
    from fedml_infra.operations.compare_rights import said

    from .hub import change_hub, hub_target
    from .output import print_json, say

    on = hub_target(ctx, None, stack_option, "What a member may do")
    rights = operation.parse_rights(rights_text)
    edit = operation.set_rights(on.stack.config, account, rights)
    done = change_hub(
        on,
        lambda _: edit,
        details={"account": account, "rights": rights_text},
        question=f"Let account {account} {said(rights)} in {on.name}, and nothing else?",
        yes=yes,
        only_preview=only_preview,
        as_json=as_json,
    )
    if done.applied is not None and not done.plan.in_force:
        say(f"Account {account} may {said(rights)}. Its own stack follows with `fedml-infra sync`.")
    if as_json:
        print_json({**done.document, "account": account})


@members.command(
    "remove",
    cls=Command,
    short_help="Take a member out: its rights, its subscriptions, the key that it has.",
    exits=[2, 3, 4, 5, 6, 8],
    examples=[
        ("see what it comes to", "fedml-infra members remove 333333333333 --preview"),
        ("at once, without being asked", "fedml-infra members remove 333333333333 --yes"),
    ],
)
@account_argument
@hub_options
@click.pass_context
def remove(
    ctx: click.Context,
    /,
    account: str,
    stack_option: str | None,
    yes: bool,
    only_preview: bool,
    as_json: bool,
    **store: Any,
) -> None:
    """Take ACCOUNT out of the federation.

    The topic policy admits it no more, its subscriptions are removed whatever their endpoint, its invites are
    revoked, the key is rotated and the roster published. From about a minute later it can publish and subscribe
    nothing, and what is sealed from then on it cannot read. Done again, it goes on where it was cut off.

    With --branch or --no-apply the file alone changes, the key in it too; all else comes when that is brought up.
    """
    from fedml_infra.errors import StoreError
    from fedml_infra.operations.actor import actor
    from fedml_infra.operations.members import after_removal, remove_member
    from fedml_infra.operations.roster import published_members

    from .hub import change_hub, hub_target
    from .output import print_json, say, warn
    from .store_options import store_of

    on = hub_target(ctx, None, stack_option, "Who is a member")

    def forget(topic_arn: str) -> None:
        """Its invites first, lest it come back by one while the rest is under way."""
        try:
            with store_of(store) as opened:
                opened.members.removed(topic_arn, account, actor())
        except StoreError as error:
            warn(f"The invites of account {account} could not be revoked. {error}")

    def edit(outputs: Mapping[str, Any]) -> Edit:
        topic_arn = (outputs.get("federation") or {}).get("topic_arn")

        def was(account: str) -> bool:
            """Whether it was a member when an earlier removal was cut off, or done."""
            if not topic_arn:
                return False
            return account in _seen(store, topic_arn) or account in published_members(on.stack, on.engine, on.tools.aws)

        return remove_member(on.stack.config, outputs, account, was=was)

    done = change_hub(
        on,
        edit,
        details={"account": account},
        question=f"Take account {account} out of {on.name}?",
        yes=yes,
        only_preview=only_preview,
        as_json=as_json,
        notes=after_removal(on.stack.config),
        first=forget,
    )
    if done.applied is None and not only_preview:
        say(f"Its invites stay good until they are revoked: `fedml-infra invite list {on.name}` names them.")
    if done.applied is not None:
        say(f"Account {account} is no member of {on.name} any more; the key is that of epoch {done.document['epoch']}.")
    if as_json:
        print_json({**done.document, "account": account, "notes": list(after_removal(on.stack.config))})


def _seen(store: Mapping[str, Any], topic_arn: str) -> Mapping[str, Any]:
    """Who was recorded as a member; nobody where the store cannot be read."""
    from fedml_infra.errors import StoreError

    from .store_options import store_of

    try:
        with store_of(store) as opened:
            return opened.members.seen(topic_arn)
    except StoreError:
        return {}


def _day(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d}"
