"""Questions: answered by `--yes`, asked only at a terminal, never in a script."""

from __future__ import annotations

import sys

import click


def agreed(question: str, *, yes: bool, default: bool = False) -> bool:
    """Whether the person agrees. Raises ConfigurationError without `--yes` where there is no terminal to ask at."""
    if yes:
        return True
    _terminal(question)
    return click.confirm(question, default=default, err=True)


def require(question: str, *, yes: bool) -> None:
    """Go on only if the person agrees. Raises CancelledError where not, ConfigurationError without a terminal."""
    if not agreed(question, yes=yes):
        from fedml_infra.errors import CancelledError

        raise CancelledError("Nothing was changed, as the answer was no.")


def ask_text(what: str, option: str) -> str:
    """What a person types. Raises ConfigurationError that names the option where there is no terminal to ask at."""
    from fedml_infra.errors import ConfigurationError

    if not sys.stdin.isatty():
        raise ConfigurationError(f"{what} is missing, and there is no terminal to ask at.", fix=f"Give {option}.")
    return str(click.prompt(what, err=True)).strip()


def _terminal(question: str) -> None:
    from fedml_infra.errors import ConfigurationError

    if not sys.stdin.isatty():
        raise ConfigurationError(
            f"This has to be agreed to, and there is no terminal to ask at: {question}",
            fix="Give --yes to agree beforehand.",
        )
