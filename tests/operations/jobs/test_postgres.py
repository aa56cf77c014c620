"""Any number of workers share a database: a stack has one run at a time, and a job ends once, whoever dies."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import SecretStr

from cli.worker import STOPPING
from fedml_infra.operations.jobs.worker import LEASE
from fedml_infra.store.place import StorePlace
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Job, JobState, NewJob
from fedml_infra.store.store import Store, open_store
from tests.operations.jobs.working import KEY

pytestmark = [pytest.mark.postgresql, pytest.mark.story(seconds=6)]

SECONDS = 300.0
USUAL = (LEASE.total_seconds(), 2.0, 12.0)
SHORT = (4.0, 0.4, 2.0)
"""Lease, time between beats, and limit of a run without a beat."""


@pytest.fixture(scope="module")
def url(new_schema: Callable[[], str]) -> str:
    return new_schema()


@pytest.fixture(scope="module")
def store(url: str) -> Iterator[Store]:
    with open_store(StorePlace(None, SecretStr(url))) as opened:
        yield opened


@pytest.fixture
def workers(url: str, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts workers; those that still live in the end are killed."""
    with contextlib.ExitStack() as ending:

        def start(times: tuple[float, float, float] = USUAL, *, slots: int = 2) -> subprocess.Popen[bytes]:
            log = ending.enter_context((tmp_path / "workers.log").open("ab"))
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.operations.jobs.working", *map(str, (*times, slots))],
                env=os.environ | {"FEDML_INFRA_DATABASE_URL": url},
                stdout=log,
                stderr=log,
            )
            ending.callback(process.wait)
            ending.callback(process.kill)
            return process

        yield start


def submit(store: Store, stack: Path, **request: Any) -> Job:
    """A job of the stack whose runs take notes in that file."""
    pid = f"{stack.parent.name}-{stack.name}"
    new = NewJob("c", "test", pid)
    asked = {"do": "alone", "stack": str(stack)} | request
    sealed = Sealer(KEY).seal(json.dumps(asked).encode(), "job request", "c", new.id)
    return store.jobs.submit(NewJob("c", "test", pid, id=new.id, request=sealed))


def now(store: Store, job: Job) -> Job:
    found = store.jobs.get(job.id)
    assert found is not None
    return found


def until(condition: Callable[[], object]) -> None:
    """Awaits what other processes bring about."""
    ends = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < ends, "it did not come about in time"
        time.sleep(0.05)


def ended(store: Store, *jobs: Job) -> list[JobState]:
    until(lambda: all(now(store, job).state.ended for job in jobs))
    return [now(store, job).state for job in jobs]


def begun(stack: Path) -> Callable[[], bool]:
    return lambda: stack.exists() and "begin" in stack.read_text(encoding="utf-8")


def stopping(tmp_path: Path) -> Callable[[], bool]:
    return lambda: STOPPING in (tmp_path / "workers.log").read_text(encoding="utf-8")


def notes(stack: Path) -> list[str]:
    return stack.read_text(encoding="utf-8").split("\n")[:-1]


def test_workers_share_the_jobs_and_each_stack_has_one_run_at_a_time(store, workers, tmp_path):
    """They start at the same moment, on a database that has no queue yet; half of the jobs were there before it."""
    stacks = [tmp_path / f"stack{number}" for number in range(4)]
    jobs = [submit(store, stacks[number % 4]) for number in range(10)]
    workers(), workers()
    jobs += [submit(store, stacks[number % 4]) for number in range(10, 20)]
    assert ended(store, *jobs) == [JobState.FINISHED] * 20
    assert [notes(stack) for stack in stacks] == [["begin", "end"] * 5] * 4
    assert {now(store, job).attempts for job in jobs} == {1}


def test_a_killed_worker_s_job_is_done_by_another_once(store, workers, tmp_path):
    stack = tmp_path / "stack"
    job = submit(store, stack, blocks=1)
    dying = workers(SHORT)
    until(begun(stack))
    dying.kill()
    workers(SHORT)
    assert ended(store, job) == [JobState.FINISHED]
    assert notes(stack) == ["begin", "begin", "end"]
    assert now(store, job).attempts == 2


