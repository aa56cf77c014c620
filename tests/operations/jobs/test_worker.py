"""A job runs once, in a process that lives no longer than its worker, and its row tells the truth."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretBytes

from fedml_infra.errors import ConfigurationError
from fedml_infra.operations.jobs import worker as workers
from fedml_infra.operations.jobs.embedded import EmbeddedDispatcher, owned
from fedml_infra.operations.jobs.messages import Settings
from fedml_infra.operations.jobs.worker import Worker
from fedml_infra.store.place import StorePlace
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Job, JobState, NewJob, Progress
from fedml_infra.store.store import Store, open_store

KEY = SecretBytes(bytes(range(32)))
RUN = (sys.executable, "-m", "tests.operations.jobs.runs")
LONG = timedelta(seconds=30)
SECONDS = 60.0
"""How long a test waits for what takes a fraction of a second on an idle machine."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(StorePlace(tmp_path / "data")) as opened:
        yield opened


@pytest.fixture
def worker(store: Store, tmp_path: Path) -> Worker:
    return Worker(store, KEY, Settings(tmp_path / "workspaces"), run_command=RUN)


def submit(store: Store, *, pid: str | None = "p", **request: Any) -> Job:
    new = NewJob("c", "test", pid)
    sealed = Sealer(KEY).seal(json.dumps(request).encode(), "job request", "c", new.id)
    return store.jobs.submit(NewJob("c", "test", pid, id=new.id, request=sealed))


def now(store: Store, job: Job) -> Job:
    found = store.jobs.get(job.id)
    assert found is not None
    return found


def run_one(worker: Worker, job: Job) -> Job:
    started = worker.store.jobs.start(job.id, worker.name, LONG)
    assert started is not None
    asyncio.run(worker.run(started))
    return now(worker.store, job)


def test_what_a_run_says_is_in_its_row(store: Store, worker: Worker) -> None:
    done = run_one(worker, submit(store, do="finish"))
    assert (done.state, done.status_code, done.status_string) == (JobState.FINISHED, 201, "Project Created")
    assert done.result == {"pid": "p"}
    # What it said last counts, though no beat told it: a job that has ended is not shown as half done.
    assert done.progress == Progress(3, 3)


def test_the_request_is_gone_when_the_job_has_ended(store: Store, worker: Worker) -> None:
    """It holds credentials."""
    job = submit(store, do="finish")
    assert now(store, job).request is not None
    assert run_one(worker, job).request is None


def test_a_run_that_dies_has_failed_with_a_clear_reason(store: Store, worker: Worker) -> None:
    done = run_one(worker, submit(store, do="die"))
    assert done.state is JobState.FAILED
    assert "cut off" in (done.status_string or "")


def test_a_run_that_waits_gives_its_place_back(store: Store, worker: Worker) -> None:
    """A join that waits for a hub whose run waits for a place would wait for ever."""
    done = run_one(worker, submit(store, do="wait", seconds=3600))
    assert done.state is JobState.QUEUED and done.worker is None and done.attempts == 0
    assert done.not_before > store.now() + timedelta(minutes=59)
    assert store.jobs.claim("another", LONG) is None


def test_a_request_of_another_job_cannot_be_opened(store: Store, worker: Worker) -> None:
    sealed = Sealer(KEY).seal(b'{"do": "finish"}', "job request", "c", "another job")
    done = run_one(worker, store.jobs.submit(NewJob("c", "test", "p", request=sealed)))
    assert done.state is JobState.FAILED


def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


async def until(condition: Any) -> None:
    """Awaits what another process brings about."""
    async with asyncio.timeout(SECONDS):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(worker: Worker, job: Job) -> AsyncIterator[None]:
    """The job is run by the worker; it has ended afterwards."""
    started = worker.store.jobs.start(job.id, worker.name, LONG)
    assert started is not None
    run = asyncio.create_task(worker.run(started))
    yield
    await asyncio.wait_for(run, SECONDS)


def test_progress_is_in_the_row_while_it_runs_and_a_cancel_reaches_it(
    store: Store, worker: Worker, tmp_path: Path
) -> None:
    job = submit(store, do="block", fifo=str(fifo(tmp_path)))

    async def story() -> None:
        async with running(worker, job):
            await until(lambda: now(store, job).progress == Progress(1, 3, "queue"))
            store.jobs.cancel(job.id)

    asyncio.run(story())
    assert now(store, job).state is JobState.CANCELLED


def test_a_run_that_was_given_to_another_worker_ends_and_says_nothing(
    store: Store, worker: Worker, tmp_path: Path
) -> None:
    job = submit(store, do="block", fifo=str(fifo(tmp_path)))

    async def story() -> None:
        async with running(worker, job):
            await until(lambda: now(store, job).progress is not None)
            store.jobs.rescue(all_running=True)
            assert store.jobs.start(job.id, "another", LONG) is not None

    asyncio.run(story())
    assert (now(store, job).state, now(store, job).worker) == (JobState.RUNNING, "another")


def test_the_dispatcher_runs_one_job_of_a_stack_at_a_time(store: Store, worker: Worker, tmp_path: Path) -> None:
    mark, pipe = tmp_path / "mark", fifo(tmp_path)
    first = submit(store, do="block", fifo=str(pipe), mark=str(mark))
    second, other = submit(store, do="finish"), submit(store, pid="q", do="finish")

    async def story() -> None:
        dispatcher = EmbeddedDispatcher(worker)
        serving = asyncio.create_task(dispatcher.run_forever())
        await until(lambda: now(store, other).state.ended and now(store, first).progress is not None)
        assert now(store, second).state is JobState.QUEUED
        with pipe.open("wb"):
            pass
        await until(lambda: now(store, second).state.ended)
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    asyncio.run(story())
    assert [now(store, each).state for each in (first, second, other)] == [JobState.FINISHED] * 3
    assert len(mark.read_text(encoding="utf-8").splitlines()) == 1


