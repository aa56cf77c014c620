"""A job followed as server-sent events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from fedml_infra.rest.service import PREFIX
from fedml_infra.store.service_values import Progress
from fedml_infra.wire.answers import Answer
from tests.rest.world import AWS_KEYS, CREATED, Client, World

Customer = Callable[..., Client]


def events(client: Client, job: str) -> Iterator[tuple[str, bytes]]:
    """As they come."""
    path = f"{PREFIX}/{client.cid}/jobs/{job}/events"
    headers = client.headers("GET", path, "", b"", datetime.now(UTC))
    with (
        httpx.Client(trust_env=False, timeout=60) as connection,
        connection.stream("GET", client.url + path, headers=headers) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, line.removeprefix("data: ").encode()


@pytest.fixture
def job(customer: Customer) -> tuple[Client, str]:
    client = customer()
    return client, client.post("/fedml/awsinfo", AWS_KEYS).headers["Location"].rsplit("/", 1)[1]


def progress(state: str, done: int, of: int | None = None, current: str | None = None) -> dict[str, Any]:
    return {"state": state, "done": done, "of": of, "current": current}


def test_each_step_is_told_and_then_the_answer(service: World, job: tuple[Client, str]) -> None:
    client, job_id = job
    told = events(client, job_id)
    assert json.loads(next(told)[1]) == progress("queued", 0)
    service.hand.start(job_id)
    assert json.loads(next(told)[1]) == progress("running", 0)
    service.store.jobs.beat(job_id, "hand", timedelta(seconds=30), Progress(2, 5, "queue"))
    assert next(told) == ("progress", json.dumps(progress("running", 2, 5, "queue")).encode())
    service.hand.end(job_id, CREATED)
    name, raw = next(told)
    assert (name, Answer.read(raw).http_status, Answer.read(raw).status_string) == ("end", 200, "Job is finished")
    assert list(told) == []


def test_a_job_that_has_ended_is_told_at_once(service: World, job: tuple[Client, str]) -> None:
    client, job_id = job
    service.store.jobs.cancel(job_id)
    ((name, raw),) = events(client, job_id)
    assert (name, Answer.read(raw).status_string) == ("end", "Job was cancelled")
