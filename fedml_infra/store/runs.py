"""Which worker ran which stack, and until when. A run that is over here has ended everywhere: whoever watches it kills
it before its lease ends.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, select
from sqlalchemy import update as updated

from fedml_infra.store.database import Database, insert_unless_there
from fedml_infra.store.service_tables import JOBS, RUNS
from fedml_infra.store.service_values import Job, JobState
from fedml_infra.store.tables import Now

CLOCKS_DIFFER = timedelta(seconds=30)
"""Between the database's clock and that of a worker's machine."""


class Runs:
    """The runs of all stacks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def knows_dead(self, stack_key: str, host: str, since: datetime) -> bool:
        """Whether what a process of `host` has held of that stack since then is proved to be a dead run's.

        It is where a worker of that machine had a run of the stack under way at that time, and the run is over.
        """
        run = RUNS.c
        wanted = select(run.worker, run.started_at, run.ended_at).where(
            run.stack_key == stack_key, run.started_at <= since + CLOCKS_DIFFER
        )
        with self._database.reading() as connection:
            found = [row for row in connection.execute(wanted).all() if host_of(row.worker) == host]
        # The newest that it can be of, so that one that is still under way is not taken for an earlier one.
        newest = max(found, key=lambda row: row.started_at, default=None)
        return newest is not None and newest.ended_at is not None and since <= newest.ended_at + CLOCKS_DIFFER


def host_of(worker: str) -> str:
    """The machine of a worker's name, `HOST:PID:…`."""
    return worker.rsplit(":", 2)[0]


def began(connection: Connection, job: Job) -> None:
    """Note a run that was just started."""
    if job.pid is not None:
        row = {"stack_key": f"{job.cid}/{job.pid}", "worker": job.worker, "started_at": job.started_at}
        insert_unless_there(connection, RUNS, row)


def note_ended(connection: Connection) -> None:
    """Note the end of every run whose row is no longer its worker's."""
    run, job = RUNS.c, JOBS.c
    under_way = exists(
        select(job.id).where(
            job.stack_key == run.stack_key, job.worker == run.worker, job.state == str(JobState.RUNNING)
        )
    )
    connection.execute(updated(RUNS).where(run.ended_at.is_(None), ~under_way).values(ended_at=Now()))
