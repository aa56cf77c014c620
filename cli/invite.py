"""`fedml-infra invite`: invites to a federation, made, looked at and taken back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Group
from .secret_input import PASSPHRASE_VARIABLE
from .store_options import store_options

if TYPE_CHECKING:
    from datetime import datetime

    from fedml_infra.store.values import TokenRow

COLOURS = {"pending": "cyan", "used": "green", "expired": "yellow", "revoked": "red"}


@click.group(cls=Group, short_help="Invite other organisations: make, list and take back invites.")
def invite() -> None:
    """Invite other organisations into a federation.

    An invite is a short encrypted text that works once, for one account. It is sent one way and its passphrase
    another; `fedml-infra join` is what the other side does with it.
    """


@invite.command(
    "create",
    short_help="Make an invite, and the passphrase that opens it.",
    exits=[2, 3, 4, 6],
    examples=[
        (
            "for one account, without a server: its request comes back as a file",
            "fedml-infra invite create cardio --account 222222222222 > invite",
        ),
        (
            "for whoever proves an account to your server, for a week",
            "fedml-infra invite create cardio --expires 7d "
            "--rest-url https://fed.example.org/symetry/rest/c1/fedml/charite/createPolicies",
        ),
        ("in a script", "fedml-infra invite create cardio --account 222222222222 --json | jq -r .invite"),
        (
            "for an existing client, whose side said which passphrase it expects",
            "fedml-infra invite create cardio --v1 --passphrase-file pass --rest-url https://…/createPolicies",
        ),
    ],
)
@options.stack
@click.option(
    "--expires", default="2h", show_default=True, metavar="SPAN", help="How long it can be used: 30m, 2h or 7d."
)
@click.option("--account", metavar="ID", help="The one AWS account that may use it; needed without --rest-url.")
@click.option(
    "--rights", metavar="RIGHTS", help="publish, receive or publish,receive; what the topology gives if absent."
)
@click.option(
    "--rest-url",
    metavar="URL",
    help="Where the joiner proves its account: the whole address that createPolicies is posted to.",
)
@click.option("--v1", is_flag=True, help="For existing clients. Weak, and it carries the federation's key.")
@click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With --v1: the passphrase that the other side expects, one line, at most 16 bytes.",
)
@store_options
@options.as_json
@click.pass_context
def create(ctx: click.Context, /, **given: Any) -> None:
    """Make an invite to the federation of STACK, which has to be up.

    The invite goes to standard output and its passphrase to standard error; nothing of either is kept, only the hash
    of the token inside. A v2 invite does not hold the federation's key: one that is lost gives nothing away. A hub that
    has no signing key yet gets one, encrypted into its stack file.
    """
    from fedml_infra.operations.audit import Doing, audited
    from fedml_infra.operations.invite_rules import InviteWanted, life
    from fedml_infra.operations.invites import create_invite
    from fedml_infra.operations.members import parse_rights
    from fedml_infra.wire.blobs import Version

    from .output import print_json, warn
    from .secret_input import read_secret
    from .store_options import store_of
    from .target import target

    path = given["passphrase_file"]
    if path is not None and not given["v1"]:
        raise click.UsageError("--passphrase-file goes with --v1: the passphrase of a v2 invite is made here.")
    wanted = InviteWanted(
        life=life(given["expires"]),
        account=given["account"],
        rights=parse_rights(given["rights"]) if given["rights"] is not None else None,
        rest_url=given["rest_url"],
        version=Version.V1 if given["v1"] else Version.V2,
        passphrase=read_secret("The invite's passphrase", path, "--passphrase-file", PASSPHRASE_VARIABLE)
        if path is not None
        else None,
    )
    on = target(ctx, given["given"], given["stack_option"])
    with store_of(given) as store, audited(store, Doing("invite create", on.name)) as doing:
        made = create_invite(on.project, on.stack, on.engine, store, wanted)
        doing.topic_arn = made.token.topic_arn
        doing.details |= {"invite": made.token.id, "version": made.token.version, "for": made.token.aws_id or "anyone"}
    for note in made.notes:
        warn(note)
    passphrase = made.passphrase.get_secret_value() if made.passphrase is not None else None
    if given["as_json"]:
        print_json(
            {
                "id": made.token.id,
                "invite": made.blob,
                "passphrase": passphrase,
                "expires": f"{made.token.expires_at:%Y-%m-%dT%H:%M:%SZ}",
            }
        )
        return
    click.echo(made.blob)
    _say_made(made.token, passphrase)


@invite.command(
    "list",
    short_help="Every invite: pending, used, expired or revoked; by whom and when.",
    exits=[2],
    examples=[
        ("see them", "fedml-infra invite list"),
        (
            "what can still be used",
            "fedml-infra invite list cardio --json | jq '.invites[] | select(.state==\"pending\")'",
        ),
    ],
)
@click.argument("federation", metavar="[FEDERATION]", required=False, shell_complete=options.complete_stacks)
@store_options
@options.as_json
def list_invites(federation: str | None, as_json: bool, **given: Any) -> None:
    """List the invites of all federations that are administered from here, or of those named FEDERATION."""
    from fedml_infra.operations.invites import invite_json

    from .output import print_json, print_table, say
    from .store_options import store_of

    with store_of(given) as store:
        now = store.now()
        found = [row for row in store.tokens.list() if federation in (None, row.fed_name)]
    if as_json:
        print_json({"invites": [invite_json(row, now) for row in found]})
        return
    if not found:
        say("There are no invites: `fedml-infra invite create` makes one.")
        return
    rows = [
        (
            row.id,
            row.fed_name,
            str(row.state(now)),
            row.version,
            _may(row),
            row.aws_id or "any",
            f"{_time(row.created_at)} by {row.created_by}",
            _time(row.expires_at),
            _became(row),
        )
        for row in found
    ]
    print_table(
        ("invite", "federation", "state", "form", "may", "account", "made (UTC)", "expires (UTC)", "then"), rows
    )


@invite.command(
    "show",
    short_help="One invite.",
    exits=[2],
    examples=[("a part of the id will do", "fedml-infra invite show 3fa9")],
)
@click.argument("invite_id", metavar="ID")
@store_options
@options.as_json
def show(invite_id: str, as_json: bool, **given: Any) -> None:
    """Say what is known of the invite ID: what it gives, to whom, and what became of it.

    The invite itself and its passphrase are kept nowhere: if they are lost, revoke it and make another one.
    """
    from fedml_infra.operations.invites import invite_json

    from .output import print_facts, print_json
    from .store_options import store_of

    with store_of(given) as store:
        row, now = store.tokens.get(invite_id), store.now()
    if as_json:
        print_json(invite_json(row, now))
        return
    state = str(row.state(now))
    facts = [
        ("invite", row.id),
        ("federation", row.fed_name),
        ("topic", row.topic_arn),
        ("state", click.style(state, fg=COLOURS[state])),
        ("form", row.version),
        ("may", _may(row)),
        ("for account", row.aws_id or "any that proves itself"),
        ("made", f"{_time(row.created_at)} UTC by {row.created_by}"),
        ("expires", f"{_time(row.expires_at)} UTC"),
    ]
    if row.used_at is not None:
        facts.append(("used", f"{_time(row.used_at)} UTC by account {row.used_by} for {row.pid}"))
    if row.revoked_at is not None:
        facts.append(("revoked", f"{_time(row.revoked_at)} UTC by {row.revoked_by}"))
    print_facts(facts)


@invite.command(
    "revoke",
    short_help="Take an invite back: nobody can use it any more.",
    exits=[2],
    examples=[("a part of the id will do", "fedml-infra invite revoke 3fa9")],
)
@click.argument("invite_id", metavar="ID")
@store_options
@options.as_json
def revoke(invite_id: str, as_json: bool, **given: Any) -> None:
    """Take the invite ID back. Done already is done.

    An account that used it stays a member; `members remove` takes it out. A v1 invite that nobody used has the
    federation's key in it: rotate that afterwards.
    """
    from fedml_infra.operations.audit import Doing, audited
    from fedml_infra.operations.invites import invite_json, revoke_invite

    from .output import print_json, say, warn
    from .store_options import store_of

    with store_of(given) as store:
        row = store.tokens.get(invite_id)
        with audited(store, Doing("invite revoke", row.fed_name, row.topic_arn, details={"invite": row.id})):
            done = revoke_invite(store, row.id)
        now = store.now()
    for note in done.notes:
        warn(note)
    if as_json:
        print_json({**invite_json(done.token, now), "notes": list(done.notes)})
        return
    say(f"Invite {done.token.id} of {done.token.fed_name} is revoked: nobody can use it from now on.")


def _say_made(row: TokenRow, passphrase: str | None) -> None:
    from .output import say

    say()
    if passphrase is not None:
        say(f"{click.style('Passphrase:', bold=True)} {passphrase}")
        say("Send it another way than the invite: read it out on the telephone. It is kept nowhere.")
    whom = f"account {row.aws_id}" if row.aws_id else "one account that proves itself"
    say(f"Invite {row.id} works once, for {whom}, until {_time(row.expires_at)} UTC.")
    if row.version == "v2":
        say("The other side runs `fedml-infra join` with it.")


def _may(row: TokenRow) -> str:
    from fedml_infra.store.values import rights_text

    return (rights_text(row.rights) or "as the topology says").replace(",", " and ")


def _became(row: TokenRow) -> str:
    if row.used_at is not None:
        return f"used {_time(row.used_at)} by {row.used_by} for {row.pid}"
    if row.revoked_at is not None:
        return f"revoked {_time(row.revoked_at)} by {row.revoked_by}"
    return ""


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
