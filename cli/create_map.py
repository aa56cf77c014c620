"""`create` from a request map of the REST API: its options, and the map that they lead to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from .create_options import STACK_OPTIONS
from .wire import REQUEST_OPTIONS, request_options

if TYPE_CHECKING:
    from fedml_infra.operations.from_map import Asked

F = TypeVar("F", bound=Callable[..., Any])


def map_options(command: F) -> F:
    """A map, plain or encrypted, and what it is decrypted with; `asked_of` reads it."""
    command = request_options(command)
    command = click.option(
        "--from-encrypted-map",
        type=click.File("rb"),
        metavar="FILE",
        help="The same as a client sends it, v1 or v2; - is standard input. Its key is --key-file, or asked for.",
    )(command)
    return click.option(
        "--from-map",
        type=click.File("rb"),
        metavar="FILE",
        help="All of it from the JSON map of a request; - is standard input. AWS keys in it are used for this run "
        "and kept nowhere.",
    )(command)


def asked_of(ctx: click.Context, given: Mapping[str, Any]) -> Asked | None:
    """What the map asks for; None where options say it all.

    UsageError for options that do not go together, ConfigurationError for a map that cannot be read or used.
    """
    _check(ctx, given)
    if given["from_map"] is None and given["from_encrypted_map"] is None:
        return None
    from fedml_infra.errors import ConfigurationError, Problem
    from fedml_infra.operations.from_map import read_map

    asked = read_map(_map(given), pid=given["pid"])
    named, wanted = asked.request.values["fedml-infra:fed_name"], given["fed_name"]
    if wanted is not None and named != wanted:
        raise ConfigurationError(
            "The request map cannot be used:",
            [Problem("fed_name", f"is {named!r} in the map, and {wanted!r} was asked for", "keep one of them")],
        )
    return asked


def _map(given: Mapping[str, Any]) -> dict[str, Any]:
    from fedml_infra.errors import ConfigurationError, UnreadableError
    from fedml_infra.wire import blobs
    from fedml_infra.wire.encoding import from_json

    from .wire import customer_key, request_context

    if given["from_map"] is not None:
        try:
            return from_json(given["from_map"].read())
        except ValueError:
            raise ConfigurationError(
                f"{given['from_map'].name} holds no JSON map.",
                fix='It looks like {"fed_name": "cardio", "sync_sched": "m30", …}; --from-encrypted-map takes a blob.',
            ) from None
    try:
        text = given["from_encrypted_map"].read().decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError from None
    context = request_context(given) if blobs.version_of(text) is blobs.Version.V2 else None
    return blobs.decrypt_request(text, customer_key(given), context)


def _check(ctx: click.Context, given: Mapping[str, Any]) -> None:
    """Raise UsageError for options that do not go together."""
    used = [name for name in given if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    maps = [name for name in ("from_map", "from_encrypted_map") if name in used]
    if len(maps) == 2:
        raise click.UsageError("--from-map and --from-encrypted-map exclude each other.", ctx)
    if not maps and given["fed_name"] is None:
        raise click.UsageError("Missing argument 'FED_NAME': name the federation, or give --from-map.", ctx)
    spellings = {parameter.name: parameter.opts[0] for parameter in ctx.command.params}
    if maps and (twice := [spellings[name] for name in used if name in STACK_OPTIONS - {"pid"}]):
        raise click.UsageError(f"{', '.join(twice)}: with {spellings[maps[0]]}, the map says that.", ctx)
    if maps != ["from_encrypted_map"] and (idle := [spellings[name] for name in used if name in REQUEST_OPTIONS]):
        raise click.UsageError(f"{', '.join(idle)}: only --from-encrypted-map needs that.", ctx)
