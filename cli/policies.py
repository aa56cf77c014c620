"""`fedml-infra policies`: every policy document of a stack, and who can do what by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command, Group

if TYPE_CHECKING:
    from fedml_infra.operations.accounts import Accounts

    from .target import Target

account_option = click.option(
    "--account",
    metavar="ID",
    help="The account that the stack runs in, where no credentials are at hand to ask AWS with.",
)


@click.group(cls=Group, short_help="Every policy document, and who can do what by them.")
def policies() -> None:
    """Look at a stack's policy documents before they are in AWS, or after.

    They are made from the stack file alone: the same text that `up` gives to AWS.
    """


@policies.command(
    cls=Command,
    short_help="Every policy document, with its size.",
    exits=[2, 3, 5, 6],
    examples=[
        ("read all documents of a stack", "fedml-infra policies show cardio"),
        ("only the topic's, for a program", "fedml-infra policies show cardio --kind 'topic policy' --json"),
    ],
)
@options.stack
@click.option("--kind", metavar="KIND", help="Only documents of this kind, as `topic policy`.")
@account_option
@options.as_json
@click.pass_context
def show(
    ctx: click.Context,
    given: str | None,
    stack_option: str | None,
    kind: str | None,
    account: str | None,
    as_json: bool,
) -> None:
    """Print every policy document of STACK, with its size and AWS's limit."""
    import json

    from fedml_infra.operations.show_policies import documents
    from fedml_infra.policies.document import Kind
    from fedml_infra.policies.limits import LIMITS, size

    from .output import print_json
    from .target import target

    kinds = [str(known) for known in Kind]
    if kind is not None and kind not in kinds:
        raise click.BadParameter(f"{kind!r} is none of {', '.join(kinds)}.", ctx, param_hint="--kind")
    on = target(ctx, given, stack_option)
    found = [each for each in documents(on.stack.config, _accounts(on, account)) if kind in (None, str(each.kind))]
    if as_json:
        print_json(
            {
                "stack": on.name,
                "documents": [
                    {
                        "kind": str(each.kind),
                        "name": each.name,
                        "attached_to": each.attached_to,
                        "account": each.account,
                        "bytes": size(each.document),
                        "limit": LIMITS[each.kind].bytes,
                        "document": each.document,
                    }
                    for each in found
                ],
            }
        )
        return
    for each in found:
        head = f"{each.kind} of {each.name}"
        click.echo(f"{click.style(head, bold=True)}  ({size(each.document):,} of {LIMITS[each.kind].bytes:,} bytes)")
        click.echo(f"on {each.attached_to}, account {each.account}")
        click.echo(json.dumps(each.document, indent=2) + "\n")


@policies.command(
    "who-can",
    cls=Command,
    short_help="Who can do an action on a resource.",
    exits=[2, 3, 5, 6],
    examples=[
        ("who may publish to the federation's topic", "fedml-infra policies who-can cardio sns:Publish cardio"),
        ("who reads a payload", "fedml-infra policies who-can cardio s3:GetObject cardio-charite/updates/model"),
    ],
)
@click.argument("stack", metavar="STACK", shell_complete=options.complete_stacks)
@click.argument("action", metavar="ACTION")
@click.argument("resource", metavar="RESOURCE")
@options.directory
@account_option
@options.as_json
@click.pass_context
def who_can(ctx: click.Context, stack: str, action: str, resource: str, account: str | None, as_json: bool) -> None:
    """Say who can do ACTION on RESOURCE by the documents of STACK.

    ACTION is as IAM spells it (sns:Publish). RESOURCE is an ARN, or the name of a topic, queue, bucket (or
    bucket/key), role or policy of the stack. Every kind of caller is tried against the documents: the accounts named
    in them, one that is not, services, nobody; over TLS and over plain HTTP.
    """
    from fedml_infra.operations.show_policies import documents, who

    from .output import print_json
    from .target import target

    on = target(ctx, stack, None)
    answer = who(action, resource, documents(on.stack.config, _accounts(on, account)))
    if as_json:
        print_json(answer.as_json())
    else:
        click.echo(str(answer))


@policies.command(
    cls=Command,
    short_help="The least rights of whoever runs the stack.",
    exits=[2, 3, 5, 6],
    examples=[
        ("what the role of a pipeline needs", "fedml-infra policies operator cardio"),
        ("and one that only previews", "fedml-infra policies operator cardio --read-only --json"),
        ("what `verify` needs besides", "fedml-infra policies operator cardio --verify"),
    ],
)
@options.stack
@click.option("--read-only", is_flag=True, help="What previews and drift need, and no more.")
@click.option("--verify", is_flag=True, help="What `verify` needs, and no more.")
@account_option
@options.as_json
@click.pass_context
def operator(
    ctx: click.Context,
    given: str | None,
    stack_option: str | None,
    read_only: bool,
    verify: bool,
    account: str | None,
    as_json: bool,
) -> None:
    """Print the least rights of whoever runs STACK, for each account of its own.

    Each document fits into one managed policy; where it takes several, attach all of them.
    """
    import json

    from fedml_infra.operations.show_policies import operator_documents, verifier_documents

    from .output import print_json
    from .target import target

    if read_only and verify:
        raise click.UsageError("--read-only and --verify exclude each other.", ctx)
    on = target(ctx, given, stack_option)
    config, accounts = on.stack.config, _accounts(on, account)
    found = (
        verifier_documents(config, accounts) if verify else operator_documents(config, accounts, read_only=read_only)
    )
    needed: dict[str, Any] = {own: list(several) for own, several in found.items()}
    if as_json:
        print_json({"stack": on.name, "read_only": read_only, "verify": verify, "accounts": needed})
        return
    for own, several in needed.items():
        for number, document in enumerate(several, start=1):
            of = f", document {number} of {len(several)}" if len(several) > 1 else ""
            click.echo(click.style(f"In account {own}{of}:", bold=True))
            click.echo(json.dumps(document, indent=2) + "\n")


def _accounts(on: Target, account: str | None) -> Accounts:
    """The stack's accounts: what was said, what the file tells, and AWS for the rest."""
    from fedml_infra.operations.show_policies import accounts_for_policies

    return accounts_for_policies(on.stack.config, on.stack.settings, account, on.tools.aws)
