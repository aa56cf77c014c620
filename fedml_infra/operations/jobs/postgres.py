"""The dispatcher of any number of processes on any machines that share a PostgreSQL database.

procrastinate says which row to look at; the row itself says whether it is run, and by whom: a run begins with
`Jobs.start`, whatever the queue says. So an entry that is lost, comes twice or comes too early does no harm.
Source: https://procrastinate.readthedocs.io, docs/adr/0024-a-queue-of-hints.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta

import procrastinate

from fedml_infra.errors import StoreError
from fedml_infra.operations.jobs.embedded import PRUNE_EVERY, SLOTS
from fedml_infra.operations.jobs.worker import Worker
from fedml_infra.store.queue import QUEUE, TASK
from fedml_infra.store.service_values import Job

POLL = 1.0
"""Seconds between two looks at the queue; new entries are told at once, those whose time has come are not."""
CONNECTIONS = 4
"""Of the queue; one listens."""
AGAIN = 2.0
"""Seconds after which a queue that failed is looked at again."""

_log = logging.getLogger(__name__)


class PostgresDispatcher:
    """Starts jobs as places become free; rescues those of dead workers, its own or others'.

    `keep` is how long the results of jobs are kept; `tell` is told each job as it is once its run is over. Raises
    ConfigurationError for a store in a file.
    """

    def __init__(
        self,
        worker: Worker,
        *,
        slots: int = SLOTS,
        keep: timedelta = timedelta(days=7),
        tell: Callable[[Job], object] = lambda _: None,
    ) -> None:
        self._worker, self._slots, self._keep, self._tell = worker, slots, keep, tell
        self._queue = worker.store.queue()
        self._running: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()
        self._ended = False

    async def submitted(self, job: Job) -> None:
        """Nothing to do: the transaction that wrote the row has put it into the queue."""

    def stop(self) -> None:
        """Start nothing more: `run_forever` ends once what runs has ended."""
        self._stopped.set()

    async def run_forever(self) -> None:
        """Until stopped. Cancelled, every run is ended with it, and queued again."""
        await asyncio.to_thread(self._queue.prepare)
        tending = asyncio.create_task(self._tend())
        try:
            while not self._stopped.is_set():
                try:
                    async with self._app().open_async() as app:
                        await self._work(app)
                except Exception as error:  # the database may be back in a moment
                    _log.error("the queue failed: %s: %s", type(error).__name__, error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), AGAIN)
        finally:
            tending.cancel()
            await asyncio.gather(tending, return_exceptions=True)

    def _app(self) -> procrastinate.App:
        connector = procrastinate.PsycopgConnector(
            conninfo=self._queue.url.get_secret_value(), min_size=1, max_size=CONNECTIONS
        )
        app = procrastinate.App(connector=connector)
        app.task(name=TASK, queue=QUEUE)(self._run)
        return app

    async def _work(self, app: procrastinate.App) -> None:
        beat, lease = self._worker.beat_every, self._worker.lease.total_seconds()
        working = asyncio.create_task(
            app.run_worker_async(
                queues=[QUEUE],
                name=self._worker.name,
                concurrency=self._slots,
                fetch_job_polling_interval=POLL,
                delete_jobs="always",
                install_signal_handlers=False,
                update_heartbeat_interval=beat,
                stalled_worker_timeout=lease,
            )
        )
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            # It takes this for "nothing more", and ends with the last run.
            working.cancel()
            await asyncio.wait({working})
        except asyncio.CancelledError:
            self._ended = True
            # A second time it would leave its runs to themselves.
            if not self._stopped.is_set():
                working.cancel()
            for run in self._running:
                run.cancel()
            await asyncio.wait({working, *self._running})
            raise
        finally:
            stopped.cancel()
        if not working.cancelled():
            working.result()

    async def _run(self, job_id: str) -> None:
        if self._ended:
            return
        run = asyncio.create_task(self._start(job_id))
        self._running.add(run)
        try:
            await run
        finally:
            self._running.discard(run)

    async def _start(self, job_id: str) -> None:
        job = await asyncio.to_thread(self._worker.start, job_id)
        if job is None:
            return
        await self._worker.run(job)
        done = await asyncio.to_thread(self._worker.store.jobs.get, job.id)
        if done is not None:
            self._tell(done)

    async def _tend(self) -> None:
        """Take over from the dead, and make good what the queue has lost."""
        loop = asyncio.get_running_loop()
        pruned = -PRUNE_EVERY
        jobs = self._worker.store.jobs
        while True:
            try:
                for job in await asyncio.to_thread(jobs.rescue):
                    _log.warning("job %s was taken from a worker that is gone: it is %s", job.id, job.state)
                await asyncio.to_thread(self._queue.tend, self._worker.lease)
                if loop.time() - pruned > PRUNE_EVERY:
                    pruned = loop.time()
                    await asyncio.to_thread(jobs.prune, self._keep)
            except StoreError as error:
                _log.error("%s", error)
            await asyncio.sleep(self._worker.beat_every)
