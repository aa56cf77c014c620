"""Runs jobs: each in a process of its own, kept by a lease that is drawn out while the process lives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import SecretBytes

from fedml_infra.engine.runner import dying_with_us
from fedml_infra.operations.jobs.messages import Settings, Task, Waits, read
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Ending, Job, JobState, Progress
from fedml_infra.store.store import Store

LEASE = timedelta(seconds=30)
BEAT_EVERY = 2.0
"""Seconds between two beats."""
BEAT_LIMIT = 12.0
"""Seconds without a beat after which a run is ended: well within a lease, however late its worker wakes up."""
STOPPED = timedelta(seconds=3)
"""After which a run is begun again that was ended with its worker: all that it started is gone by then."""
LONGEST_LINE = 16 * 1024 * 1024
"""Bytes; a roster is in an ending."""

CUT_OFF = Ending(JobState.FAILED, 500, "The run was cut off: start it anew, it goes on where it was.")

_log = logging.getLogger(__name__)


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"


@dataclass
class Worker:
    """Runs whatever job it is given. The event loop must be the main thread's: runs die with the thread they are of."""

    store: Store
    master_key: SecretBytes
    settings: Settings
    name: str = field(default_factory=worker_name)
    run_command: Sequence[str] = (sys.executable, "-m", "fedml_infra.operations.jobs.run")
    lease: timedelta = LEASE
    beat_every: float = BEAT_EVERY
    beat_limit: float = BEAT_LIMIT

    def start(self, job_id: str) -> Job | None:
        """Start that job in the store; None where it may not start now."""
        return self.store.jobs.start(job_id, self.name, self.lease)

    def claim(self) -> Job | None:
        """Start the oldest job that may start; None where there is none."""
        return self.store.jobs.claim(self.name, self.lease)

    async def run(self, job: Job) -> None:
        """Run a job that this worker has started in the store, to its end. Cancelled, the run is killed and queued
        again.
        """
        try:
            task = self._task(job)
        except Exception as error:  # whatever it is, the job must not stay as it is
            _log.error("job %s cannot be run: %s", job.id, type(error).__name__)
            await self._end(job, CUT_OFF)
            return
        process = await asyncio.create_subprocess_exec(
            *dying_with_us(),
            *(sys.executable, "-m", "fedml_infra.operations.jobs.supervise", str(self.beat_limit)),
            *self.run_command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            # A terminal's Ctrl-C is for the worker alone.
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(task.write())
        watch = _Watch(self, job, process)
        beating = asyncio.create_task(watch.beat())
        try:
            said = await watch.listen()
        except asyncio.CancelledError:
            await self._ended(process, beating)
            await asyncio.to_thread(self.store.jobs.put_back, job.id, self.name, STOPPED)
            raise
        await self._ended(process, beating)
        if isinstance(said, Waits):
            await asyncio.to_thread(self.store.jobs.put_back, job.id, self.name, timedelta(seconds=said.seconds))
        elif not watch.lost:
            await self._end(job, said or CUT_OFF, watch.progress)

    async def _ended(self, process: asyncio.subprocess.Process, beating: asyncio.Task[None]) -> None:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating
        if process.returncode is None:
            process.kill()
        await process.wait()

    def _task(self, job: Job) -> Task:
        sealer = Sealer(self.master_key)
        sealed = job.request
        request = json.loads(sealer.open(sealed, "job request", job.cid, job.id)) if sealed is not None else {}
        return Task(job.id, job.cid, job.pid, job.kind, request, self.store.place, self.master_key, self.settings)

    async def _end(self, job: Job, ending: Ending, progress: Progress | None = None) -> None:
        await asyncio.to_thread(self.store.jobs.end, job.id, self.name, ending, progress)


class _Watch:
    """One run being watched."""

    def __init__(self, worker: Worker, job: Job, process: asyncio.subprocess.Process) -> None:
        self._worker, self._job, self._process = worker, job, process
        self.progress: Progress | None = None
        """What the run said last of how far it is."""
        self._asked = False
        self.lost = False
        """Whether the job is another worker's by now."""

    async def beat(self) -> None:
        """Draw out the lease and keep the run alive, in this order: a run never outlives its lease."""
        while True:
            try:
                cancel = await asyncio.to_thread(
                    self._worker.store.jobs.beat, self._job.id, self._worker.name, self._worker.lease, self.progress
                )
            except Exception as error:  # the store may be back before the run has to be ended
                _log.warning("job %s: no beat: %s", self._job.id, error)
            else:
                if cancel is None:
                    self.lost = True
                    self._process.kill()
                    return
                self._say(b"bc" if cancel and not self._asked else b"b")
                self._asked = self._asked or cancel
            await asyncio.sleep(self._worker.beat_every)

    async def listen(self) -> Ending | Waits | None:
        """What the run came to; None where it ended without a word."""
        came: Ending | Waits | None = None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = read(line)
            if isinstance(said, Progress):
                self.progress = said
            elif said is not None:
                came = said
        await self._process.wait()
        return came

    def _say(self, what: bytes) -> None:
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(what)
