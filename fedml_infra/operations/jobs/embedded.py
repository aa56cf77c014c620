"""The dispatcher of one process that owns its data folder: no broker, no second process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from fedml_infra.errors import ConfigurationError
from fedml_infra.operations.jobs.worker import Worker
from fedml_infra.store.service_values import Job

if sys.platform != "win32":
    import fcntl

SLOTS = 4
"""Runs at the same time; each takes about 300 MB."""
POLL = 1.0
"""Seconds between two looks at the queue where nothing wakes the dispatcher."""
PRUNE_EVERY = 3600.0

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def owned(data_dir: Path) -> Iterator[None]:
    """Holds the data folder. Raises ConfigurationError where another service has it."""
    if sys.platform == "win32":
        yield
        return
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "serve.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"Another service runs on {data_dir}.",
                fix="Stop it, give another --data-dir, or share a PostgreSQL database with --database-url.",
            ) from None
        yield


class EmbeddedDispatcher:
    """Starts jobs as places become free. `keep` is how long the results of jobs are kept."""

    def __init__(self, worker: Worker, *, slots: int = SLOTS, keep: timedelta = timedelta(days=7)) -> None:
        self._worker, self._slots, self._keep = worker, slots, keep
        self._woken = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    async def submitted(self, job: Job) -> None:  # noqa: ARG002 - the queue says which
        """Tell of a new job."""
        self._woken.set()

    async def run_forever(self) -> None:
        """Until cancelled; then every run is ended with it, and begun again by the next service."""
        pruned = 0.0
        loop = asyncio.get_running_loop()
        # Whatever an earlier service left running died with it, and its lease need not be waited for.
        await asyncio.to_thread(self._worker.store.jobs.rescue, all_running=True)
        try:
            while True:
                self._woken.clear()
                await self._start_all()
                if loop.time() - pruned > PRUNE_EVERY:
                    pruned = loop.time()
                    await asyncio.to_thread(self._worker.store.jobs.prune, self._keep)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), POLL)
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _start_all(self) -> None:
        while len(self._running) < self._slots:
            job = await asyncio.to_thread(self._worker.claim)
            if job is None:
                return
            task = asyncio.create_task(self._worker.run(job))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._woken.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("a run failed in the worker", exc_info=task.exception())
