"""The rows of the benchmark, and how they are printed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure: seconds, the peak of all its processes' memory in MiB where known, and what it is compared with."""

    what: str
    seconds: float
    mebibytes: float | None = None
    compared: str = ""


def ratio(seconds: float, other: float, name: str) -> str:
    """`2.1 times NAME`."""
    return f"{seconds / other:.1f} times {name}"


def more(seconds: float, other: float, name: str) -> str:
    """`+0.8 s over NAME`."""
    return f"{seconds - other:+.2f} s over {name}"


def print_table(rows: Iterable[Row]) -> None:
    """As Markdown, which is readable as it is."""
    cells = [("what", "seconds", "MiB at most", "compared"), ("---", "---:", "---:", "---")]
    for row in rows:
        memory = "" if row.mebibytes is None else f"{row.mebibytes:.0f}"
        cells.append((row.what, f"{row.seconds:.2f}", memory, row.compared))
    widths = [max(len(row[at]) for row in cells) for at in range(4)]
    for row in cells:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
