"""The class of all commands: examples and exit codes in the help, and an error as JSON where JSON was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

EXIT_CODES = {
    0: "done",
    1: "error",
    2: "configuration or usage",
    3: "authentication",
    4: "resource",
    5: "policy",
    6: "no such stack",
    7: "changes found where none were expected",
    8: "cancelled",
    9: "timed out",
}
"""What every exit code means, whatever the command."""


class Command(click.Command):
    """A command with `examples` (what it is for, the line) and the `exits` that it may end with besides 0 and 1."""

    def __init__(
        self,
        *args: Any,
        examples: Sequence[tuple[str, str]] = (),
        exits: Mapping[int, str] | Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        own = exits if isinstance(exits, Mapping) else {code: EXIT_CODES[code] for code in exits}
        self.exits = dict(sorted({0: EXIT_CODES[0], 1: EXIT_CODES[1], **own}.items()))

    def invoke(self, ctx: click.Context) -> Any:
        from .journal import end_journal

        ended: BaseException | None = None
        try:
            return super().invoke(ctx)
        except BaseException as error:
            ended = error
            if isinstance(error, Exception) and ctx.params.get("as_json"):
                _print_error(error)
            raise
        finally:
            end_journal(ctx, ended)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for purpose, line in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}# {purpose}\n")
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in self.exits.items()])


class Group(click.Group):
    """A group of a few commands in one module."""

    command_class = Command


def _print_error(error: Exception) -> None:
    from fedml_infra.errors import ConfigurationError, FedmlError, answer_of

    from .output import print_json

    if not isinstance(error, FedmlError):
        return
    told: dict[str, Any] = {
        "kind": type(error).__name__,
        "exit_code": answer_of(error).exit_code,
        "what": error.what,
        "fix": error.fix,
    }
    if isinstance(error, ConfigurationError):
        told["problems"] = [problem.as_json() for problem in error.problems]
    print_json({"error": told})
