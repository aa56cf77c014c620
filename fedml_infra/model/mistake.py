"""The one way in which a value of the model is refused."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import date


class MistakeError(ValueError):
    """A value that cannot be right: `what` says why, `fix` what would be.

    It is a ValueError, so that pydantic collects it with the others; `validation.validate` makes Problems of them.
    """

    def __init__(self, what: str, fix: str | None = None) -> None:
        super().__init__(f"{what}: {fix}" if fix else what)
        self.what = what
        self.fix = fix


def nearest(word: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Those of `known` that `word` was most likely meant to be, best first; empty where nothing is near."""
    return tuple(difflib.get_close_matches(word, tuple(known), n=most, cutoff=0.6))


def kind_of(value: object) -> str:
    """What a person calls the type of a value in a YAML file."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
        case date():
            return "a date"
        case _:
            return type(value).__name__


def text(value: object) -> str:
    """The value, which must be text. Numbers are refused, not converted: YAML has dropped their leading zeros."""
    if isinstance(value, str):
        return value
    fix = "put it in quotes" if isinstance(value, int | float | date) else None
    raise MistakeError(f"must be text, not {kind_of(value)}", fix)
