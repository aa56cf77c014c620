"""What the REST service serves in a second, and how much memory it takes: getEncrypted, and a job that is polled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from fedml_infra.sandbox.environment import environment
from fedml_infra.sandbox.sandbox import Running
from fedml_infra.wire.answers import Answer
from fedml_infra.wire.blobs import encrypt_request
from fedml_infra.wire.keys import CustomerKey
from fedml_infra.wire.signature import SignedRequest, sign
from tools.bench.measure import resident
from tools.bench.table import Row

ACCOUNT = "777777777001"
CLIENTS = 8
REQUESTS = 400
COMMAND = str(Path(sys.executable).with_name("fedml-infra"))
CID, PID = "bench", "charite"


class Client:
    """A v1 customer: its connection is used again."""

    def __init__(self, url: str, key: CustomerKey) -> None:
        self._key, self._connection = key, httpx.Client(base_url=url, trust_env=False, timeout=120)

    def call(self, verb: str, path: str, given: Mapping[str, str] | None = None) -> httpx.Response:
        """A signed request under the customer's address."""
        body = encrypt_request(given, self._key).encode() if given is not None else b""
        whole, _, query = f"/symetry/rest/{CID}{path}".partition("?")
        headers = sign(SignedRequest(verb, CID, whole, query, body), self._key, datetime.now(UTC)).as_mapping()
        return self._connection.request(verb, f"{whole}?{query}", content=body, headers=headers)


def rows(running: Running, folder: Path) -> list[Row]:
    """One service on SQLite with one hub: its clients ask at the same time."""
    found = []
    with _serving(running, folder / "rest") as (process, client):
        given = {
            "fed_name": "bench",
            "fed_local_type": "cpu",
            "aws_region": "us-east-1",
            "sync_sched": "m30",
            "aws_access_key": ACCOUNT,
            "aws_secret_key": "sandbox",
            "s3_bucket": f"bench-{ACCOUNT}",
        }
        created = client().call("POST", f"/fedml/create?pid={PID}&persist=false", given)
        if created.status_code != 201:
            raise RuntimeError(f"create answered {created.status_code}: {created.text}")
        jobs = Answer.read(client().call("GET", "/jobs").content).values["jobs"]
        asked: dict[str, Callable[[Client], httpx.Response]] = {
            "getEncrypted": lambda each: each.call(
                "POST", f"/fedml/{PID}/getEncrypted", {"passwd": "hello", "fed_rest_host": str(client.url)}
            ),
            "a job that is polled": lambda each: each.call("GET", f"/jobs/{jobs[0]['id']}"),
        }
        for name, ask in asked.items():
            seconds = _timed(client, ask)
            memory = resident(os.getsid(process.pid)) / 2**20
            rate = f"{REQUESTS / seconds:.0f} requests a second"
            found.append(Row(f"REST: {name}, {REQUESTS} times by {CLIENTS} clients", seconds, memory, rate))
    return found


class _Clients:
    """Makes clients of one service."""

    def __init__(self, url: str, key: CustomerKey) -> None:
        self.url, self._key = url, key

    def __call__(self) -> Client:
        return Client(self.url, self._key)


def _timed(client: _Clients, ask: Callable[[Client], httpx.Response]) -> float:
    """How long the requests of all clients take together, in seconds."""
    clients = [client() for _ in range(CLIENTS)]

    def some(each: Client) -> None:
        for _ in range(REQUESTS // CLIENTS):
            answer = ask(each)
            if answer.status_code != 200:
                raise RuntimeError(f"answered {answer.status_code}: {answer.text}")

    some(clients[0])
    began = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(some, clients))
    return time.monotonic() - began


@contextmanager
def _serving(running: Running, data: Path) -> Iterator[tuple[subprocess.Popen[str], _Clients]]:
    data.mkdir(parents=True)
    env = environment(running, account=ACCOUNT, region="us-east-1", project=data).applied(os.environ)
    process = subprocess.Popen(
        [COMMAND, "serve", "--port", "0", "--data-dir", data, "--json"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        if process.stdout is None:
            raise AssertionError("no output to read")
        url = json.loads(process.stdout.readline())["url"]
        added = subprocess.run(
            [COMMAND, "customers", "add", CID, "--v1", "--data-dir", data, "--json"],
            env=env,
            check=True,
            capture_output=True,
        )
        told: dict[str, Any] = json.loads(added.stdout)
        yield process, _Clients(url, CustomerKey.parse(told["key"]))
    finally:
        process.terminate()
        process.communicate()
