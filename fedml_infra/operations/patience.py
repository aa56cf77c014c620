"""Waits for what AWS needs a minute for, and runs again: a topic policy that was just written.

AWS says nothing of how long a topic policy takes; it was seen to take up to a minute, and until then the first
Subscribe of an account that it admits is refused. The official provider does not try again by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from fedml_infra.engine.events import EventKind, RunEvent
from fedml_infra.engine.protocol import NotYetAllowedError, RunOptions, RunResult

PATIENCE_SECONDS = 120.0
"""How long a Subscribe may be refused before that is believed."""
PAUSE_SECONDS = 10.0

Act = Callable[[RunOptions], RunResult]


def patient(
    act: Act,
    *,
    now: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> Act:
    """`act`, run again every ten seconds for two minutes while AWS refuses nothing but a Subscribe.

    What one run made the next finds made. Raises the last NotYetAllowedError when the time is over.
    """

    def run(options: RunOptions) -> RunResult:
        until = now() + min(PATIENCE_SECONDS, options.timeout or PATIENCE_SECONDS)
        seen = _LastProgress(options.on_event)
        while True:
            try:
                return act(replace(options, on_event=seen))
            except NotYetAllowedError:
                if now() + PAUSE_SECONDS > until or _stopped(options):
                    raise
            seen.say("AWS does not let the queue subscribe yet: a topic policy takes up to a minute. Trying again.")
            wait(PAUSE_SECONDS)

    return run


def _stopped(options: RunOptions) -> bool:
    return options.cancellation is not None and options.cancellation.requested > 0


class _LastProgress:
    """Passes events on, and can say something between two runs as if it were one."""

    def __init__(self, tell: Callable[[RunEvent], None] | None) -> None:
        self._tell = tell
        self._last: RunEvent | None = None

    def __call__(self, event: RunEvent) -> None:
        self._last = event
        if self._tell is not None:
            self._tell(event)

    def say(self, text: str) -> None:
        if self._tell is not None and self._last is not None:
            self._tell(RunEvent(EventKind.MESSAGE, self._last.progress, text=text, severity="warning"))
