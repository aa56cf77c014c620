"""`fedml-infra customers`: who may call the REST service."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Group
from .master_key_option import master_key_of, master_key_option
from .store_options import store_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import SecretStr

    from fedml_infra.operations.customers import WithKey
    from fedml_infra.store.sealing import Sealer
    from fedml_infra.store.store import Store

key_stdin = click.option("--key-stdin", is_flag=True, help="Bring a key on standard input: base64, one line.")


@click.group(cls=Group, short_help="Customers of the REST service: their keys, accounts and quotas.")
def customers() -> None:
    """Say who may call `fedml-infra serve`, in which AWS accounts, and with whose credentials.

    These commands act on the store that `serve` is given: the same --data-dir, --database-url and master key. They
    work while it runs.
    """


@customers.command(
    "add",
    short_help="Add a customer, and show its key this once.",
    exits=[2],
    examples=[
        ("a customer of our own formats", "fedml-infra customers add c1"),
        ("one with an existing client, which only encrypts", "fedml-infra customers add c1 --v1 --unsigned"),
        (
            "one whose role is assumed, so that it gives no AWS keys",
            "fedml-infra customers add c1 --role-arn arn:aws:iam::222222222222:role/fedml-infra --refuse-keys",
        ),
        ("in a script", "fedml-infra customers add c1 --json > c1.json"),
    ],
)
@click.argument("cid", metavar="CID")
@click.option("--v1", is_flag=True, help="For existing clients: the ciphers of before. Weak.")
@click.option("--unsigned", is_flag=True, help="Take its requests without a signature, encrypted only.")
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="ID",
    help="An AWS account that it may act in; any if none is given.",
)
@click.option("--quota", type=int, metavar="N", help="Projects that it may have.")
@click.option("--role-arn", metavar="ARN", help="Its role, assumed for its runs where a request brings no AWS keys.")
@click.option("--refuse-keys", is_flag=True, help="With --role-arn: refuse requests that bring AWS keys.")
@key_stdin
@store_options
@master_key_option
@options.as_json
def add(
    cid: str,
    v1: bool,
    unsigned: bool,
    accounts: tuple[str, ...],
    quota: int | None,
    role_arn: str | None,
    refuse_keys: bool,
    key_stdin: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Add the customer CID: letters, digits, _ and -, a part of each address that it calls.

    Its key is made here and shown once; the store keeps it sealed. It goes to standard output, all else to standard
    error.
    """
    from fedml_infra.operations.customers import CustomerWanted, add_customer

    from .output import say, warn

    wanted = CustomerWanted(
        cid, "v1" if v1 else "v2", _brought(key_stdin), unsigned, accounts, quota, role_arn, refuse_keys
    )
    with _opened(given) as (store, sealer):
        made = add_customer(store, sealer, wanted)
    if v1:
        warn("The ciphers of v1 are weak, and nothing shows whether what they carry was changed on the way.")
    if unsigned:
        warn("Whoever hears an encrypted request of this customer can send it again.")
    _show_key(made, as_json=as_json)
    if role_arn is not None:
        say(f"The trust policy of {role_arn} has to ask for the external id {made.customer.external_id}:")
        say(f"`fedml-infra customers show {cid}` prints it.")


@customers.command(
    "list",
    short_help="Every customer.",
    exits=[2],
    examples=[("see them", "fedml-infra customers list"), ("for a program", "fedml-infra customers list --json")],
)
@store_options
@options.as_json
def list_customers(as_json: bool, **given: Any) -> None:
    """List the customers, by id."""
    from fedml_infra.operations.customers import customer_json

    from .output import print_json, print_table, say
    from .store_options import store_of

    with store_of(given) as store:
        found = [customer_json(each, store.workspaces.count(each.cid)) for each in store.customers.list()]
    if as_json:
        print_json({"customers": found})
        return
    if not found:
        say("There is no customer yet: `fedml-infra customers add CID`.")
        return
    rows = [
        (
            each["cid"],
            each["version"],
            "unsigned" if each["unsigned"] else "signed",
            f"{each['projects']}" + (f" of {each['quota']}" if each["quota"] is not None else ""),
            ", ".join(each["accounts"]) or "any",
            each["role_arn"] or "keys",
            "disabled" if each["disabled_at"] else "",
        )
        for each in found
    ]
    print_table(("customer", "format", "requests", "projects", "accounts", "acts with", ""), rows)


