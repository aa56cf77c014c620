"""What is printed where: the answer on standard output, everything said on the way on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console


def print_json(document: Any) -> None:
    """The one JSON document of a command, on standard output."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def say(text: str = "") -> None:
    """Something on the way, on standard error."""
    click.echo(text, err=True)


def warn(text: str) -> None:
    """Something that is not wrong enough to stop, on standard error."""
    click.echo(f"{click.style('Warning:', fg='yellow', bold=True)} {text}", err=True)


def log_to_stderr() -> None:
    """What a process that runs for long tells its administrator, on standard error."""
    import logging

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for loud in ("httpx", "httpcore", "botocore", "boto3", "urllib3", "uvicorn", "alembic", "procrastinate"):
        logging.getLogger(loud).setLevel(logging.WARNING)


@contextmanager
def beside(as_json: bool) -> Iterator[None]:
    """What is printed for people within goes to standard error where standard output is for a JSON document."""
    if not as_json:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


def console(*, err: bool = False) -> Console:
    """A rich console that never breaks a word of an ARN: without a terminal its lines are as long as they need be."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    return Console(file=stream, highlight=False, soft_wrap=not stream.isatty(), emoji=False, markup=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on standard output: drawn on a terminal, columns parted by two spaces without one."""
    rows = [tuple(row) for row in rows]
    if sys.stdout.isatty():
        from rich import box
        from rich.table import Table

        table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*row)
        console().print(table)
        return
    widths = [max(len(cells[at]) for cells in [tuple(columns), *rows]) for at in range(len(columns))]
    for cells in [tuple(columns), *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Lines of `name  value` on standard output, aligned."""
    facts = list(facts)
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {value}")


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 node`, `2 nodes`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
