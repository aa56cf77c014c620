"""A service's worker as a process of its own, and the door that joiners knock at, in the sandbox."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretBytes

from fedml_infra.engine.runner import dying_with_us
from fedml_infra.operations.door import Reply
from fedml_infra.operations.jobs.embedded import EmbeddedDispatcher
from fedml_infra.operations.jobs.messages import Settings
from fedml_infra.operations.jobs.submit import Submitter
from fedml_infra.operations.jobs.worker import Worker
from fedml_infra.operations.project_door import ProjectDoor
from fedml_infra.operations.projects import Projects
from fedml_infra.operations.tools import LiveCloud
from fedml_infra.store.place import StorePlace
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Job
from fedml_infra.store.store import Store, open_store
from fedml_infra.wire.v2.proof import Challenger
from tests.operations.jobs.doors import Answering, door

MASTER_KEY = SecretBytes(bytes(range(32)))
ROOT = Path(__file__).parents[2]
SECONDS = 120.0
POLL = 0.05


@dataclass
class Site:
    """A data folder, and what a service does with it. `env` is that of its worker; states are kept in the folder unless
    a backend is given.
    """

    folder: Path
    env: dict[str, str]
    state_backend: str | None = None
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = open_store(StorePlace(self.folder))

    @property
    def sealer(self) -> Sealer:
        return Sealer(MASTER_KEY)

    @property
    def submitter(self) -> Submitter:
        return Submitter(self.store, self.sealer)

    @property
    def projects(self) -> Projects:
        return Projects(self.store, self.sealer)

    @contextmanager
    def working(self, host: str | None = None) -> Iterator[str]:
        """A worker that serves createPolicies too; the address, to which `/cid/pid` is added. Killed in the end.

        `host`: the name of the machine that it takes itself to be on, for which root is needed.
        """
        elsewhere = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host] if host is not None else []
        with (self.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    *dying_with_us(),
                    *elsewhere,
                    *(sys.executable, "-m", "tests.stories.services", str(self.folder)),
                    *([self.state_backend] if self.state_backend is not None else []),
                ],
                env={**self.env, "PYTHONPATH": str(ROOT)},
                cwd=self.folder,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert process.stdout is not None
        try:
            yield process.stdout.readline().decode().strip() or pytest.fail(self.log())
        finally:
            process.kill()
            process.communicate()

    def now(self, job: Job) -> Job:
        found = self.store.jobs.get(job.id)
        assert found is not None
        return found

    def wait(self, job: Job, until: Any = lambda job: job.state.ended) -> Job:
        """The job, once it is so."""
        end = time.monotonic() + SECONDS
        while not until(found := self.now(job)):
            assert time.monotonic() < end, (found, self.log())
            time.sleep(POLL)
        return found

    def log(self) -> str:
        """What its worker said."""
        return (self.folder / "worker.log").read_text(encoding="utf-8")


def project_door(store: Store) -> Answering:
    """The service's own, whose addresses are `/cid/pid`."""
    sealer = Sealer(MASTER_KEY)
    projects, submitter = Projects(store, sealer), Submitter(store, sealer)
    served = ProjectDoor(projects, submitter, LiveCloud(), Challenger(), lambda: datetime.now(UTC))

    def answer(path: str, body: bytes, url: str) -> Reply:
        _, cid, pid = path.split("/")
        return served.create_policies(body, cid=cid, pid=pid, url=url)[0]

    return answer


async def serve(folder: Path, state_backend: str | None = None) -> None:
    """What `working` starts."""
    with open_store(StorePlace(folder)) as store, door(project_door(store)) as url:
        sys.stdout.write(url + "\n")
        sys.stdout.flush()
        settings = Settings(folder / "workspaces", state_backend, ("127.0.0.1",))
        await EmbeddedDispatcher(Worker(store, MASTER_KEY, settings)).run_forever()


if __name__ == "__main__":
    os.umask(0o077)
    asyncio.run(serve(Path(sys.argv[1]), *sys.argv[2:]))
