"""Jobs of the service, seen from the store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from fedml_infra.store.place import StorePlace
from fedml_infra.store.service_values import Ending, Job, JobState, NewJob, Progress
from fedml_infra.store.store import Store, open_store
from tests.cli.conftest import Run

LEASE = timedelta(seconds=30)
DONE = Ending(JobState.FINISHED, 201, "Project Created", {"secret": "c4n4ry"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(StorePlace(tmp_path / "data")) as opened:
        yield opened


@pytest.fixture
def at(store: Store) -> tuple[str, str]:
    return "--data-dir", str(store.place.data_dir)


def submit(store: Store, cid: str = "c1", pid: str = "charite") -> Job:
    return store.jobs.submit(NewJob(cid, "create", pid, request=b"c4n4ry"))


def test_there_are_none(run: Run, at: tuple[str, str]) -> None:
    done = run("jobs", "list", *at)
    assert (done.code, done.out) == (0, "") and "no jobs" in done.err


def test_a_list_is_of_all_customers_or_of_one(run: Run, store: Store, at: tuple[str, str]) -> None:
    submit(store)
    submit(store, "c2")
    assert {each["cid"] for each in run("jobs", "list", *at, "--json").json["jobs"]} == {"c1", "c2"}
    assert [each["cid"] for each in run("jobs", "list", *at, "--customer", "c2", "--json").json["jobs"]] == ["c2"]


def test_a_list_for_people(run: Run, store: Store, at: tuple[str, str]) -> None:
    job = submit(store)
    store.jobs.start(job.id, "w", LEASE)
    store.jobs.beat(job.id, "w", LEASE, Progress(4, 12, "queue"))
    done = run("jobs", "list", *at)
    assert job.id in done.out and "running, 4 of 12: queue" in done.out


def test_a_job_is_shown_without_its_request_and_its_values(run: Run, store: Store, at: tuple[str, str]) -> None:
    job = submit(store)
    store.jobs.start(job.id, "w", LEASE)
    store.jobs.end(job.id, "w", DONE)
    for form in ((), ("--json",)):
        done = run("jobs", "show", job.id, *at, *form)
        assert done.code == 0 and "Project Created" in done.out and "c4n4ry" not in done.out
    assert run("jobs", "show", job.id, *at, "--json").json["state"] == "finished"


@pytest.mark.parametrize("command", ["show", "follow", "cancel"])
def test_a_job_that_is_none(run: Run, at: tuple[str, str], command: str) -> None:
    done = run("jobs", command, "0" * 32, *at)
    assert done.code == 2 and "There is no job" in done.err


def test_a_queued_job_is_cancelled(run: Run, store: Store, at: tuple[str, str]) -> None:
    job = submit(store)
    assert run("jobs", "cancel", job.id, *at, "--json").json["state"] == "cancelled"


def test_a_running_job_is_asked_to_stop(run: Run, store: Store, at: tuple[str, str]) -> None:
    job = submit(store)
    store.jobs.start(job.id, "w", LEASE)
    done = run("jobs", "cancel", job.id, *at)
    assert done.code == 0 and "asked to stop" in done.err
    assert store.jobs.beat(job.id, "w", LEASE) is True


def test_what_has_ended_cannot_be_cancelled(run: Run, store: Store, at: tuple[str, str]) -> None:
    job = submit(store)
    store.jobs.start(job.id, "w", LEASE)
    store.jobs.end(job.id, "w", DONE)
    done = run("jobs", "cancel", job.id, *at)
    assert done.code == 2 and "finished already" in done.err


def test_a_job_is_followed_to_its_end(run: Run, store: Store, at: tuple[str, str]) -> None:
    job = submit(store)
    store.jobs.start(job.id, "w", LEASE)
    store.jobs.beat(job.id, "w", LEASE, Progress(1, 2))
    ending = threading.Timer(0.1, lambda: store.jobs.end(job.id, "w", DONE))
    ending.start()
    done = run("jobs", "follow", job.id, *at, "--json")
    ending.join()
    assert done.code == 0 and done.json["state"] == "finished"
    assert done.err.splitlines()[-1] == "finished"


def test_a_job_that_failed_is_an_error_to_who_follows_it(run: Run, store: Store, at: tuple[str, str]) -> None:
    job = submit(store)
    store.jobs.start(job.id, "w", LEASE)
    store.jobs.end(job.id, "w", Ending(JobState.FAILED, 502, "The run failed"))
    done = run("jobs", "follow", job.id, *at)
    assert done.code == 1 and "The run failed" in done.err
