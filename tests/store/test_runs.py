"""What a lock of another machine is judged by: only a run that was that machine's, at that time, and is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from fedml_infra.store.runs import CLOCKS_DIFFER
from fedml_infra.store.service_values import Ending, Job, JobState, NewJob
from fedml_infra.store.store import Store

LEASE = timedelta(seconds=30)
DONE = Ending(JobState.FINISHED, 200, "Job is finished")


def started(store: Store, worker: str = "host-a:17:0a", *, pid: str | None = "p") -> Job:
    found = store.jobs.start(store.jobs.submit(NewJob("c", "test", pid)).id, worker, LEASE)
    assert found is not None
    return found


def dead(store: Store, host: str, since: datetime, *, stack: str = "c/p") -> bool:
    return store.runs.knows_dead(stack, host, since)


def test_a_run_that_is_under_way_is_not_known_dead(store: Store) -> None:
    started(store)
    assert not dead(store, "host-a", store.now())


def test_a_run_whose_worker_lost_it_is_dead(store: Store) -> None:
    started(store)
    held = store.now()
    store.jobs.rescue(all_running=True)
    assert dead(store, "host-a", held)


@pytest.mark.parametrize("how", ["ended", "put back"])
def test_a_run_that_ended_is_dead(store: Store, how: str) -> None:
    job = started(store)
    held = store.now()
    if how == "ended":
        assert store.jobs.end(job.id, "host-a:17:0a", DONE)
    else:
        assert store.jobs.put_back(job.id, "host-a:17:0a", LEASE)
    assert dead(store, "host-a", held)


def test_another_machine_and_another_stack_are_not_known(store: Store) -> None:
    started(store)
    store.jobs.rescue(all_running=True)
    assert not dead(store, "host-b", store.now())
    assert not dead(store, "host-a", store.now(), stack="c/q")


@pytest.mark.parametrize("apart", [-2 * CLOCKS_DIFFER, 2 * CLOCKS_DIFFER])
def test_what_began_before_or_after_the_run_is_somebody_elses(store: Store, apart: timedelta) -> None:
    """A person at a worker's machine, who runs the engine by hand."""
    started(store)
    store.jobs.rescue(all_running=True)
    assert not dead(store, "host-a", store.now() + apart)


def test_a_run_that_follows_on_the_same_machine_is_not_taken_for_the_one_before(store: Store) -> None:
    started(store)
    [again] = store.jobs.rescue(all_running=True)
    assert store.jobs.start(again.id, "host-a:18:0b", LEASE) is not None
    assert not dead(store, "host-a", store.now())


def test_a_job_of_no_stack_leaves_nothing(store: Store) -> None:
    started(store, pid=None)
    store.jobs.rescue(all_running=True)
    assert not dead(store, "host-a", store.now(), stack="c/None")


def test_who_gets_an_id_later_finds_no_runs(store: Store) -> None:
    started(store)
    store.jobs.rescue(all_running=True)
    held = store.now()
    store.jobs.forget("c")
    assert not dead(store, "host-a", held)