@customers.command(
    "show",
    short_help="One customer, its projects and its role's trust policy.",
    exits=[2],
    examples=[
        ("see it", "fedml-infra customers show c1"),
        ("only the trust policy", "fedml-infra customers show c1 --json | jq -r .trust_policy"),
    ],
)
@click.argument("cid", metavar="CID")
@click.option(
    "--service-arn",
    metavar="ARN",
    default="arn:aws:iam::SERVICE_ACCOUNT:role/SERVICE_ROLE",
    help="Whose credentials the service runs with, for the trust policy.",
)
@store_options
@options.as_json
def show(cid: str, service_arn: str, as_json: bool, **given: Any) -> None:
    """Show what is turned on for CID. Its key is never shown again: `customers rotate-key` makes another."""
    from fedml_infra.operations.customers import customer_json, trust_policy

    from .output import print_facts, print_json
    from .store_options import store_of

    with store_of(given) as store:
        customer, projects = store.customers.require(cid), store.workspaces.list(cid)
    found = customer_json(customer, len(projects))
    policy = trust_policy(customer, service_arn)
    if as_json:
        listed = [{"pid": each.pid, "fed_name": each.fed_name, "is_hub": each.is_hub} for each in projects]
        print_json({**found, "projects": listed, "trust_policy": policy})
        return
    said = {**found, "accounts": ", ".join(customer.accounts) or "any", "quota": customer.quota or "none"}
    said["projects"] = ", ".join(each.pid for each in projects) or "none"
    print_facts([(name.replace("_", " "), str(value)) for name, value in said.items() if value is not None])
    if customer.role_arn is not None:
        click.echo(f"Trust policy of {customer.role_arn}:\n{policy}")


@customers.command(
    "rotate-key",
    short_help="Give a customer another key.",
    exits=[2],
    examples=[("make one", "fedml-infra customers rotate-key c1"), ("bring one", "… --key-stdin < key")],
)
@click.argument("cid", metavar="CID")
@key_stdin
@store_options
@master_key_option
@options.as_json
def rotate(cid: str, key_stdin: bool, as_json: bool, **given: Any) -> None:
    """Give CID another key, which is shown once. The one before is worth nothing from now on."""
    from fedml_infra.operations.customers import rotate_key

    brought = _brought(key_stdin)
    with _opened(given) as (store, sealer):
        made = rotate_key(store, sealer, cid, brought)
    _show_key(made, as_json=as_json)


@customers.command(
    "disable",
    short_help="Refuse all calls of a customer.",
    exits=[2],
    examples=[("from now on", "fedml-infra customers disable c1")],
)
@click.argument("cid", metavar="CID")
@store_options
@options.as_json
def disable(cid: str, as_json: bool, **given: Any) -> None:
    """Refuse all calls of CID from now on. What it has in AWS stays as it is."""
    _set_disabled(cid, given, disabled=True, as_json=as_json)


@customers.command(
    "enable",
    short_help="Take calls of a customer again.",
    exits=[2],
    examples=[("again", "fedml-infra customers enable c1")],
)
@click.argument("cid", metavar="CID")
@store_options
@options.as_json
def enable(cid: str, as_json: bool, **given: Any) -> None:
    """Take calls of CID again, with the key that it had."""
    _set_disabled(cid, given, disabled=False, as_json=as_json)


@customers.command(
    "remove",
    short_help="Forget a customer.",
    exits=[2],
    examples=[("one without projects", "fedml-infra customers remove c1 --yes")],
)
@click.argument("cid", metavar="CID")
@click.option(
    "--even-with-projects",
    is_flag=True,
    help="Forget its projects and their stack files too; what they made in AWS stays there.",
)
@options.yes
@store_options
@options.as_json
def remove(cid: str, even_with_projects: bool, yes: bool, as_json: bool, **given: Any) -> None:
    """Forget CID and its key. Refused while it has projects or jobs under way."""
    from fedml_infra.operations.customers import remove_customer

    from .ask import require
    from .output import print_json, say
    from .store_options import store_of

    with store_of(given) as store:
        store.customers.require(cid)
        require(f"Forget customer {cid} and its key?", yes=yes)
        remove_customer(store, cid, even_with_projects=even_with_projects)
    if as_json:
        print_json({"cid": cid, "removed": True})
    else:
        say(f"Customer {cid} is forgotten.")


def _set_disabled(cid: str, given: Mapping[str, Any], *, disabled: bool, as_json: bool) -> None:
    from fedml_infra.operations.customers import customer_json, set_disabled

    from .output import print_json, say
    from .store_options import store_of

    with store_of(given) as store:
        found = customer_json(set_disabled(store, cid, disabled=disabled), store.workspaces.count(cid))
    if as_json:
        print_json(found)
    else:
        say(f"Calls of customer {cid} are {'refused' if disabled else 'taken'} from now on.")


@contextmanager
def _opened(given: Mapping[str, Any]) -> Iterator[tuple[Store, Sealer]]:
    """The store, and what seals in it."""
    from fedml_infra.store.sealing import Sealer

    from .store_options import store_of

    with store_of(given) as store:
        yield store, Sealer(master_key_of(given, store))


def _brought(asked: bool) -> SecretStr | None:
    from pydantic import SecretStr

    return SecretStr(sys.stdin.readline().strip()) if asked else None


def _show_key(made: WithKey, *, as_json: bool) -> None:
    from .output import print_json, say

    key = made.key.text.get_secret_value()
    if as_json:
        print_json({"cid": made.customer.cid, "key": key})
        return
    click.echo(key)
    say(f"This is the key of customer {made.customer.cid}. It is shown this once.")