def test_a_frozen_worker_s_run_has_ended_before_another_begins_and_it_works_on_when_it_wakes_up(
    store, workers, tmp_path
):
    stack = tmp_path / "stack"
    job = submit(store, stack, blocks=1)
    frozen = workers(SHORT)
    until(begun(stack))
    frozen.send_signal(signal.SIGSTOP)
    other = workers(SHORT)
    assert ended(store, job) == [JobState.FINISHED]
    assert notes(stack) == ["begin", "begin", "end"]
    other.terminate()
    assert other.wait(SECONDS) == 0
    frozen.send_signal(signal.SIGCONT)
    assert ended(store, submit(store, stack)) == [JobState.FINISHED]
    assert notes(stack) == ["begin", "begin", "end", "begin", "end"]


def test_queued_and_running_jobs_are_cancelled(store, workers, tmp_path):
    stack = tmp_path / "stack"
    running = submit(store, stack, blocks=1)
    workers()
    until(begun(stack))
    queued = submit(store, stack)
    store.jobs.cancel(queued.id)
    store.jobs.cancel(running.id)
    assert ended(store, running, queued) == [JobState.CANCELLED] * 2
    assert notes(stack) == ["begin"]


def test_a_job_that_waits_is_begun_again_in_its_time_and_holds_up_no_other_of_its_stack(store, workers, tmp_path):
    stack = tmp_path / "stack"
    waiting = submit(store, stack, do="wait", seconds=3600)
    workers()
    until(lambda: now(store, waiting).not_before > store.now())
    assert ended(store, submit(store, stack)) == [JobState.FINISHED]
    assert now(store, waiting).state is JobState.QUEUED
    store.jobs.cancel(waiting.id)


def test_a_signal_lets_runs_end_and_starts_no_more(store, workers, tmp_path):
    pipe = tmp_path / "fifo"
    os.mkfifo(pipe)
    running = submit(store, tmp_path / "stack", do="block", fifo=str(pipe))
    process = workers()
    until(lambda: now(store, running).progress is not None)
    process.terminate()
    until(stopping(tmp_path))
    later = submit(store, tmp_path / "other")
    with pipe.open("wb"):
        pass
    assert process.wait(SECONDS) == 0
    assert now(store, running).state is JobState.FINISHED
    assert now(store, later).state is JobState.QUEUED
    store.jobs.cancel(later.id)


def test_a_second_signal_ends_runs_and_others_begin_them_again(store, workers, tmp_path):
    stack = tmp_path / "stack"
    job = submit(store, stack, blocks=1)
    process = workers()
    until(begun(stack))
    process.terminate()
    until(stopping(tmp_path))
    process.terminate()
    assert process.wait(SECONDS) == 8
    assert now(store, job).state is JobState.QUEUED
    workers()
    assert ended(store, job) == [JobState.FINISHED]
    assert notes(stack) == ["begin", "begin", "end"]
    assert now(store, job).attempts == 1


@pytest.mark.soak
def test_workers_that_die_or_freeze_at_any_moment_lose_no_job_and_run_no_stack_twice(store, workers, tmp_path):
    """200 jobs of 10 stacks, three workers, one of which is killed, or stopped for longer than its lease, at a time."""
    random = Random(7)
    stacks = [tmp_path / f"stack{number}" for number in range(10)]
    jobs = [submit(store, stacks[number % 10]) for number in range(200)]
    running = [workers(SHORT) for _ in range(3)]
    for _ in range(20):
        time.sleep(random.uniform(1.0, 4.0))
        victim = random.randrange(3)
        if random.random() < 0.5:
            running[victim].kill()
            running[victim] = workers(SHORT)
        else:
            running[victim].send_signal(signal.SIGSTOP)
            time.sleep(2 * SHORT[0])
            running[victim].send_signal(signal.SIGCONT)
    states = ended(store, *jobs)
    assert "two at a time" not in [line for stack in stacks for line in notes(stack)]
    for job, state in zip(jobs, states, strict=True):
        done = now(store, job)
        assert state is JobState.FINISHED or "cut off" in (done.status_string or ""), done
    assert states.count(JobState.FINISHED) > 190
    # A run whose worker died before it wrote down the end is begun again, and counted; nothing else is.
    assert sum(notes(stack).count("begin") for stack in stacks) <= sum(now(store, job).attempts for job in jobs)
