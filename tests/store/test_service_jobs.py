"""A job's row: each step is taken by who may take it, once, and by the database's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from fedml_infra.errors import ConflictError
from fedml_infra.store.jobs import GAVE_UP, MOST_ATTEMPTS, IdempotencyError
from fedml_infra.store.place import StorePlace
from fedml_infra.store.service_tables import JOBS
from fedml_infra.store.service_values import Ending, Job, JobState, NewJob, Progress
from fedml_infra.store.store import Store, open_store
from tests.store.racing import admit, claim_all, make_once, race, submit_once
from tests.store.values import HOUR, new_workspace

LEASE = timedelta(minutes=1)
DONE = Ending(JobState.FINISHED, 201, "Project Created with id:p1", {"pid": "p1"})
FAILED = Ending(JobState.FAILED, 502, "The run failed")


def submit(store: Store, pid: str | None = "p1", kind: str = "newSchedule", **more: Any) -> Job:
    return store.jobs.submit(NewJob("c1", kind, pid, request=b"sealed", **more))


def now(store: Store, job: Job) -> Job:
    found = store.jobs.get(job.id)
    assert found is not None
    return found


def set_row(store: Store, job: Job, **values: Any) -> None:
    """As time would."""
    with store._database.writing() as connection:
        connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(values))


def lease_over(store: Store, job: Job) -> None:
    set_row(store, job, lease_until=store.now() - timedelta(seconds=1))


def test_a_job_begins_queued(store: Store) -> None:
    job = submit(store)
    assert (job.state, job.attempts, job.cancel_requested, job.request) == (JobState.QUEUED, 0, False, b"sealed")
    assert now(store, job) == job


def test_a_job_that_is_started_has_its_worker_and_a_lease(store: Store) -> None:
    started = store.jobs.start(submit(store).id, "w", LEASE)
    assert started is not None and started.lease_until is not None
    assert (started.state, started.worker, started.attempts) == (JobState.RUNNING, "w", 1)
    assert timedelta(seconds=50) < started.lease_until - store.now() <= LEASE


def test_a_job_starts_once(store: Store) -> None:
    job = submit(store)
    assert store.jobs.start(job.id, "w", LEASE) is not None
    assert store.jobs.start(job.id, "w2", LEASE) is None


def test_the_job_that_may_start_longest_is_claimed_first(store: Store) -> None:
    first = submit(store)
    set_row(store, first, not_before=store.now() - HOUR)
    submit(store, "p2")
    claimed = store.jobs.claim("w", LEASE)
    assert claimed is not None and claimed.id == first.id


def test_what_waits_again_and_again_lets_what_it_waits_for_go_first(store: Store) -> None:
    """A join is older than the run of its hub that it waits for."""
    join = store.jobs.start(submit(store).id, "w", LEASE)
    assert join is not None
    hubs = submit(store, "p2", kind="admit")
    set_row(store, hubs, not_before=store.now() - timedelta(seconds=1))
    assert store.jobs.put_back(join.id, "w", timedelta(0))
    claimed = store.jobs.claim("w", LEASE)
    assert claimed is not None and claimed.id == hubs.id


def test_of_a_stack_one_job_runs(store: Store) -> None:
    first, second, other = submit(store), submit(store), submit(store, "p2")
    assert store.jobs.start(first.id, "w", LEASE) is not None
    assert store.jobs.start(second.id, "w", LEASE) is None
    claimed = store.jobs.claim("w", LEASE)
    assert claimed is not None and claimed.id == other.id
    assert store.jobs.claim("w", LEASE) is None
    assert store.jobs.end(first.id, "w", DONE)
    assert store.jobs.start(second.id, "w", LEASE) is not None


def test_the_database_itself_refuses_a_second_run_of_a_stack(store: Store) -> None:
    """Whatever a statement looks at: the index is what holds."""
    job = store.jobs.start(submit(store).id, "w", LEASE)
    assert job is not None
    second = submit(store)
    from fedml_infra.errors import StoreError

    with pytest.raises(StoreError):
        set_row(store, second, state="running")


def test_jobs_of_no_stack_run_side_by_side(store: Store) -> None:
    for job in (submit(store, None), submit(store, None)):
        assert store.jobs.start(job.id, "w", LEASE) is not None


def test_another_customers_stack_of_that_name_is_another(store: Store) -> None:
    other = store.jobs.submit(NewJob("c2", "newSchedule", "p1"))
    assert store.jobs.start(submit(store).id, "w", LEASE) is not None
    assert store.jobs.start(other.id, "w", LEASE) is not None


def test_what_ended_has_its_answer_and_no_request(store: Store) -> None:
    job = store.jobs.start(submit(store).id, "w", LEASE)
    assert job is not None and store.jobs.end(job.id, "w", DONE)
    ended = now(store, job)
    assert (ended.state, ended.status_code, ended.status_string) == (JobState.FINISHED, 201, DONE.status_string)
    assert (ended.result, ended.request, ended.worker, ended.lease_until) == ({"pid": "p1"}, None, None, None)
    assert ended.finished_at is not None


@pytest.mark.parametrize("ending", [DONE, FAILED])
def test_only_its_worker_ends_a_job(store: Store, ending: Ending) -> None:
    job = store.jobs.start(submit(store).id, "w", LEASE)
    assert job is not None
    assert not store.jobs.end(job.id, "another", ending)
    assert now(store, job).state is JobState.RUNNING


def test_what_has_ended_stays_so(store: Store) -> None:
    job = store.jobs.start(submit(store).id, "w", LEASE)
    assert job is not None and store.jobs.end(job.id, "w", FAILED)
    assert not store.jobs.end(job.id, "w", DONE)
    assert store.jobs.start(job.id, "w", LEASE) is None
    cancelled = store.jobs.cancel(job.id)
    assert cancelled is not None and cancelled.state is JobState.FAILED


def test_a_beat_begins_the_lease_anew_and_keeps_progress(store: Store) -> None:
    job = store.jobs.start(submit(store).id, "w", timedelta(seconds=1))
    assert job is not None
    assert store.jobs.beat(job.id, "w", HOUR, Progress(2, 5, "queue")) is False
    found = now(store, job)
    assert found.progress == Progress(2, 5, "queue")
    assert found.lease_until is not None and found.lease_until > store.now() + timedelta(minutes=50)


def test_a_beat_of_who_lost_the_job_says_so(store: Store) -> None:
    job = store.jobs.start(submit(store).id, "w", LEASE)
    assert job is not None
    assert store.jobs.beat(job.id, "another", LEASE) is None


def test_what_is_put_back_waits_and_costs_no_attempt(store: Store) -> None:
    job = store.jobs.start(submit(store).id, "w", LEASE)
    assert job is not None and store.jobs.put_back(job.id, "w", HOUR)
    found = now(store, job)
    assert (found.state, found.attempts, found.worker, found.request) == (JobState.QUEUED, 0, None, b"sealed")
    assert store.jobs.claim("w", LEASE) is None
    assert found.not_before > store.now() + HOUR - timedelta(minutes=1)
    assert not store.jobs.put_back(job.id, "w", HOUR)


def test_a_queued_job_is_cancelled_at_once(store: Store) -> None:
    job = store.jobs.cancel(submit(store).id)
    assert job is not None
    assert (job.state, job.status_code, job.request) == (JobState.CANCELLED, 409, None)


def test_a_running_job_is_asked_to_stop(store: Store) -> None:
    job = store.jobs.start(submit(store).id, "w", LEASE)
    assert job is not None
    asked = store.jobs.cancel(job.id)
    assert asked is not None and (asked.state, asked.cancel_requested) == (JobState.RUNNING, True)
    assert store.jobs.beat(job.id, "w", LEASE) is True


def test_nobody_cancels_another_customers_job(store: Store) -> None:
    job = submit(store)
    assert store.jobs.cancel(job.id, "c2") is None
    assert now(store, job).state is JobState.QUEUED


def test_a_live_lease_is_not_taken(store: Store) -> None:
    assert store.jobs.start(submit(store).id, "w", LEASE) is not None
    assert store.jobs.rescue() == ()


def test_a_job_whose_lease_is_over_is_queued_again(store: Store) -> None:
    job = store.jobs.start(submit(store).id, "w", LEASE)
    assert job is not None
    lease_over(store, job)
    assert [(each.id, each.state) for each in store.jobs.rescue()] == [(job.id, JobState.QUEUED)]
    again = store.jobs.claim("w2", LEASE)
    assert again is not None and (again.id, again.attempts, again.request) == (job.id, 2, b"sealed")
    assert not store.jobs.end(job.id, "w", DONE)


def test_a_job_is_not_begun_again_for_ever(store: Store) -> None:
    job = submit(store)
    for _ in range(MOST_ATTEMPTS):
        assert store.jobs.start(job.id, "w", LEASE) is not None
        lease_over(store, job)
        store.jobs.rescue()
    ended = now(store, job)
    assert (ended.state, ended.status_string) == (JobState.FAILED, GAVE_UP.format(MOST_ATTEMPTS))
    assert ended.request is None


def test_a_job_that_was_to_stop_when_its_worker_died_is_cancelled(store: Store) -> None:
    job = store.jobs.start(submit(store).id, "w", LEASE)
    assert job is not None
    store.jobs.cancel(job.id)
    lease_over(store, job)
    assert [each.state for each in store.jobs.rescue()] == [JobState.CANCELLED]


def test_where_no_worker_lives_all_that_ran_is_queued_again(store: Store) -> None:
    assert store.jobs.start(submit(store).id, "w", HOUR) is not None
    assert [each.state for each in store.jobs.rescue(all_running=True)] == [JobState.QUEUED]


def test_a_stack_has_one_admission_in_the_queue(store: Store) -> None:
    first = submit(store, kind="admit")
    assert submit(store, kind="admit").id == first.id
    assert submit(store, "p2", kind="admit").id != first.id
    assert store.jobs.start(first.id, "w", LEASE) is not None
    assert submit(store, kind="admit").id != first.id


def test_an_admission_that_was_cut_off_leaves_its_work_to_the_one_that_waits(store: Store) -> None:
    first = store.jobs.start(submit(store, kind="admit").id, "w", LEASE)
    assert first is not None
    second = submit(store, kind="admit")
    lease_over(store, first)
    assert [each.state for each in store.jobs.rescue()] == [JobState.FINISHED]
    assert now(store, second).state is JobState.QUEUED


def test_a_stack_is_made_by_one_job_at_a_time(store: Store) -> None:
    store.workspaces.add(new_workspace())
    first = submit(store, kind="create")
    with pytest.raises(ConflictError):
        submit(store, kind="createJoin")
    store.jobs.cancel(first.id)
    assert submit(store, kind="createJoin").state is JobState.QUEUED


def test_an_idempotency_key_gives_the_same_job(store: Store) -> None:
    first = submit(store, idempotency_key="k", fingerprint=b"1")
    assert submit(store, idempotency_key="k", fingerprint=b"1").id == first.id
    assert store.jobs.of_key("c1", "k") == first
    assert store.jobs.of_key("c2", "k") is None


def test_a_making_job_of_that_key_is_no_conflict(store: Store) -> None:
    store.workspaces.add(new_workspace())
    first = submit(store, kind="create", idempotency_key="k", fingerprint=b"1")
    assert submit(store, kind="create", idempotency_key="k", fingerprint=b"1").id == first.id


def test_an_idempotency_key_of_another_request_is_refused(store: Store) -> None:
    submit(store, idempotency_key="k", fingerprint=b"1")
    with pytest.raises(IdempotencyError):
        submit(store, idempotency_key="k", fingerprint=b"2")


def test_customers_do_not_share_idempotency_keys(store: Store) -> None:
    first = submit(store, idempotency_key="k", fingerprint=b"1")
    other = store.jobs.submit(NewJob("c2", "newSchedule", "p1", idempotency_key="k", fingerprint=b"2"))
    assert other.id != first.id


def test_a_customers_jobs_are_its_own(store: Store) -> None:
    mine = submit(store)
    other = store.jobs.submit(NewJob("c2", "create", "p9"))
    assert [each.id for each in store.jobs.list("c1")] == [mine.id]
    assert {each.id for each in store.jobs.list()} == {mine.id, other.id}
    assert (store.jobs.waiting("c1"), store.jobs.waiting()) == (1, 2)


def test_what_ended_long_ago_is_pruned_and_nothing_else(store: Store) -> None:
    old, fresh, queued = submit(store), submit(store, "p2"), submit(store, "p3")
    for job in (old, fresh):
        assert store.jobs.start(job.id, "w", LEASE) is not None
        assert store.jobs.end(job.id, "w", DONE)
    set_row(store, old, finished_at=store.now() - 2 * HOUR)
    set_row(store, queued, created_at=store.now() - 2 * HOUR)
    assert store.jobs.prune(HOUR) == 1
    assert {each.id for each in store.jobs.list()} == {fresh.id, queued.id}


def test_a_customers_jobs_are_forgotten_with_it(store: Store) -> None:
    submit(store)
    other = store.jobs.submit(NewJob("c2", "create", "p9"))
    store.jobs.forget("c1")
    assert [each.id for each in store.jobs.list()] == [other.id]


def claims(place: StorePlace, *, processes: int, jobs: int) -> None:
    with open_store(place) as store:
        made = [submit(store, f"p{number % 8}").id for number in range(jobs)]
    (answers,) = race(processes, place, claim_all, [0])
    got = [each for answer in answers for each in answer]
    assert sorted(job for job, _, _ in got) == sorted(made)
    assert all(alone for _, _, alone in got)


def test_processes_that_claim_at_once_run_each_job_once_and_one_a_stack(place: StorePlace) -> None:
    claims(place, processes=4, jobs=24)


@pytest.mark.soak
def test_64_processes_that_claim_at_once(place: StorePlace) -> None:
    claims(place, processes=64, jobs=256)


def test_processes_with_one_idempotency_key_have_one_job(place: StorePlace) -> None:
    answers = race(4, place, submit_once, [f"k{number}" for number in range(5)])
    assert [len(set(each)) for each in answers] == [1] * 5


def test_processes_that_make_one_project_have_one_job(place: StorePlace) -> None:
    with open_store(place) as store:
        for number in range(5):
            store.workspaces.add(new_workspace(pid=f"p{number}"))
    answers = race(4, place, make_once, [f"p{number}" for number in range(5)])
    assert [sum(each is not None for each in answer) for answer in answers] == [1] * 5


def test_processes_that_admit_to_one_stack_have_one_job(place: StorePlace) -> None:
    answers = race(4, place, admit, [f"p{number}" for number in range(5)])
    assert [len(set(each)) for each in answers] == [1] * 5


def test_looking_first_and_writing_afterwards_would_be_noticed(place: StorePlace) -> None:
    """The mutation: without the index, two runs of a stack are under way."""
    with open_store(place) as store, store._database.writing() as connection:
        connection.exec_driver_sql("DROP INDEX jobs_one_running_per_stack")
        moment = store_values()
        for name in ("a", "b"):
            connection.execute(insert(JOBS).values({**moment, "id": name}))
    with open_store(place) as store:
        assert len([each for each in store.jobs.list(pid="p1") if each.state is JobState.RUNNING]) == 2


def store_values() -> dict[str, Any]:
    from datetime import UTC, datetime

    at = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        "cid": "c1", "pid": "p1", "stack_key": "c1/p1", "kind": "create", "state": "running", "not_before": at,
        "attempts": 1, "cancel_requested": False, "created_at": at,
    }  # fmt: skip
