"""Processes that do the same thing to one store at the same moment, again and again."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from typing import Any

import psycopg  # noqa: F401 - loaded once for all
import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401 - likewise
from sqlalchemy import select, update

from fedml_infra.errors import ConflictError, TokenRefusedError
from fedml_infra.store.place import StorePlace
from fedml_infra.store.service_values import Ending, JobState, NewJob
from fedml_infra.store.store import Store, open_store
from fedml_infra.store.tables import TOKENS, Now
from tests.store.values import entry, new_workspace

PATIENCE = 120.0
"""Seconds that a process waits for the others."""

Step = Callable[[Store, Any, int, Barrier], Any]


def race(processes: int, place: StorePlace, step: Step, items: list[Any]) -> list[list[Any]]:
    """What `step` gives for each item, in each of the processes. They begin each item together.

    A step is given the open store, the item, which process it is (from 0), and a barrier of all of them.
    """
    context = multiprocessing.get_context("forkserver")
    # Loaded once, and not by each process.
    context.set_forkserver_preload([__name__])
    barrier = context.Barrier(processes, timeout=PATIENCE)
    pipes = [context.Pipe(duplex=False) for _ in range(processes)]
    running = [
        context.Process(target=_run, args=(place, step, items, number, barrier, pipes[number][1]))
        for number in range(processes)
    ]
    for process in running:
        process.start()
    for _, sender in pipes:
        sender.close()
    try:
        answers = [receiver.recv() for receiver, _ in pipes]
    finally:
        for process in running:
            process.join(PATIENCE)
            if process.is_alive():
                process.kill()
    return [list(of_item) for of_item in zip(*answers, strict=True)]


def _run(place: StorePlace, step: Step, items: list[Any], number: int, barrier: Barrier, sender: Any) -> None:
    answers = []
    with open_store(place) as store:
        for item in items:
            barrier.wait()
            answers.append(step(store, item, number, barrier))
    sender.send(answers)


def account(number: int) -> str:
    """Each process has one."""
    return f"{200000000000 + number}"


def redeem(store: Store, digest: bytes, number: int, _barrier: Barrier) -> bool:
    """Whether this process's account got the token."""
    try:
        return store.tokens.redeem(digest, aws_id=account(number), pid=f"n{number}", public_key=None).first
    except TokenRefusedError:
        return False


def read_then_write(store: Store, digest: bytes, number: int, barrier: Barrier) -> bool:
    """The mistake: it looks, and writes afterwards."""
    with store._database.reading() as connection:
        free = connection.execute(
            select(TOKENS.c.id).where(
                TOKENS.c.digest == digest, TOKENS.c.used_by.is_(None), TOKENS.c.expires_at > Now()
            )
        ).one_or_none()
    barrier.wait()
    if free is None:
        return False
    with store._database.writing() as connection:
        connection.execute(
            update(TOKENS).where(TOKENS.c.digest == digest).values(used_by=account(number), used_at=Now())
        )
    return True


def append(store: Store, item: int, number: int, _barrier: Barrier) -> int:
    """The number that an entry of the audit got."""
    return store.audit.append(entry(1000 * number + item)).number


def use_challenge(store: Store, digest: bytes, _number: int, _barrier: Barrier) -> bool:
    """Whether it counted."""
    return store.challenges.use_once(digest, store.now())


def open_it(store: Store, _item: int, _number: int, _barrier: Barrier) -> int:
    """That it works: how many tokens there are."""
    return len(store.tokens.list())


LEASE = timedelta(minutes=1)


def claim_all(store: Store, _item: int, number: int, _barrier: Barrier) -> list[tuple[str, str | None, bool]]:
    """Every job that this process could start, with its pid, and whether it was alone on its stack all the time."""
    worker, got = f"worker{number}", []
    while True:
        job = store.jobs.claim(worker, LEASE)
        if job is None and not store.jobs.waiting():
            return got
        if job is None:
            continue
        running = [each for each in store.jobs.list(pid=job.pid) if each.state is JobState.RUNNING]
        ended = store.jobs.end(job.id, worker, Ending(JobState.FINISHED, 200, "Job is finished"))
        got.append((job.id, job.pid, ended and [each.id for each in running] == [job.id]))


def submit_once(store: Store, key: str, _number: int, _barrier: Barrier) -> str:
    """The job of that idempotency key."""
    return store.jobs.submit(NewJob("c1", "newSchedule", "p1", idempotency_key=key, fingerprint=b"same")).id


def make_once(store: Store, pid: str, _number: int, _barrier: Barrier) -> str | None:
    """The job that makes that project, if it is this process's."""
    try:
        return store.jobs.submit(NewJob("c1", "create", pid)).id
    except ConflictError:
        return None


def admit(store: Store, pid: str, _number: int, _barrier: Barrier) -> str:
    return store.jobs.submit(NewJob("c1", "admit", pid)).id


def take_room(store: Store, item: int, number: int, _barrier: Barrier) -> bool:
    """Whether a project was added, of three that there may be."""
    return store.workspaces.add(new_workspace(pid=f"p{item}-{number}"), quota=3) is not None


def write_stack_file(store: Store, version: int, number: int, _barrier: Barrier) -> bool:
    return store.workspaces.write("c1", "p1", version, f"by {number}")


def keep(store: Store, name: str, number: int, _barrier: Barrier) -> bytes:
    return store.kept.keep(name, bytes([number]))


def claim_topic(store: Store, topic_arn: str, number: int, _barrier: Barrier) -> bool:
    return store.workspaces.claim_topic("c1", f"p{number}", topic_arn)
