"""Jobs: the row is the truth about a run. Each step is one statement that looks and writes, by the database's clock."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    Row,
    Select,
    Update,
    and_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy import update as updated
from sqlalchemy.exc import IntegrityError

from fedml_infra.errors import ConfigurationError, ConflictError
from fedml_infra.store.database import Database
from fedml_infra.store.runs import began, note_ended
from fedml_infra.store.service_tables import JOBS, RUNS, WORKSPACES
from fedml_infra.store.service_values import Ending, Job, JobState, NewJob, Progress
from fedml_infra.store.tables import Now

ADMIT = "admit"
"""The kind of job of which a stack has one at most in the queue: it takes in whoever was admitted by then."""
MAKING = ("create", "createJoin")
"""Kinds that make a stack: it has one of them under way at most."""
MOST_ATTEMPTS = 3
"""Runs of one job: a run whose worker died is begun again, but not for ever."""
RUNS_KEPT = timedelta(days=400)
"""How long it is known who ran a stack: so long may a lock lie there until somebody comes back to it."""
GAVE_UP = "The run was cut off {} times, and is not tried again: start it anew, it goes on where it was."

_JOB = [column for column in JOBS.columns if column.name != "stack_key"]
_QUEUED, _RUNNING = str(JobState.QUEUED), str(JobState.RUNNING)
_ENDED = [str(state) for state in JobState if state.ended]


class IdempotencyError(ConfigurationError):
    """An idempotency key that came with another request before."""


class Jobs:
    """The jobs of all customers that share the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(self, new: NewJob) -> Job:
        """Queue a job; the one that is there where its idempotency key came before, or, for an admission, where one of
        that stack is queued already. Raises IdempotencyError where the key came with another request, ConflictError
        for a job that makes a stack where another such one is under way.
        """
        values = asdict(new) | {
            "stack_key": new.stack_key,
            "state": _QUEUED,
            "not_before": Now(),
            "created_at": Now(),
            "attempts": 0,
            "cancel_requested": False,
        }
        while True:
            with self._database.writing() as connection:
                if new.kind in MAKING and self._is_made(connection, new):
                    raise ConflictError(f"Another request for [{new.pid}] is under way.")
                made = _unless_one_is_there(connection, JOBS.insert().values(values))
            if made is not None:
                return made
            there = self._there(new)
            if there is not None:
                return there

    def _there(self, new: NewJob) -> Job | None:
        job = JOBS.c
        if new.idempotency_key is not None:
            wanted = and_(job.cid == new.cid, job.idempotency_key == new.idempotency_key)
        else:
            wanted = and_(job.stack_key == new.stack_key, job.kind == ADMIT, job.state == _QUEUED)
        with self._database.reading() as connection:
            found = connection.execute(select(*_JOB).where(wanted)).one_or_none()
        if found is None:
            return None
        there = _job(found)
        if (there.kind, there.pid, there.fingerprint) != (new.kind, new.pid, new.fingerprint):
            raise IdempotencyError(
                "This Idempotency-Key came with another request before.", fix="Use a new key for a new request."
            )
        return there

    def _is_made(self, connection: Connection, new: NewJob) -> bool:
        """Whether another job makes the stack by now. Held to the end of the transaction, on both databases."""
        connection.execute(
            select(WORKSPACES.c.pid).where(WORKSPACES.c.cid == new.cid, WORKSPACES.c.pid == new.pid).with_for_update()
        )
        job = JOBS.c
        other = select(job.id).where(
            job.stack_key == new.stack_key, job.kind.in_(MAKING), job.state.in_([_QUEUED, _RUNNING])
        )
        if new.idempotency_key is not None:
            other = other.where(or_(job.idempotency_key.is_(None), job.idempotency_key != new.idempotency_key))
        return connection.execute(other.limit(1)).one_or_none() is not None

    def of_key(self, cid: str, idempotency_key: str) -> Job | None:
        """The job of a customer that came with that key."""
        wanted = select(*_JOB).where(JOBS.c.cid == cid, JOBS.c.idempotency_key == idempotency_key)
        with self._database.reading() as connection:
            found = connection.execute(wanted).one_or_none()
        return _job(found) if found is not None else None

    def get(self, job_id: str) -> Job | None:
        """The job of that id."""
        with self._database.reading() as connection:
            found = connection.execute(select(*_JOB).where(JOBS.c.id == job_id)).one_or_none()
        return _job(found) if found is not None else None

    def list(self, cid: str | None = None, *, pid: str | None = None, limit: int = 1000) -> tuple[Job, ...]:
        """A customer's jobs, or everybody's; the newest first."""
        wanted = select(*_JOB).order_by(JOBS.c.created_at.desc(), JOBS.c.id).limit(limit)
        if cid is not None:
            wanted = wanted.where(JOBS.c.cid == cid)
        if pid is not None:
            wanted = wanted.where(JOBS.c.pid == pid)
        with self._database.reading() as connection:
            return tuple(_job(found) for found in connection.execute(wanted))

    def waiting(self, cid: str | None = None) -> int:
        """How many are queued or running."""
        wanted = select(func.count()).select_from(JOBS).where(JOBS.c.state.in_([_QUEUED, _RUNNING]))
        if cid is not None:
            wanted = wanted.where(JOBS.c.cid == cid)
        with self._database.reading() as connection:
            return int(connection.execute(wanted).scalar_one())

    def counts(self) -> dict[JobState, int]:
        """How many are kept, by state; every state is there."""
        wanted = select(JOBS.c.state, func.count()).group_by(JOBS.c.state)
        with self._database.reading() as connection:
            found = {JobState(state): int(number) for state, number in connection.execute(wanted)}
        return {state: found.get(state, 0) for state in JobState}

    def claim(self, worker: str, lease: timedelta) -> Job | None:
        """Start the job that may start longest, for `lease` at first; None where there is none.

        Of several workers that ask at the same time each gets another job, or none.
        """
        # Not IN: PostgreSQL may run that subquery several times, and pass over the row that it has just locked itself.
        return self._start(JOBS.c.id == _first_to_start().scalar_subquery(), worker, lease)

    def start(self, job_id: str, worker: str, lease: timedelta) -> Job | None:
        """The same for one job; None where it may not start now."""
        return self._start(and_(JOBS.c.id == job_id, _may_start(JOBS)), worker, lease)

    def _start(self, which: ColumnElement[bool], worker: str, lease: timedelta) -> Job | None:
        statement = (
            updated(JOBS)
            .where(which, JOBS.c.state == _QUEUED)
            .values(
                state=_RUNNING,
                worker=worker,
                lease_until=Now() + _span(lease),
                attempts=JOBS.c.attempts + 1,
                started_at=Now(),
            )
        )
        with self._database.writing() as connection:
            started = _unless_one_is_there(connection, statement)
            if started is not None:
                began(connection, started)
            return started

    def beat(self, job_id: str, worker: str, lease: timedelta, progress: Progress | None = None) -> bool | None:
        """Begin the lease of a run anew. Whether it is to be cancelled; None where it is no longer this worker's."""
        values = {"lease_until": Now() + _span(lease)} | _made(progress)
        found = self._of_worker(job_id, worker, values, JOBS.c.cancel_requested)
        return None if found is None else bool(found[0])

    def end(self, job_id: str, worker: str, ending: Ending, progress: Progress | None = None) -> bool:
        """End a run; False where it is this worker's no longer, and nothing was written. `progress`: its last."""
        values = _ended(ending) | _made(progress)
        return self._of_worker(job_id, worker, values, JOBS.c.id, ends=True) is not None

    def put_back(self, job_id: str, worker: str, wait: timedelta) -> bool:
        """Queue a run again, which waits for something else; it is no attempt. False as `end`."""
        values = {
            "state": _QUEUED,
            "not_before": Now() + _span(wait),
            "worker": None,
            "lease_until": None,
            "attempts": JOBS.c.attempts - 1,
        }
        return self._of_worker(job_id, worker, values, JOBS.c.id, ends=True) is not None

    def cancel(self, job_id: str, cid: str | None = None) -> Job | None:
        """Cancel a queued job at once, and ask a running one to stop; None where there is none (of that customer)."""
        mine = and_(JOBS.c.id == job_id, *([JOBS.c.cid == cid] if cid is not None else []))
        with self._database.writing() as connection:
            connection.execute(updated(JOBS).where(mine, JOBS.c.state == _RUNNING).values(cancel_requested=True))
            connection.execute(
                updated(JOBS).where(mine, JOBS.c.state == _QUEUED).values(cancel_requested=True, **_ended(CANCELLED))
            )
            found = connection.execute(select(*_JOB).where(mine)).one_or_none()
        return _job(found) if found is not None else None

    def rescue(self, *, all_running: bool = False) -> tuple[Job, ...]:
        """Take the jobs whose lease is over from their workers: queued again, or failed after too many attempts.

        `all_running`: whatever its lease says, where no worker can be alive. Returns them as they are now.
        """
        over = and_(JOBS.c.state == _RUNNING, *([] if all_running else [JOBS.c.lease_until < Now()]))
        again = {"state": _QUEUED, "worker": None, "lease_until": None, "not_before": Now()}
        gave_up = _ended(Ending(JobState.FAILED, 500, GAVE_UP.format(MOST_ATTEMPTS)))
        with self._database.writing() as connection:
            rows = [
                *_all(connection, updated(JOBS).where(over, JOBS.c.cancel_requested).values(_ended(CANCELLED))),
                *_all(connection, updated(JOBS).where(over, JOBS.c.attempts >= MOST_ATTEMPTS).values(gave_up)),
            ]
            rows += _all(connection, updated(JOBS).where(over, _no_newer_admission()).values(again))
            # An admission that was cut off, where the next one waits already: that one does its work too.
            rows += _all(connection, updated(JOBS).where(over).values(_ended(TAKEN_OVER)))
            if rows:
                note_ended(connection)
        return tuple(rows)

    def prune(self, older: timedelta) -> int:
        """Delete the jobs that ended longer ago than that; how many."""
        done = and_(JOBS.c.state.in_(_ENDED), JOBS.c.finished_at < Now() - _span(older))
        with self._database.writing() as connection:
            connection.execute(delete(RUNS).where(RUNS.c.ended_at < Now() - _span(RUNS_KEPT)))
            return len(connection.execute(delete(JOBS).where(done).returning(JOBS.c.id)).all())

    def forget(self, cid: str) -> None:
        """Delete a customer's jobs: who gets its id later must not find them."""
        with self._database.writing() as connection:
            connection.execute(delete(JOBS).where(JOBS.c.cid == cid))
            connection.execute(delete(RUNS).where(RUNS.c.stack_key.startswith(f"{cid}/", autoescape=True)))

    def _of_worker(
        self, job_id: str, worker: str, values: dict[str, Any], told: ColumnElement[Any], *, ends: bool = False
    ) -> Row[Any] | None:
        statement = (
            updated(JOBS)
            .where(JOBS.c.id == job_id, JOBS.c.worker == worker, JOBS.c.state == _RUNNING)
            .values(values)
            .returning(told)
        )
        with self._database.writing() as connection:
            found = connection.execute(statement).one_or_none()
            if ends and found is not None:
                note_ended(connection)
            return found


