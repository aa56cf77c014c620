"""Options that several commands share, so that they are spelt and explained the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

F = TypeVar("F", bound=Callable[..., Any])


def directory(command: F) -> F:
    """`-C DIR`, also after the command's name; before it, it holds for whatever follows."""

    def remember(ctx: click.Context, _parameter: click.Parameter, given: Path | None) -> None:
        if given is not None:
            ctx.ensure_object(dict)["directory"] = given

    return click.option(
        "-C",
        "--directory",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="DIR",
        expose_value=False,
        callback=remember,
        help="Act on the project in DIR instead of the current folder (or one above it).",
    )(command)


def stack(command: F) -> F:
    """The stack, as first argument or `-s`; passed on as `given` and `stack_option`."""
    command = stack_option(command)
    return click.argument("given", metavar="[STACK]", required=False, shell_complete=complete_stacks)(command)


def stack_option(command: F) -> F:
    """The stack as `-s` alone, where the arguments are something else; passed on as `stack_option`."""
    return click.option(
        "-s",
        "--stack",
        "stack_option",
        metavar="STACK",
        shell_complete=complete_stacks,
        help="The stack, where it is not the first argument.",
    )(directory(command))


def as_json(command: F) -> F:
    """`--json`, passed on as `as_json`."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print one JSON document on standard output, all else on standard error.",
    )(command)


def yes(command: F) -> F:
    """`--yes`."""
    return click.option("-y", "--yes", is_flag=True, help="Agree to everything that would be asked.")(command)


def timeout(command: F) -> F:
    """`--timeout`, in seconds."""
    return click.option(
        "--timeout",
        type=click.IntRange(min=1),
        metavar="SECONDS",
        help="Stop the run after so long, cleanly, and exit with 9.",
    )(command)


def wait(command: F) -> F:
    """`--wait` and `--wait-timeout`, passed on as `wait`: seconds, 0 where neither is given."""

    @wraps(command)
    def waiting(*args: Any, wait: bool, wait_timeout: float | None, **others: Any) -> Any:
        seconds = wait_timeout if wait_timeout is not None else float("inf") if wait else 0.0
        return command(*args, wait=seconds, **others)

    limited = click.option(
        "--wait-timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Wait like that, so long at most.",
    )(waiting)
    # A flag: an option whose value may be left out would take the stack's name for it.
    return cast(
        F,
        click.option(
            "--wait",
            is_flag=True,
            help="Wait for another run of the stack to end; without it the answer is who runs it.",
        )(limited),
    )


def message(command: F) -> F:
    """`-m`, kept in the stack's history."""
    return click.option("-m", "--message", metavar="TEXT", help="What this run is for; kept in the stack's history.")(
        command
    )


def complete_stacks(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of the stack files here, for the shell's completion."""
    from .target import stack_names

    return [name for name in stack_names(ctx) if name.startswith(incomplete)]
