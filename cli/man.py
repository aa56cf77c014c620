"""`fedml-infra man`: the manual page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .command import Command

if TYPE_CHECKING:
    from .describe import Description


@click.command(
    cls=Command,
    short_help="The manual page.",
    examples=[
        ("read it", "fedml-infra man | man -l -"),
        ("install it for one user", "fedml-infra man > ~/.local/share/man/man1/fedml-infra.1"),
    ],
)
def man() -> None:
    """Print the manual page of all commands, in the man macros that `man` reads."""
    click.echo(page(), nl=False)


def page() -> str:
    """The manual page as roff."""
    from .describe import ENVIRONMENT, PROGRAM, describe

    first, *commands = describe()
    lines = [
        f'.TH "{PROGRAM.upper()}" "1" "" "{PROGRAM}" "User Commands"',
        ".SH NAME",
        f"{PROGRAM} \\- {_safe(first.short)}",
    ]
    lines += [".SH SYNOPSIS", f".B {_safe(first.usage)}", ".SH DESCRIPTION", *_text(first), ".SH OPTIONS"]
    lines += _parameters(first)
    lines.append(".SH COMMANDS")
    for command in commands:
        lines += [f'.SS "{_safe(command.usage)}"', *_text(command), *_parameters(command)]
        for purpose, line in command.examples:
            lines += [
                ".PP",
                f"{_safe(purpose[0].upper() + purpose[1:])}:",
                ".PP",
                ".in +4n",
                ".EX",
                _safe(line),
                ".EE",
                ".in",
            ]
    lines.append(".SH EXIT STATUS")
    for code, meaning in first.exits:
        lines += [".TP", f".B {code}", _safe(meaning)]
    lines.append(".SH ENVIRONMENT")
    for name, meaning in ENVIRONMENT.items():
        lines += [".TP", f".B {_safe(name)}", _safe(meaning)]
    lines += [".SH FILES", ".TP", ".B Pulumi.yaml", "The project.", ".TP", ".B stacks/Pulumi.STACK.yaml"]
    lines += ["One federation: what the reference of the stack file says."]
    return "\n".join(lines) + "\n"


def _text(command: Description) -> list[str]:
    lines = []
    for paragraph in command.text:
        lines.append(".PP")
        if paragraph.startswith("\n"):
            lines += [".nf", *(_safe(line) for line in paragraph[1:].splitlines()), ".fi"]
        else:
            lines.append(_safe(paragraph))
    return lines


def _parameters(command: Description) -> list[str]:
    lines = []
    for parameter in command.parameters:
        lines += [".TP", f".B {_safe(parameter.spelling)}", _safe(parameter.help)]
    return lines


def _safe(text: str) -> str:
    """Text that roff takes for nothing else: no request at a line's start, hyphens that can be searched and copied.

    What is not ASCII is named by its code point, since not every roff reads UTF-8.
    """
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    escaped = "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in escaped)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