CANCELLED = Ending(JobState.CANCELLED, 409, "Job was cancelled")
TAKEN_OVER = Ending(JobState.FINISHED, 200, "Job is finished")


def _made(progress: Progress | None) -> dict[str, Any]:
    return {} if progress is None else {"progress": json.dumps(asdict(progress))}


def _ended(ending: Ending) -> dict[str, Any]:
    return {
        "state": str(ending.state),
        "status_code": ending.status_code,
        "status_string": ending.status_string,
        "result": json.dumps(dict(ending.result)),
        "finished_at": Now(),
        "worker": None,
        "lease_until": None,
        # What was asked for holds credentials; nobody needs them any more.
        "request": None,
    }


def _may_start(job: FromClause) -> ColumnElement[bool]:
    """Queued, its time has come, and no other job of its stack runs."""
    other = JOBS.alias("other")
    busy = exists(select(other.c.id).where(other.c.stack_key == job.c.stack_key, other.c.state == _RUNNING))
    return and_(job.c.state == _QUEUED, job.c.not_before <= Now(), ~busy)


def _first_to_start() -> Select[Any]:
    # An alias, since a subquery on the table that is updated would be about its row.
    job = JOBS.alias("job")
    # Not by age: jobs that wait for others and come again and again would never let these have a place.
    wanted = select(job.c.id).where(_may_start(job)).order_by(job.c.not_before, job.c.created_at, job.c.id).limit(1)
    # PostgreSQL: others' rows that are being started are passed over. SQLite holds its file, and needs nothing.
    return wanted.with_for_update(skip_locked=True, of=job)


