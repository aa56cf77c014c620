"""What the endpoints work with."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from fastapi import Request

from fedml_infra.operations.jobs.dispatch import Dispatcher
from fedml_infra.operations.jobs.submit import Submitter
from fedml_infra.operations.project_door import ProjectDoor
from fedml_infra.operations.projects import Projects
from fedml_infra.operations.tools import Cloud
from fedml_infra.rest.limits import RateLimit
from fedml_infra.rest.metrics import Metrics
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Job
from fedml_infra.store.store import Store
from fedml_infra.wire.v2.proof import Challenger

PREFIX = "/symetry/rest"
SYNC_SECONDS = 55.0
"""For so long create and createJoin hold their answer: less than what stands before a server usually allows (60 s)."""


@dataclass
class Service:
    """One server. `urls`: by what it is known from outside, without a path; the first is what it calls itself.

    `sync_timeout` in seconds. `stopping` is set once the server ends: who waits is then answered what there is.
    """

    store: Store
    sealer: Sealer
    dispatcher: Dispatcher
    aws: Cloud
    urls: tuple[str, ...]
    sync_timeout: float = SYNC_SECONDS
    challenger: Challenger = field(default_factory=Challenger)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    stopping: threading.Event = field(default_factory=threading.Event)
    poll: float = 0.25
    """Seconds between two looks at a job that somebody waits for."""
    per_address: RateLimit = field(default_factory=lambda: RateLimit(20.0, 200))
    per_token: RateLimit = field(default_factory=lambda: RateLimit(2.0, 20))
    """Of createPolicies: a joiner asks twice every two seconds while its hub comes up."""
    submitter: Submitter = field(init=False)
    projects: Projects = field(init=False)
    door: ProjectDoor = field(init=False)
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        self.submitter = Submitter(self.store, self.sealer)
        self.projects = Projects(self.store, self.sealer)
        self.door = ProjectDoor(self.projects, self.submitter, self.aws, self.challenger, self.now)
        self.metrics = Metrics(self.store.jobs)

    def url(self, request: Request) -> str:
        """By what the caller knows this server: the Host only chooses among the known ones."""
        host = request.headers.get("Host", "").lower()
        return next((url for url in self.urls if urlsplit(url).netloc.lower() == host), self.urls[0])

    async def ended(self, job: Job, seconds: float) -> Job:
        """The job once it has ended, or as it is after so long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not job.state.ended and loop.time() < until and not self.stopping.is_set():
            await asyncio.sleep(min(self.poll, max(0.0, until - loop.time())))
            found = await asyncio.to_thread(self.store.jobs.get, job.id)
            if found is None:
                break
            job = found
        return job
