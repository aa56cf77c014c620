"""What a run comes to in the end, where it looks at AWS first and so tells of a resource twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fedml_infra.engine.events import SETTLED, EventKind, ResourceChange, RunEvent
from fedml_infra.engine.protocol import RunOptions, RunResult


class LastOperations:
    """The last operation on each resource: the program's own, after that of a refresh.

    A refresh also tells of outputs that only another resource changed (a queue's `policy` once its queue policy is
    there), which the program leaves as they are: its step is then `same`, and nothing differs.
    """

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def watching(self, options: RunOptions) -> RunOptions:
        """The options, with each event noted here before it is told on."""
        tell = options.on_event

        def note(event: RunEvent) -> None:
            self.note(event)
            if tell is not None:
                tell(event)

        return replace(options, on_event=note)

    def note(self, event: RunEvent) -> None:
        """Take one event in."""
        if event.kind in (EventKind.RESOURCE_DONE, EventKind.RESOURCE_FAILED) and event.urn and event.op:
            self._last[event.urn] = event.op

    def changes(self, result: RunResult) -> tuple[ResourceChange, ...]:
        """The changes that are any in the end."""
        return tuple(change for change in result.changed if self._last.get(change.urn, change.op) not in SETTLED)


def watched(
    run: Callable[[str, RunOptions], RunResult], stack: str, options: RunOptions
) -> tuple[RunResult, tuple[ResourceChange, ...]]:
    """One run of the engine, and what it changes in the end."""
    last = LastOperations()
    result = run(stack, last.watching(options))
    return result, last.changes(result)
