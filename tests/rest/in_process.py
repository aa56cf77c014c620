"""The service without a socket: a request is an ASGI scope as uvicorn makes it, so that nothing tidies it up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fedml_infra.aws.sessions import Access
from fedml_infra.operations.double import InMemoryCloud
from fedml_infra.rest.app import create_app
from fedml_infra.rest.limits import RateLimit
from fedml_infra.rest.service import Service
from fedml_infra.store.place import StorePlace
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Ending, JobState
from fedml_infra.store.store import open_store
from tests.rest.world import CREATED, MASTER_KEY, Hand, World

URL = "https://fed.example.org"
JOINED = Ending(JobState.FINISHED, 201, "Fed Project created with join")
FINISHED = Ending(JobState.FINISHED, 200, "Job is finished")


@dataclass(frozen=True)
class Sent:
    """One request: `target` is path and query as they stand on the wire."""

    verb: str
    target: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""
    whole: bool = True
    """Whether the client stays until its body has come."""


@dataclass(frozen=True)
class Got:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def envelope(self) -> dict[str, Any]:
        """The answer's, which it must be."""
        found: dict[str, Any] = json.loads(self.body)
        assert set(found) == {"statusCode", "statusString", "values"}, found
        return found


@dataclass
class InProcess:
    """An app and the loop that it runs in."""

    world: World
    app: Any
    loop: asyncio.AbstractEventLoop = field(repr=False)

    def send(self, sent: Sent) -> Got:
        """One request, to its answer."""
        return self.loop.run_until_complete(asyncio.wait_for(self._send(sent), 60))

    async def _send(self, sent: Sent) -> Got:
        raw_path, _, query = sent.target.partition(b"?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": sent.verb,
            "scheme": "https",
            "path": unquote(raw_path.decode("ascii")),
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in sent.headers],
            "client": ("192.0.2.1", 4711),
            "server": ("127.0.0.1", 8443),
        }
        parts = [{"type": "http.request", "body": sent.body, "more_body": not sent.whole}]
        told: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return parts.pop(0) if parts else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        await self.app(scope, receive, send)
        starts = [each for each in told if each["type"] == "http.response.start"]
        assert len(starts) == 1, told
        headers = {name.decode().lower(): value.decode("latin-1") for each in starts for name, value in each["headers"]}
        body = b"".join(each.get("body", b"") for each in told if each["type"] == "http.response.body")
        return Got(starts[0]["status"], headers, body)


@contextmanager
def in_process(folder: Path) -> Iterator[InProcess]:
    """The app on a store of its own; every job ends at once, and nobody is told to come later."""
    with open_store(StorePlace(folder / "data")) as store:
        sealer, hand = Sealer(MASTER_KEY), Hand(store)
        hand.endings = dict.fromkeys(("create", "createJoin", "awsinfo", "newSchedule", "admit"), FINISHED)
        hand.endings |= {"create": CREATED, "createJoin": JOINED}
        cloud = InMemoryCloud({Access(): "111111111111"})
        service = Service(store, sealer, hand, cloud, (URL,), sync_timeout=5.0, poll=0.001)
        service.per_address = service.per_token = RateLimit(1e9, 10**9)
        loop = asyncio.new_event_loop()
        try:
            yield InProcess(World(URL, store, sealer, service, hand, cloud), create_app(service), loop)
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
