"""What the body of a job works with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from fedml_infra.operations.jobs.messages import Task
from fedml_infra.operations.tools import Tools, live_tools
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Customer, Progress
from fedml_infra.store.store import Store, open_store


@dataclass(frozen=True)
class JobContext:
    """One job being run. `report` tells how far it is; `environ` is what the engine's environment is taken from."""

    task: Task
    store: Store
    sealer: Sealer
    report: Callable[[Progress], None]
    tools: Tools = field(default_factory=live_tools)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @classmethod
    @contextmanager
    def open(cls, task: Task, report: Callable[[Progress], None]) -> Iterator[Self]:
        """With the store open."""
        with open_store(task.place) as store:
            yield cls(task, store, Sealer(task.master_key), report)

    @property
    def customer(self) -> Customer:
        """Whose job it is, as the customer is now."""
        return self.store.customers.require(self.task.cid)

    @property
    def asked(self) -> Mapping[str, Any]:
        """The request's map; empty for a job that nobody sent one for."""
        found: Mapping[str, Any] = self.task.request.get("map", {})
        return found

    @property
    def persist(self) -> bool:
        """Whether what is made is to stay."""
        return bool(self.task.request.get("persist", True))

    def say(self, text: str) -> None:
        """For the service's log, under the job."""
        sys.stderr.write(f"job {self.task.job_id}: {text}\n")
