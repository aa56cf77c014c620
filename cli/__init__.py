"""The command line. `main` is what the console script calls, and the only place where an error becomes an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from fedml_infra.operations.tools import Tools

TRACEBACK_VARIABLE = "FEDML_INFRA_TRACEBACK"
"""Set to 1, an unexpected error shows its whole traceback instead of one line."""

CANCELLED = 8


def main(arguments: Sequence[str] | None = None, *, tools: Tools | None = None) -> int:
    """Run the command line and return its exit code: 0 to 9 as the help of every command says, 2 for wrong usage.

    `tools`: AWS and the engine to act with; the real ones where None. Where the reader of standard output went away
    (`… | head`), click ends the process with 1 and says nothing.
    """
    from .root import fedml_infra

    try:
        code = fedml_infra.main(args=arguments, prog_name="fedml-infra", standalone_mode=False, obj={"tools": tools})
    except click.Abort:
        click.echo("Cancelled. The same command goes on from here.", err=True)
        return CANCELLED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Exception as error:
        return _tell(error)
    return code if isinstance(code, int) else 0


def _tell(error: Exception) -> int:
    """Say on standard error what happened; the exit code comes from the one table of errors."""
    from fedml_infra.errors import FedmlError, answer_of

    if os.environ.get(TRACEBACK_VARIABLE) == "1":
        import traceback

        from fedml_infra.engine.redaction import Redactor

        click.echo(Redactor.of(os.environ)("".join(traceback.format_exception(error))), err=True)
    if isinstance(error, FedmlError):
        colour = False if os.environ.get("NO_COLOR") else None
        click.echo(f"{click.style('Error:', fg='red', bold=True)} {error}", err=True, color=colour)
    else:
        # Only the kind and the place: the text of an error nobody expected may quote anything, a secret too.
        click.echo(
            f"Internal error: {type(error).__name__} at {_place(error)}; "
            f"run the same again with {TRACEBACK_VARIABLE}=1 to see the traceback.",
            err=True,
        )
    return answer_of(error).exit_code


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    module = trace.tb_frame.f_globals.get("__name__", "?")
    return f"{module}:{trace.tb_lineno}"


def run() -> NoReturn:
    """`main` as a process: what `python -m fedml_infra.cli` does."""
    sys.exit(main())
