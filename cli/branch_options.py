"""`--branch` and `--no-apply`: a change is written, and whoever reviews and applies it comes later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Way:
    """What becomes of a change."""

    branch: str | None = None
    no_apply: bool = False

    @property
    def writes_only(self) -> bool:
        """Whether nothing is brought up."""
        return self.branch is not None or self.no_apply


def branch_options(command: F) -> F:
    """`--branch NAME` and `--no-apply`, which `way_of` reads."""
    return click.option(
        "--branch",
        metavar="NAME",
        help="Propose it: commit the stack file on this branch, beside what is checked out, push it, and open the pull "
        "request where gh or glab is there. Nothing is brought up.",
    )(no_apply_option(command))


def no_apply_option(command: F) -> F:
    """`--no-apply`."""
    return click.option(
        "--no-apply", is_flag=True, help="Write the stack file and stop: `up`, or a pipeline, does the rest."
    )(command)


def way_of(ctx: click.Context) -> Way:
    """What the options of the command say. Raises UsageError for what does not go together."""
    given = ctx.params
    way = Way(given.get("branch"), bool(given.get("no_apply")))
    if way.branch is not None and way.no_apply:
        raise click.UsageError("--branch and --no-apply exclude each other.", ctx)
    if way.writes_only and given.get("only_preview"):
        raise click.UsageError(f"--preview and {spelt(way)} exclude each other.", ctx)
    return way


def refuse_beside(ctx: click.Context, way: Way, **idle: str) -> None:
    """Raise UsageError for options, by parameter and as they are spelt, that do nothing where nothing is brought up."""
    used = [option for name, option in idle.items() if ctx.params.get(name)]
    if way.writes_only and used:
        raise click.UsageError(f"{', '.join(used)}: not with {spelt(way)}, as nothing is brought up.", ctx)


def spelt(way: Way) -> str:
    """The option that was given."""
    return "--no-apply" if way.no_apply else "--branch"
