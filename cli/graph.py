"""`fedml-infra graph`."""

from __future__ import annotations

from pathlib import Path

import click

from . import options
from .command import Command

FORMATS = ("text", "json", "mermaid", "svg")


@click.command(
    cls=Command,
    short_help="Who publishes to whom, and who receives: text, JSON, Mermaid or SVG.",
    exits=[2, 6],
    examples=[
        ("in the terminal", "fedml-infra graph cardio"),
        ("a picture for a slide", "fedml-infra graph cardio -o cardio.svg"),
        ("for a README or a wiki", "fedml-infra graph cardio --format mermaid"),
    ],
)
@options.stack
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: what FILE's ending says, else text.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it into FILE instead of standard output.",
)
@options.as_json
@click.pass_context
def graph(
    ctx: click.Context,
    given: str | None,
    stack_option: str | None,
    form: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Show STACK's federation: its topic, who publishes to it and who receives, in which accounts and regions.

    The administrator's stack shows the members too, with the pids and regions that the stack file or the topic's
    subscriptions tell; a joining organisation's shows the topic and its own nodes. It works before anything is up and
    without credentials: what is not known is then called unknown. --json is --format json.
    """
    from fedml_infra.operations.graph.draw import FORMATS as RENDERERS
    from fedml_infra.operations.graph.draw import draw

    from .output import say, warn
    from .target import target

    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} exclude each other.", ctx)
    chosen = "json" if as_json else form or _by_name(output)
    on = target(ctx, given, stack_option)
    found, notes = draw(on.stack, on.engine, on.tools.aws)
    for note in notes:
        warn(note)
    made = RENDERERS[chosen](found)
    if output is None:
        click.echo(made, nl=False)
        return
    _write(output, made)
    say(f"{output}: the graph of {on.name}, as {chosen}.")


def _by_name(output: Path | None) -> str:
    from fedml_infra.operations.graph.draw import ENDINGS

    return ENDINGS.get(output.suffix.lower(), "text") if output is not None else "text"


def _write(path: Path, text: str) -> None:
    from fedml_infra.errors import ConfigurationError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}.", fix="Name a file in a folder that is yours with -o."
        ) from error
