"""`fedml-infra runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command, Group

if TYPE_CHECKING:
    from fedml_infra.operations.runs import Record

COLOURS = {"done": "green", "changes found": "yellow", "running": "cyan"}
"""By outcome; all others are red."""


@click.group(cls=Group, short_help="What was run here, and what came of it.")
def runs() -> None:
    """Look at the logs of earlier runs of this project.

    Every command that runs the engine keeps one: who ran what and when, each resource, and how it ended. They lie in
    the user's state folder, readable by their owner only and without secrets; of each stack the last 50 are kept.
    """


@runs.command(
    "list",
    cls=Command,
    short_help="The runs, the newest last.",
    exits=[2],
    examples=[
        ("see them", "fedml-infra runs list"),
        ("those that were cut off", "fedml-infra runs list --json | jq '.runs[] | select(.outcome == \"cut off\")'"),
    ],
)
@options.stack
@options.as_json
@click.pass_context
def list_runs(ctx: click.Context, given: str | None, stack_option: str | None, as_json: bool) -> None:
    """List the runs of STACK, or of all stacks of this project, those of stacks that are gone as well.

    One that was killed has no end: it is `cut off`, and the same command goes on where it was.
    """
    from fedml_infra.operations.runs import records

    from .output import print_json, print_table, say
    from .target import chosen, project_of

    project = project_of(ctx)
    found = records(project, chosen(ctx, given, stack_option))
    if as_json:
        print_json({"project": str(project), "runs": [each.as_json() for each in found]})
        return
    if not found:
        say(f"Nothing was run in {project} yet.")
        return
    rows = [
        (
            each.id,
            each.stack,
            each.command,
            str(each.outcome),
            "" if each.exit_code is None else str(each.exit_code),
            "" if each.seconds is None else f"{each.seconds:.1f} s",
            resources(each),
            f"{each.user}@{each.host}",
        )
        for each in found
    ]
    print_table(("run", "stack", "command", "outcome", "exit", "took", "resources", "who"), rows)


@runs.command(
    "show",
    cls=Command,
    short_help="One run, from its beginning to its end.",
    exits=[2],
    examples=[
        ("read it; a part of the id will do", "fedml-infra runs show 20260102T0304"),
        (
            "what failed",
            "fedml-infra runs show 20260102T0304 --json | jq '.events[] | select(.kind == \"resource failed\")'",
        ),
    ],
)
@options.directory
@click.argument("run_id", metavar="ID", shell_complete=lambda ctx, _, text: _complete(ctx, text))
@options.as_json
@click.pass_context
def show_run(ctx: click.Context, run_id: str, as_json: bool) -> None:
    """Print what the run ID did, in the order in which it happened."""
    from fedml_infra.operations.runs import find
    from fedml_infra.operations.runs.record import lines_of

    from .output import print_facts, print_json, say
    from .target import project_of

    found = find(project_of(ctx), run_id)
    lines = [line for line in lines_of(found.path) if line.get("record") in ("event", "note")]
    if as_json:
        print_json({**found.as_json(), "events": lines})
        return
    colour = COLOURS.get(str(found.outcome), "red")
    facts = [
        ("run", found.id),
        ("command", " ".join((found.command, *found.flags))),
        ("stack", found.stack),
        ("who", f"{found.user}@{found.host}, process {found.pid}"),
        ("started", found.started),
        ("ended", found.ended or ""),
        ("outcome", click.style(str(found.outcome), fg=colour)),
        ("exit code", "" if found.exit_code is None else str(found.exit_code)),
        ("resources", resources(found)),
        ("message", found.message or ""),
    ]
    print_facts([(name, value) for name, value in facts if value])
    for line in lines:
        text = _line(line)
        if text is not None:
            click.echo(f"{line.get('elapsed', 0.0):8.1f} s  {text}")
    if found.error:
        click.echo(f"{click.style('Error:', fg='red', bold=True)} {found.error}")
    if found.truncated:
        say("The log grew too large: later events are not in it.")
    if str(found.outcome) == "cut off":
        say(f"It was cut off: `fedml-infra {found.command} {found.stack}` goes on where it was.")


def resources(found: Record) -> str:
    """`3 create, 1 update`."""
    return ", ".join(f"{number} {op}" for op, number in (found.resources or {}).items())


def _line(line: dict[str, Any]) -> str | None:
    """An event as one line; None for what only says that something has begun."""
    from fedml_infra.engine.events import label

    from .progress import DOING

    if line["record"] == "note":
        return click.style(str(line.get("text")), bold=True)
    kind, op, urn = line.get("kind"), str(line.get("op") or ""), line.get("urn")
    if kind == "resource done":
        sign, _, done, colour = DOING.get(op, ("•", op, op, "white"))
        return f"{click.style(f'{sign} {done}', fg=colour)} {label(str(urn))}"
    if kind == "resource failed":
        return f"{click.style('✗ failed', fg='red')} {label(str(urn))} {line.get('text') or ''}".rstrip()
    if kind in ("message", "policy violation"):
        return f"{line.get('severity')}: {line.get('text')}"
    return None


def _complete(ctx: click.Context, incomplete: str) -> list[str]:
    from fedml_infra.errors import FedmlError
    from fedml_infra.operations.runs import records

    from .target import project_of

    try:
        return [each.id for each in records(project_of(ctx)) if each.id.startswith(incomplete)]
    except FedmlError:
        return []
