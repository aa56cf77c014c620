"""All commands as plain values: what the manual page and the reference are made from."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

import click

from .command import EXIT_CODES, Command
from .root import fedml_infra

PROGRAM = "fedml-infra"

ENVIRONMENT = {
    "AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, …": "As for every AWS tool: whose credentials, where, against what.",
    "PULUMI_BACKEND_URL": "Where the state is kept: file://DIR, s3://BUCKET, or Pulumi Cloud where not set.",
    "PULUMI_CONFIG_PASSPHRASE": "The passphrase of the stack's secrets; or the same with _FILE, a file of it.",
    "PULUMI_HOME": "Where the engine keeps plugins and credentials.",
    "NO_COLOR": "Set to anything, nothing is coloured.",
    "FEDML_INFRA_TRACEBACK": "Set to 1, an unexpected error shows its whole traceback.",
    "FEDML_INFRA_RUNS_DIR": "Where the logs of runs are kept, instead of the user's state folder.",
    "FEDML_INFRA_KEY, FEDML_INFRA_PASSPHRASE": "For `wire`: the customer's key and an invite's passphrase.",
    "FEDML_INFRA_SANDBOX_DIR": "Where the sandbox keeps its state, instead of the user's data folder.",
}


@dataclass(frozen=True)
class Parameter:
    """One option or argument."""

    spelling: str
    help: str


@dataclass(frozen=True)
class Description:
    """One command."""

    path: str
    """Its words after the program's name, "" for the program itself."""
    usage: str
    short: str
    text: tuple[str, ...]
    """Paragraphs; one that begins with a newline keeps its lines."""
    parameters: tuple[Parameter, ...]
    examples: tuple[tuple[str, str], ...]
    exits: tuple[tuple[int, str], ...]


def describe() -> Iterator[Description]:
    """The program and every command below it, groups before their commands."""
    context = click.Context(fedml_infra, info_name=PROGRAM, **fedml_infra.context_settings)
    yield _described(fedml_infra, context, "")
    for name in fedml_infra.list_commands(context):
        yield from _below(name, fedml_infra, context, "")


def _below(name: str, parent: click.Group, above: click.Context, path: str) -> Iterator[Description]:
    command = parent.get_command(above, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=above)
    here = f"{path} {name}".strip()
    if command.hidden:
        return
    yield _described(command, context, here)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _below(inner, command, context, here)


def _described(command: click.Command, context: click.Context, path: str) -> Description:
    exits = command.exits if isinstance(command, Command) else EXIT_CODES if path == "" else {}
    return Description(
        path=path,
        usage=" ".join([f"{PROGRAM} {path}".strip(), *command.collect_usage_pieces(context)]),
        short=command.get_short_help_str(limit=200),
        text=_paragraphs(command.help or ""),
        parameters=tuple(_parameters(command, context)),
        examples=command.examples if isinstance(command, Command) else (),
        exits=tuple(exits.items()),
    )


def _paragraphs(text: str) -> tuple[str, ...]:
    found = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        kept = paragraph.removeprefix("\b\n")
        found.append("\n" + kept if kept != paragraph else " ".join(paragraph.split()))
    return tuple(found)


def _parameters(command: click.Command, context: click.Context) -> Iterator[Parameter]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            yield Parameter(record[0], " ".join(record[1].split()))
