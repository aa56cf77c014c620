"""Which of the texts on a code host is ours: by its marker, and by who wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from fedml_infra.gitops.hosting.connection import UnansweredError

Row = Mapping[str, Any]
T = TypeVar("T")


def marked(marker: str, body: str) -> str:
    """The body with its marker, an HTML comment."""
    return body if marker in body else f"{marker}\n{body}"


def first_of_ours(rows: Iterable[Row], marker: str, text: str, is_own: Callable[[Row], bool]) -> Row | None:
    """The oldest row that has the marker in `text`, and that we wrote: rows come oldest first."""
    return next((row for row in rows if marker in str(row.get(text) or "") and is_own(row)), None)


def made_once(make: Callable[[], T], found: Callable[[], T | None]) -> T:
    """Make something; where the host gave no answer, look whether it is there before that is an error."""
    try:
        return make()
    except UnansweredError:
        there = found()
        if there is None:
            raise
        return there
