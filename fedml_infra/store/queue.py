"""The workers' queue on PostgreSQL: procrastinate's tables beside ours, filled by a trigger on the jobs.

A row that becomes queued, whoever writes it, is put into the queue in the same transaction. An entry is a hint that the
row may start: it may be lost or come twice, and `Jobs.start` alone decides. Why: docs/adr/0024-a-queue-of-hints.md.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import resources

from pydantic import SecretStr
from sqlalchemy import Connection, inspect, text

from fedml_infra.errors import ConfigurationError
from fedml_infra.store.database import QUEUE_LOCK, Database
from fedml_infra.store.place import StorePlace

QUEUE, TASK = "fedml", "fedml.run"
"""Names in procrastinate."""

_VERSION = "fedml 1"
"""Of what is ours; another one is written over what is there."""

# Not yet due: without a lock, since in procrastinate an entry holds up the later ones of its lock even while its own
# time has not come. Functions find their tables whatever the search path of whoever writes the row.
_OURS = """
CREATE OR REPLACE FUNCTION fedml_hint(job_id text, stack_key text, not_before bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    due timestamptz := to_timestamp(not_before / 1000.0);
    later boolean := due > clock_timestamp();
BEGIN
    IF EXISTS (SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = job_id AND status = 'todo') THEN
        RETURN;
    END IF;
    PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW(
        'fedml', 'fedml.run', 0,
        CASE WHEN NOT later THEN stack_key END,
        job_id,
        jsonb_build_object('job_id', job_id),
        CASE WHEN later THEN due END
    )::procrastinate_job_to_defer_v1]);
EXCEPTION WHEN unique_violation THEN
    NULL;  -- somebody else has just written it
END
$$;

CREATE OR REPLACE FUNCTION fedml_job_queued() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM fedml_hint(NEW.id, NEW.stack_key, NEW.not_before);
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS job_queued ON jobs;
CREATE TRIGGER job_queued AFTER INSERT OR UPDATE OF state ON jobs
FOR EACH ROW WHEN (NEW.state = 'queued') EXECUTE FUNCTION fedml_job_queued();
"""

_FREE = """
DELETE FROM procrastinate_jobs AS entry
WHERE entry.queue_name = :queue AND entry.status = 'doing' AND NOT EXISTS (
    SELECT 1 FROM procrastinate_workers AS worker
    WHERE worker.id = entry.worker_id AND worker.last_heartbeat > now() - make_interval(secs => :seconds)
)
"""

_HINT_AGAIN = """
SELECT fedml_hint(job.id, job.stack_key, job.not_before) FROM jobs AS job
WHERE job.state = 'queued' AND job.not_before <= extract(epoch FROM clock_timestamp()) * 1000
AND NOT EXISTS (
    SELECT 1 FROM procrastinate_jobs AS entry WHERE entry.queueing_lock = job.id AND entry.status IN ('todo', 'doing')
)
AND NOT EXISTS (SELECT 1 FROM jobs AS other WHERE other.stack_key = job.stack_key AND other.state = 'running')
"""


class Queue:
    """The queue of one store. Raises ConfigurationError for a store in a file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        given = require_database(database.place).get_secret_value()
        self.url = SecretStr("postgresql" + given[given.index("://") :])
        """What a driver connects to."""

    def prepare(self) -> None:
        """Make the queue, or bring it to what this release needs; of several that do so at once, one does it."""
        with self._database.reading() as connection:
            if not _lacking(connection):
                return
        with self._database.writing(lock=QUEUE_LOCK) as connection:
            lacking = _lacking(connection)
            if not _is_there(connection):
                connection.execute(text("CREATE TABLE queue_schema (name text PRIMARY KEY)"))
                # As all of the migrations leave it.
                _run(connection, _sql("schema.sql"))
                _run(connection, _OURS)
            else:
                for name in lacking:
                    _run(connection, _OURS if name == _VERSION else _sql("migrations", name))
            for name in lacking:
                connection.execute(text("INSERT INTO queue_schema (name) VALUES (:name)"), {"name": name})

    def tend(self, stalled: timedelta) -> None:
        """Drop the entries of workers that have said nothing for so long, and put in whatever is due and has none."""
        with self._database.writing() as connection:
            connection.execute(text(_FREE), {"queue": QUEUE, "seconds": stalled.total_seconds()})
            connection.execute(text(_HINT_AGAIN))


def require_database(place: StorePlace) -> SecretStr:
    """The URL of a store that workers can share. Raises ConfigurationError for one in a file."""
    if place.database_url is None:
        raise ConfigurationError(
            f"The store {place} is a file of one machine, where `fedml-infra serve` runs the jobs itself.",
            fix="Workers share a PostgreSQL database: give --database-url.",
        )
    return place.database_url


def _lacking(connection: Connection) -> list[str]:
    """What is still to be applied, in this order: procrastinate's migrations, and then what is ours."""
    migrations = resources.files("procrastinate.sql").joinpath("migrations").iterdir()
    wanted = [*sorted(each.name for each in migrations if each.name.endswith(".sql")), _VERSION]
    if not _is_there(connection):
        return wanted
    there = set(connection.execute(text("SELECT name FROM queue_schema")).scalars())
    return [name for name in wanted if name not in there]


def _is_there(connection: Connection) -> bool:
    return inspect(connection).has_table("queue_schema")


def _sql(*path: str) -> str:
    return resources.files("procrastinate.sql").joinpath(*path).read_text(encoding="utf-8")


def _run(connection: Connection, statements: str) -> None:
    """Many statements at once, which the driver takes only where it is given no values, not even none."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(statements)
