"""The service with its own dispatcher, and jobs in processes of their own: without an engine."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fedml_infra.aws.sessions import Access
from fedml_infra.operations.double import InMemoryCloud
from fedml_infra.operations.jobs.embedded import EmbeddedDispatcher
from fedml_infra.operations.jobs.messages import Settings
from fedml_infra.operations.jobs.worker import Worker
from fedml_infra.rest.service import Service
from fedml_infra.store.place import StorePlace
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import JobState, NewJob
from fedml_infra.store.store import open_store
from tests.rest.test_events import events
from tests.rest.world import MASTER_KEY, Client, Hand, World, refusal, said, serving

RUN = (sys.executable, "-m", "tests.operations.jobs.runs")


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[World]:
    with open_store(StorePlace(tmp_path / "data")) as store, socket.create_server(("127.0.0.1", 0)) as bound:
        url, cloud = f"http://127.0.0.1:{bound.getsockname()[1]}", InMemoryCloud({Access(): "111111111111"})
        dispatcher = EmbeddedDispatcher(Worker(store, MASTER_KEY, Settings(tmp_path / "workspaces"), run_command=RUN))
        service = Service(store, Sealer(MASTER_KEY), dispatcher, cloud, (url,), poll=0.05)
        with serving(service, bound):
            yield World(url, store, Sealer(MASTER_KEY), service, Hand(store), cloud)


@pytest.fixture
def client(embedded: World) -> Client:
    return embedded.add("c1")


Submit = Callable[..., str]


@pytest.fixture
def submit(embedded: World, client: Client) -> Submit:
    """Queues a job that does as it is told; its id."""

    def call(**request: str) -> str:
        new = NewJob(client.cid, "test", "p")
        sealed = embedded.sealer.seal(json.dumps(request).encode(), "job request", client.cid, new.id)
        return embedded.store.jobs.submit(NewJob(client.cid, "test", "p", id=new.id, request=sealed)).id

    return call


def test_a_job_runs_and_its_client_sees_it_end(client: Client, submit: Submit) -> None:
    *_, (name, raw) = events(client, submit(do="finish"))
    assert name == "end" and b"Job is finished" in raw


def test_a_running_job_is_cancelled_by_its_client(client: Client, submit: Submit, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    job = submit(do="block", fifo=str(tmp_path / "fifo"))
    for name, raw in events(client, job):
        if name == "progress" and json.loads(raw)["current"] == "queue":
            assert refusal(client.call("DELETE", f"/jobs/{job}"))[0] == 202
    assert refusal(client.get(f"/jobs/{job}")) == (409, "Job was cancelled")


def test_a_service_that_ends_leaves_its_runs_to_the_next(tmp_path: Path, embedded: World, submit: Submit) -> None:
    os.mkfifo(tmp_path / "fifo")
    job = submit(do="block", fifo=str(tmp_path / "fifo"))
    client = embedded.clients["c1"]
    told = events(client, job)
    for name, raw in told:
        if name == "progress" and json.loads(raw)["state"] == "running":
            break
    embedded.service.stopping.set()
    # The stream ends with the service, though the job has not.
    assert all(name == "progress" for name, _ in told)
    assert said(client.get(f"/jobs/{job}")).http_status == 202
    found = embedded.store.jobs.get(job)
    assert found is not None and found.state is JobState.RUNNING
