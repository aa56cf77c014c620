"""A service without processes: bodies of jobs run here, on engines that do what stack files say, and AWS in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretBytes

from fedml_infra.aws.sessions import Access, Keys
from fedml_infra.engine.protocol import Engine
from fedml_infra.operations.customers import CustomerWanted, add_customer
from fedml_infra.operations.double import InMemoryCloud
from fedml_infra.operations.jobs.answers import ending_of
from fedml_infra.operations.jobs.bodies import BODIES
from fedml_infra.operations.jobs.context import JobContext
from fedml_infra.operations.jobs.messages import Settings, Task, Waits
from fedml_infra.operations.jobs.submit import Submitter
from fedml_infra.operations.tools import Tools
from fedml_infra.store.place import StorePlace
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Customer, Ending, Job, Progress, Workspace
from fedml_infra.store.store import Store, open_store
from tests.operations.worlds import OWN, FileEngine

LEASE, NOW = timedelta(minutes=1), timedelta(0)
MASTER_KEY = SecretBytes(bytes(range(32)))
SECRET = "s3cr3t-of-aws"


@dataclass
class Service:
    """One service in a folder. `engines` are the projects', by folder, and outlive a run, as states do."""

    folder: Path
    aws: InMemoryCloud = field(default_factory=lambda: InMemoryCloud({}))
    engines: dict[Path, FileEngine] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    """Of projects by pid; OWN where nothing is said."""
    peers: tuple[str, ...] = ()
    store: Store = field(init=False)
    told: list[Progress] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = open_store(StorePlace(self.folder))
        self.account("AKOWN", OWN)

    @property
    def sealer(self) -> Sealer:
        return Sealer(MASTER_KEY)

    @property
    def submitter(self) -> Submitter:
        return Submitter(self.store, self.sealer)

    @property
    def settings(self) -> Settings:
        return Settings(self.folder / "workspaces", peers=self.peers)

    def account(self, access_key: str, account: str) -> None:
        """Keys with that id are of that account."""
        self.aws._accounts[Access(keys=Keys(access_key, SECRET))] = account

    def customer(self, cid: str = "c1", **wanted: Any) -> Customer:
        return add_customer(self.store, self.sealer, CustomerWanted(cid, **wanted)).customer

    def engine(self, folder: Path) -> Engine:
        if folder not in self.engines:
            self.engines[folder] = FileEngine(folder, self.accounts.get(folder.name, OWN))
        return self.engines[folder]

    def context(self, job: Job) -> JobContext:
        request = {}
        if job.request is not None:
            request = json.loads(self.sealer.open(job.request, "job request", job.cid, job.id))
        task = Task(job.id, job.cid, job.pid, job.kind, request, self.store.place, MASTER_KEY, self.settings)
        return JobContext(task, self.store, self.sealer, self.told.append, Tools(self.aws, self.engine), {})

    def body(self, job: Job) -> Ending | Waits:
        """What its body comes to; whatever it raises goes through."""
        return BODIES[job.kind](self.context(job))

    def run(self, job: Job) -> Ending | Waits:
        """As a worker: to the job's end, an error being one."""
        from fedml_infra.errors import FedmlError

        assert self.store.jobs.start(job.id, "w", LEASE) is not None
        try:
            came = self.body(job)
        except FedmlError as error:
            came = ending_of(error, job.id)
        if isinstance(came, Waits):
            self.store.jobs.put_back(job.id, "w", NOW)
        else:
            self.store.jobs.end(job.id, "w", came)
        return came

    def row(self, pid: str, cid: str = "c1") -> Workspace | None:
        return self.store.workspaces.get(cid, pid)


def create_map(**others: str) -> dict[str, str]:
    """What a client sends for a federation of its own."""
    given = {
        "fed_name": "cardio",
        "sync_sched": "m30",
        "fed_local_type": "cpu",
        "aws_access_key": "AKOWN",
        "aws_secret_key": SECRET,
        "aws_region": "US_EAST_1",
        "s3_bucket": "cardio-charite/updates",
    }
    return given | others
