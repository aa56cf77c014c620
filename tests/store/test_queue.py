"""The workers' queue has an entry for each job that may start, made with the row; an update brings it along."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from procrastinate.schema import migrations_path
from pydantic import SecretStr
from sqlalchemy import text

from fedml_infra.errors import ConfigurationError
from fedml_infra.store.place import StorePlace
from fedml_infra.store.service_values import NewJob
from fedml_infra.store.store import Store, open_store
from tests.store.values import execute

LEASE = timedelta(seconds=30)


@pytest.fixture
def queued(new_schema: Callable[[], str]) -> Iterator[Store]:
    with open_store(StorePlace(None, SecretStr(new_schema()))) as store:
        yield store


pytestmark = pytest.mark.postgresql


def entries(store: Store) -> list[tuple[str, str | None, bool]]:
    """Job, lock, and whether it waits for its time."""
    statement = "SELECT args ->> 'job_id', lock, scheduled_at IS NOT NULL FROM procrastinate_jobs ORDER BY id"
    with store._database.reading() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(text(statement))]


def test_a_job_is_in_the_queue_with_its_row(queued):
    queued.queue().prepare()
    job = queued.jobs.submit(NewJob("c", "create", "p"))
    assert entries(queued) == [(job.id, "c/p", False)]


def test_what_is_rolled_back_is_in_neither(queued):
    queued.queue().prepare()
    with pytest.raises(ZeroDivisionError), queued._database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO jobs (id, cid, kind, state, not_before, attempts, cancel_requested, created_at) "
            "VALUES ('1', 'c', 'create', 'queued', 0, 0, false, 0)"
        )
        raise ZeroDivisionError
    assert entries(queued) == []


def test_what_was_queued_before_there_was_a_queue_is_put_in(queued):
    job = queued.jobs.submit(NewJob("c", "create", "p"))
    queued.queue().prepare()
    queued.queue().tend(LEASE)
    queued.queue().tend(LEASE)
    assert entries(queued) == [(job.id, "c/p", False)]


def test_what_waits_for_its_time_has_no_lock(queued):
    """In procrastinate it would hold up the next job of its stack until then."""
    queued.queue().prepare()
    job = queued.jobs.submit(NewJob("c", "createJoin", "p"))
    execute(queued, "DELETE FROM procrastinate_jobs")
    queued.jobs.start(job.id, "h:1:0", LEASE)
    queued.jobs.put_back(job.id, "h:1:0", LEASE)
    assert entries(queued) == [(job.id, None, True)]


def test_what_is_behind_a_run_of_its_stack_is_not_put_in_before_that_ends(queued):
    queued.queue().prepare()
    first, second = (queued.jobs.submit(NewJob("c", "newSchedule", "p")) for _ in range(2))
    queued.jobs.start(first.id, "h:1:0", LEASE)
    execute(queued, "DELETE FROM procrastinate_jobs")
    queued.queue().tend(LEASE)
    assert entries(queued) == []
    queued.jobs.rescue(all_running=True)
    queued.queue().tend(LEASE)
    assert {each[0] for each in entries(queued)} == {first.id, second.id}


def test_the_entry_of_a_worker_that_is_gone_is_dropped_and_made_anew(queued):
    queued.queue().prepare()
    job = queued.jobs.submit(NewJob("c", "create", "p"))
    execute(
        queued,
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute')",
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM procrastinate_workers)",
    )
    queued.queue().tend(timedelta(minutes=2))
    assert status(queued) == ["doing"]
    queued.queue().tend(LEASE)
    assert status(queued) == ["todo"] and [each[0] for each in entries(queued)] == [job.id]


def status(store: Store) -> list[str]:
    with store._database.reading() as connection:
        return list(connection.execute(text("SELECT status::text FROM procrastinate_jobs")).scalars())


def test_several_that_make_it_at_once_make_it_once(queued):
    failed: list[BaseException] = []

    def prepare() -> None:
        try:
            queued.queue().prepare()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=prepare) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert queued.jobs.submit(NewJob("c", "create", "p")).id == entries(queued)[0][0]


def test_an_update_applies_what_is_new_in_order(queued):
    """A database as a release with an older procrastinate left it."""
    names = sorted(path.name for path in migrations_path.glob("*.sql"))
    with psycopg.connect(queued.queue().url.get_secret_value(), autocommit=True) as connection:
        connection.execute("CREATE TABLE queue_schema (name text PRIMARY KEY)")
        for name in names[:-3]:
            connection.execute((migrations_path / name).read_text(encoding="utf-8"))
            connection.execute("INSERT INTO queue_schema VALUES (%s)", [name])
        assert not is_newest(connection)
        queued.queue().prepare()
        assert is_newest(connection)
    job = queued.jobs.submit(NewJob("c", "create", "p"))
    assert [each[0] for each in entries(queued)] == [job.id]


def is_newest(connection: psycopg.Connection[Any]) -> bool:
    found = connection.execute("SELECT to_regproc('procrastinate_retry_job_v2') IS NOT NULL").fetchone()
    return found == (True,)


def test_a_file_has_no_queue(sqlite_store):
    with pytest.raises(ConfigurationError, match="--database-url"):
        sqlite_store.queue()