def test_a_data_folder_has_one_service(tmp_path: Path) -> None:
    with owned(tmp_path), pytest.raises(ConfigurationError, match="Another service"), owned(tmp_path):
        pass
    with owned(tmp_path):
        pass


def supervised(tmp_path: Path, limit: float) -> tuple[subprocess.Popen[bytes], int, Path]:
    """A supervisor with a run that blocks; the descriptor is at its end once the run is gone."""
    pipe = fifo(tmp_path)
    task = {"do": "block", "fifo": str(pipe)}
    line = json.dumps(
        {"job_id": "1", "cid": "c", "pid": "p", "kind": "test", "request": task, "data_dir": str(tmp_path),
         "database_url": None, "master_key": "", "workspaces": "w", "state_backend": None, "peers": []}
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "fedml_infra.operations.jobs.supervise", str(limit), *RUN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(line.encode() + b"\n")
    process.stdin.flush()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not selector.select(0.2):
            # However long it takes to start.
            process.stdin.write(b"b")
            process.stdin.flush()
    assert process.stdout.readline().startswith(b'{"progress"')
    return process, process.stdout.fileno(), pipe


def ends(descriptor: int) -> bool:
    """Whether everyone who had the other end is gone, in time."""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(SECONDS)) and os.read(descriptor, 1) == b""


def test_a_run_ends_when_its_worker_is_gone(tmp_path: Path) -> None:
    process, output, _ = supervised(tmp_path, SECONDS)
    assert process.stdin is not None
    process.stdin.close()
    assert ends(output)
    assert process.wait(SECONDS) != 0


def test_a_run_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    process, output, _ = supervised(tmp_path, SECONDS)
    process.kill()
    assert ends(output)
    process.wait(SECONDS)


def test_a_run_ends_when_its_worker_says_nothing_for_too_long(tmp_path: Path) -> None:
    """As where the worker is stopped, and wakes up after its lease."""
    process, output, _ = supervised(tmp_path, 2.0)
    began = time.monotonic()
    assert ends(output)
    assert process.wait(SECONDS) != 0
    assert time.monotonic() - began < SECONDS


def test_beats_keep_a_run(tmp_path: Path) -> None:
    process, _, pipe = supervised(tmp_path, 3.0)
    assert process.stdin is not None and process.stdout is not None
    until = time.monotonic() + 4.0
    while time.monotonic() < until:
        process.stdin.write(b"b")
        process.stdin.flush()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
    with pipe.open("wb"):
        pass
    assert b"Job is finished" in process.stdout.readline()
    assert process.wait(SECONDS) == 0


def test_a_cancel_is_a_clean_stop(tmp_path: Path) -> None:
    process, _, _ = supervised(tmp_path, SECONDS)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"c")
    process.stdin.flush()
    assert b"cancelled" in process.stdout.readline()
    assert process.wait(SECONDS) == 0


def test_a_frozen_worker_loses_its_run_before_its_lease() -> None:
    """Twice the time between beats passes before a run is ended, and it has ended long before the lease has."""
    assert 2 * workers.BEAT_EVERY < workers.BEAT_LIMIT < workers.LEASE.total_seconds() - workers.BEAT_LIMIT


def test_nothing_secret_is_in_the_arguments_of_a_run(store: Store, worker: Worker, tmp_path: Path) -> None:
    pipe = fifo(tmp_path)
    job = submit(store, do="block", fifo=str(pipe), secret="c4n4ry", mark=str(tmp_path / "mark"))

    async def story() -> bytes:
        async with running(worker, job):
            await until(lambda: now(store, job).progress is not None)
            pid = int((tmp_path / "mark").read_text(encoding="utf-8"))
            parent = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]
            seen = b"".join(
                Path(f"/proc/{each}/{what}").read_bytes() for each in (pid, parent) for what in ("cmdline", "environ")
            )
            store.jobs.cancel(job.id)
        return seen

    seen = asyncio.run(story())
    assert b"supervise" in seen and b"c4n4ry" not in seen


def test_a_worker_that_is_killed_takes_its_run_along(store: Store, tmp_path: Path) -> None:
    pipe, mark = fifo(tmp_path), tmp_path / "mark"
    job = submit(store, do="block", fifo=str(pipe), mark=str(mark))
    process = subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path / "data"), job.id], stdout=subprocess.PIPE)
    asyncio.run(until(mark.exists))
    run = int(mark.read_text(encoding="utf-8"))
    ended = os.pidfd_open(run)
    process.send_signal(signal.SIGKILL)
    process.wait(SECONDS)
    with selectors.DefaultSelector() as selector:
        selector.register(ended, selectors.EVENT_READ)
        assert selector.select(SECONDS)
    os.close(ended)
    assert now(store, job).state is JobState.RUNNING
    assert [each.state for each in store.jobs.rescue(all_running=True)] == [JobState.QUEUED]


WORKER = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from pydantic import SecretBytes
from fedml_infra.operations.jobs.messages import Settings
from fedml_infra.operations.jobs.worker import Worker
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import open_store
with open_store(StorePlace(Path(sys.argv[1]))) as store:
    command = (sys.executable, "-m", "tests.operations.jobs.runs")
    worker = Worker(store, SecretBytes(bytes(range(32))), Settings(Path("w")), run_command=command)
    asyncio.run(worker.run(store.jobs.start(sys.argv[2], worker.name, timedelta(seconds=30))))
"""
