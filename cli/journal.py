"""The log of a command's run: begun with its first run of the engine, ended with its exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fedml_infra.operations.runs import Journal

KEY = "fedml_infra.journal"
CANCELLED = 8


def journal_of(project: Path, stack: str) -> Journal | None:
    """The log of the command that runs now, begun where it is not; None outside of a command."""
    context = click.get_current_context(silent=True)
    if context is None:
        return None
    kept: Journal | None = context.meta.get(KEY)
    if kept is None:
        from fedml_infra.operations.runs import Journal

        parts = context.command_path.split()
        kept = Journal(
            project,
            stack,
            " ".join(parts[1:]),
            # Switches only: what is given as a value may be anything.
            flags=(f"--{name.replace('_', '-')}" for name, value in _spelt(context) if value is True),
            message=context.params.get("message"),
        )
        context.meta[KEY] = kept
        if kept.problem is not None:
            from .output import warn

            warn(kept.problem)
    return kept


def end_journal(context: click.Context, error: BaseException | None) -> None:
    """End the log of a command, if it has one."""
    kept: Journal | None = context.meta.pop(KEY, None)
    if kept is None:
        return
    code, told = _told(error)
    had = kept.problem
    kept.end(code, told)
    if kept.problem is not None and had is None:
        from .output import warn

        warn(kept.problem)


def _told(error: BaseException | None) -> tuple[int, str | None]:
    """The exit code, and what is said of the error."""
    if error is None:
        return 0, None
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code, None
    if isinstance(error, click.ClickException):
        return error.exit_code, error.format_message()
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return CANCELLED, "stopped with Ctrl-C"
    from fedml_infra.errors import FedmlError, answer_of

    # The text of an error that nobody expected may quote anything, a secret too.
    told = str(error) if isinstance(error, FedmlError) else type(error).__name__
    return answer_of(error).exit_code if isinstance(error, Exception) else 1, told


def _spelt(context: click.Context) -> list[tuple[str, object]]:
    """Parameters of the command by the name they are spelt with."""
    spelt = []
    for parameter in context.command.params:
        longest = max(parameter.opts, key=len).lstrip("-") if parameter.opts else ""
        spelt.append((longest, context.params.get(parameter.name or "")))
    return spelt
