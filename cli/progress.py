"""A run's progress on standard error: a living picture at a terminal, plain lines without one."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from .output import console

if TYPE_CHECKING:
    from rich.console import Group

    from fedml_infra.engine.events import Progress, RunEvent
    from fedml_infra.operations.runs import Journal

SHOWN_AT_ONCE = 6
"""Resources in work that are named; the rest is counted."""

DOING = {
    "create": ("+", "creating", "created", "green"),
    "create-replacement": ("+", "creating anew", "created anew", "green"),
    "update": ("~", "changing", "changed", "yellow"),
    "delete": ("-", "deleting", "deleted", "red"),
    "delete-replaced": ("-", "deleting the old", "deleted the old", "red"),
    "replace": ("±", "replacing", "replaced", "magenta"),
    "import": ("=", "importing", "imported", "cyan"),
    "import-replacement": ("=", "importing", "imported", "cyan"),
    "read": (" ", "reading", "read", "white"),
    "refresh": (" ", "looking at", "looked at", "white"),
    "same": (" ", "checking", "unchanged", "white"),
}
"""For each operation: its sign, what is being done, what has been done, a colour."""

SILENT = frozenset({"same", "read", "refresh"})


def is_in_aws(urn: str | None) -> bool:
    """Whether a resource is something in AWS, and not a component or a provider of ours."""
    return (urn or "").rpartition("::")[0].rpartition("::")[2].rpartition("$")[2].startswith("aws:")


class ProgressView:
    """Shows the events of one run. To be called with each; safe from any thread, and never raises into the run."""

    def __init__(self, title: str, journal: Journal | None = None) -> None:
        self._title = title
        self._journal = journal
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._last: RunEvent | None = None
        self._waits: dict[str, str] = {}
        self._live: Any = None
        self._spinner: Any = None

    def __enter__(self) -> Self:
        if self._journal is not None:
            self._journal.note(self._title)
        if sys.stderr.isatty():
            from rich.live import Live

            self._live = Live(
                get_renderable=self._picture, console=console(err=True), refresh_per_second=8, transient=True
            )
            self._live.start()
        else:
            click.echo(f"{self._title} …", err=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: RunEvent, *, silent: bool = False) -> None:
        with self._lock:
            self._last = event
            if self._journal is not None:
                self._journal.event(event)
            line = None if silent else self._waiting(event) or _line(event)
            if line is None:
                return
            if self._live is not None:
                from rich.text import Text

                self._live.console.print(Text.from_ansi(line), soft_wrap=True)
            else:
                click.echo(line, err=True)

    def _waiting(self, event: RunEvent) -> str | None:
        """What a resource waits for: shown beside it at a terminal, and once in plain lines."""
        from fedml_infra.engine.events import EventKind

        urn = event.urn or ""
        if event.kind is not EventKind.WAITING:
            if event.kind in (EventKind.RESOURCE_DONE, EventKind.RESOURCE_FAILED):
                self._waits.pop(urn, None)
            return None
        told, self._waits[urn] = urn in self._waits, event.text
        if told or self._live is not None:
            return None
        return f"  {click.style('…', fg='cyan')} {_label(urn)}: {event.text}"

    def _picture(self) -> Group:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        last = self._last
        head = Text(self._title, style="bold")
        current: tuple[str, ...] = ()
        if last is not None:
            progress = last.progress
            current = tuple(urn for urn in progress.current if is_in_aws(urn))
            head.append(f"   {counted(progress)}", style="not bold cyan")
        head.append(f"   {time.monotonic() - self._began:.0f} s", style="not bold dim")
        if self._spinner is None:
            self._spinner = Spinner("dots")
        self._spinner.update(text=head)
        lines: list[Any] = [self._spinner]
        lines += [
            Text(f"    {_label(urn)}{self._reason(urn)}", style="dim", no_wrap=True, overflow="ellipsis")
            for urn in current[:SHOWN_AT_ONCE]
        ]
        if len(current) > SHOWN_AT_ONCE:
            lines.append(Text(f"    and {len(current) - SHOWN_AT_ONCE} more", style="dim"))
        return Group(*lines)

    def _reason(self, urn: str) -> str:
        return f": {self._waits[urn]}" if urn in self._waits else ""


def counted(progress: Progress) -> str:
    """`12 of 60`; while a run only looks at AWS yet, `looked at 12 of 60`."""
    looking = progress.done == 0 and progress.looked_at > 0
    done = f"looked at {progress.looked_at}" if looking else str(progress.done)
    return f"{done} of {progress.of}" if progress.of else done


def _line(event: RunEvent) -> str | None:
    """The line that stays of an event; None for what only moves the counter."""
    from fedml_infra.engine.events import EventKind

    op = event.op or ""
    if event.kind is EventKind.RESOURCE_DONE and op not in SILENT and not event.looked and is_in_aws(event.urn):
        sign, _, done, colour = DOING.get(op, ("•", op, op, "white"))
        said = f"{click.style(f'{sign} {done}', fg=colour)} {_label(event.urn)}"
        progress = event.progress
        return f"  {said}" + (f"  ({progress.done} of {progress.of})" if progress.of else "")
    if event.kind is EventKind.RESOURCE_FAILED:
        why = f": {event.text.strip().splitlines()[-1].strip()}" if event.text.strip() else ""
        return f"  {click.style('✗ failed', fg='red', bold=True)} {_label(event.urn)}{why}"
    if event.kind is EventKind.MESSAGE and event.severity == "warning":
        # Not errors: the engine's are long, and the run's own error says at the end what they mean.
        return f"  {click.style('warning:', fg='yellow')} {event.text}"
    if event.kind is EventKind.POLICY_VIOLATION:
        return f"  {click.style('policy:', fg='red')} {event.text}"
    return None


def _label(urn: str | None) -> str:
    from fedml_infra.engine.events import label

    return label(urn or "")