def _no_newer_admission() -> ColumnElement[bool]:
    other = JOBS.alias("other")
    waits = select(other.c.id).where(
        other.c.stack_key == JOBS.c.stack_key, other.c.kind == ADMIT, other.c.state == _QUEUED
    )
    return or_(JOBS.c.kind != ADMIT, ~exists(waits))


def _span(span: timedelta) -> ColumnElement[int]:
    return literal(span // timedelta(milliseconds=1), BigInteger)


def _unless_one_is_there(connection: Connection, statement: Insert | Update) -> Job | None:
    """The row that was written; None where there was none to write, or an index has one like it already."""
    try:
        with connection.begin_nested():
            found = connection.execute(statement.returning(*_JOB)).one_or_none()
    except IntegrityError:
        return None
    return _job(found) if found is not None else None


def _all(connection: Connection, statement: Update) -> Iterable[Job]:
    return [_job(found) for found in connection.execute(statement.returning(*_JOB))]


def _job(found: Row[Any]) -> Job:
    row = dict(found._mapping)
    progress = json.loads(row.pop("progress") or "null")
    return Job(
        **row
        | {
            "state": JobState(row["state"]),
            "result": json.loads(row["result"] or "{}"),
            "progress": Progress(**progress) if progress else None,
            "request": bytes(row["request"]) if row["request"] is not None else None,
            "fingerprint": bytes(row["fingerprint"]) if row["fingerprint"] is not None else None,
        }
    )
