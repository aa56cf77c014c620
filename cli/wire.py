"""`fedml-infra wire`: the wire formats from standard input to standard output, for shell scripts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .command import Group
from .secret_input import KEY_VARIABLE, PASSPHRASE_VARIABLE, read_secret

if TYPE_CHECKING:
    from pydantic import SecretStr

    from fedml_infra.wire.blobs import Version
    from fedml_infra.wire.keys import CustomerKey
    from fedml_infra.wire.v2.request import RequestContext

F = TypeVar("F", bound=Callable[..., Any])

REQUEST_OPTIONS = frozenset({"key_file", "verb", "path", "cid", "sym_date"})
"""Names of the parameters that `request_options` adds."""
CONTEXT = ("verb", "path", "cid", "sym_date")
"""What a v2 request is bound to."""

SECRETS = """
    The passphrase (of an invite) or the customer's key (of a request) comes from a file, from the environment or from
    a prompt at a terminal; never from an argument, which every user of the machine could see.
"""


def request_options(command: F) -> F:
    """Options that a request is decrypted with: for `customer_key` and `request_context`."""
    for option in reversed(
        [
            click.option(
                "--key-file",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                metavar="FILE",
                help=f"The customer's key; or in {KEY_VARIABLE}.",
            ),
            click.option("--verb", metavar="VERB", help="Of a v2 request: its verb, as POST."),
            click.option("--path", metavar="PATH", help="Of a v2 request: its path, as /symetry/rest/c1/fedml/create."),
            click.option("--cid", metavar="ID", help="Of a v2 request: the customer's id."),
            click.option("--sym-date", metavar="DATE", help="Of a v2 request: its sym-date header."),
        ]
    ):
        command = option(command)
    return command


def _options(command: F) -> F:
    command = request_options(command)
    for option in reversed(
        [
            click.option(
                "--what",
                type=click.Choice(["request", "invite"]),
                required=True,
                help="A REST request's body, or an invite.",
            ),
            click.option(
                "--passphrase-file",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                metavar="FILE",
                help=f"The invite's passphrase, one line; or in {PASSPHRASE_VARIABLE}.",
            ),
            click.option("--v1", "version", flag_value="v1", help="The format of existing clients, which is weak."),
            click.option("--v2", "version", flag_value="v2", help="Our own format."),
        ]
    ):
        command = option(command)
    return command


@click.group(cls=Group, short_help="Encrypt and decrypt what goes over the wire, in shell scripts.")
def wire() -> None:
    """Encrypt and decrypt request bodies and invites, from standard input to standard output."""


@wire.command(
    "encrypt",
    short_help="A JSON map from standard input, as a blob.",
    help="Encrypt the JSON map of strings on standard input, and print just the blob; v2 unless --v1 says otherwise.\n"
    + SECRETS,
    exits=[2],
    examples=[
        ("a request as existing clients send it", "fedml-infra wire encrypt --what request --v1 --key-file key < map"),
        ("an invite", "fedml-infra wire encrypt --what invite --passphrase-file pass < invite.json"),
        (
            "a v2 request",
            "fedml-infra wire encrypt --what request --key-file key --verb POST "
            "--path /symetry/rest/c1/fedml/create --cid c1 --sym-date '2026-01-31 12:00:00;0' < map.json",
        ),
    ],
)
@_options
def encrypt(what: str, version: str | None, **given: Any) -> None:
    from fedml_infra.wire import blobs
    from fedml_infra.wire.encoding import map_of_strings

    asked = _version(version) or blobs.Version.V2
    _check(what, given, version)
    context = request_context(given) if what == "request" and asked is blobs.Version.V2 else None
    values = map_of_strings(_input())
    if what == "invite":
        click.echo(blobs.encrypt_invite(values, _passphrase(given, twice=True), asked))
    else:
        click.echo(blobs.encrypt_request(values, customer_key(given), context))


@wire.command(
    "decrypt",
    short_help="A blob from standard input, as its JSON map.",
    help="Decrypt the blob on standard input, and print just its JSON map, whatever it holds. v1 and v2 are told apart "
    "by their form; --v1 and --v2 insist on one.\n" + SECRETS,
    exits={2: "configuration, usage, or a blob that cannot be read"},
    examples=[
        ("what an invite says", "fedml-infra wire decrypt --what invite < invite"),
        ("what a client sent", "fedml-infra wire decrypt --what request --key-file key < body"),
    ],
)
@_options
def decrypt(what: str, version: str | None, **given: Any) -> None:
    from fedml_infra.errors import UnreadableError
    from fedml_infra.wire import blobs

    from .output import print_json

    asked = _version(version)
    _check(what, given, version)
    try:
        text = _input().decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError from None
    if what == "invite":
        print_json(blobs.decrypt_invite(text, _passphrase(given), asked))
        return
    needs = (asked or blobs.version_of(text)) is blobs.Version.V2
    print_json(blobs.decrypt_request(text, customer_key(given), request_context(given) if needs else None, asked))


def _version(given: str | None) -> Version | None:
    from fedml_infra.wire.blobs import Version

    return Version(given) if given else None


def _check(what: str, given: dict[str, Any], version: str | None) -> None:
    """Raise UsageError for an option that belongs to the other kind, or to v2."""
    foreign = ("key_file", *CONTEXT) if what == "invite" else ("passphrase_file",)
    for name in foreign:
        if given[name] is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} does not go with --what {what}.")
    if version == "v1" and any(given[name] is not None for name in CONTEXT):
        raise click.UsageError("A v1 request is bound to nothing: leave --verb, --path, --cid and --sym-date out.")


def request_context(given: Mapping[str, Any]) -> RequestContext:
    """What a v2 request is bound to, of `request_options`. UsageError names every option that is missing."""
    from fedml_infra.wire.v2.request import RequestContext

    if missing := [f"--{name.replace('_', '-')}" for name in CONTEXT if given[name] is None]:
        raise click.UsageError(f"A v2 request is bound to these too: {', '.join(missing)}.")
    return RequestContext(given["verb"], given["path"], given["cid"], given["sym_date"])


def _input() -> bytes:
    return sys.stdin.buffer.read()


def customer_key(given: Mapping[str, Any]) -> CustomerKey:
    """The key that a customer's requests are encrypted with, of `request_options`, the environment or a prompt."""
    from fedml_infra.wire.keys import CustomerKey

    return CustomerKey.parse(read_secret("The customer's key", given["key_file"], "--key-file", KEY_VARIABLE))


def _passphrase(given: dict[str, Any], *, twice: bool = False) -> SecretStr:
    return read_secret(
        "The invite's passphrase", given["passphrase_file"], "--passphrase-file", PASSPHRASE_VARIABLE, twice=twice
    )
