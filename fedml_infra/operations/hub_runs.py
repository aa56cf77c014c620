"""Runs of a hub for those who wait to be let in: one at a time, each for all who wait when it begins."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from fedml_infra.errors import FedmlError
from fedml_infra.model.stack import Member, StackConfig

FRESH_SECONDS = 60.0
"""For so long a run's outcome is kept for those it was for, should they ask again only then."""


@dataclass(frozen=True)
class Standing:
    """A hub that came up."""

    config: StackConfig
    """What it came up with."""
    roster: bytes
    """The roster that it published."""


class HubRuns(Protocol):
    """Brings a hub up for those who are in its file already."""

    def standing_with(self, config: StackConfig, member: Member) -> Standing | None:
        """The hub, once it is up with that member of the file, which says `config` now; None while a run is under way.

        Raises the error of the run that failed for it, once: the next call begins another.
        """


@dataclass
class SharedRuns:
    """Runs in a thread of its own, until `stop`. `on_error` is told why one failed, as whoever waits may not be."""

    bring_up: Callable[[], Standing]
    hold: float = 5.0
    """Seconds that a run is waited for before the answer is that there is none yet."""
    on_error: Callable[[FedmlError], None] = lambda _: None
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)
    _waiting: set[str] = field(default_factory=set, init=False)
    _outcomes: dict[str, tuple[float, Standing | FedmlError]] = field(default_factory=dict, init=False)
    _standing: Standing | None = field(default=None, init=False)
    _ends: bool = field(default=False, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin to wait for who comes."""
        self._thread = threading.Thread(target=self._work, name="runs of the hub", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, once the run that is under way has."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def standing_with(self, config: StackConfig, member: Member) -> Standing | None:
        """See `HubRuns`."""
        account = member.aws_id
        with self._changed:
            if self._standing is not None and self._standing.config == config:
                return self._standing
            if not self._has_outcome(account):
                self._waiting.add(account)
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._has_outcome(account) or self._ends, self.hold)
            _, outcome = self._outcomes.pop(account, (0.0, None))
        if isinstance(outcome, FedmlError):
            raise outcome
        # Where it is not among them it was taken out meanwhile.
        return outcome if outcome is not None and member in outcome.config.members else None

    def _has_outcome(self, account: str) -> bool:
        at, _ = self._outcomes.get(account, (None, None))
        return at is not None and time.monotonic() - at < FRESH_SECONDS

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ends)
                if self._ends:
                    return
                served, self._waiting = self._waiting, set()
                for account in served:
                    self._outcomes.pop(account, None)
            outcome: Standing | FedmlError
            try:
                outcome = self.bring_up()
            except FedmlError as error:
                outcome = error
            except Exception as error:  # whoever waits must not wait for ever
                outcome = FedmlError(f"The run of the hub ended with {type(error).__name__}.")
            if isinstance(outcome, FedmlError):
                self.on_error(outcome)
            with self._changed:
                if isinstance(outcome, Standing):
                    self._standing = outcome
                self._outcomes.update(dict.fromkeys(served, (time.monotonic(), outcome)))
                self._changed.notify_all()
