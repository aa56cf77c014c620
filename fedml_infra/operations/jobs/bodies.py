"""What each kind of job does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from fedml_infra.operations.jobs.messages import Task, Waits
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Ending, Progress
from fedml_infra.store.store import Store, open_store


@dataclass(frozen=True)
class JobContext:
    """What a body works with. `report` tells how far it is."""

    task: Task
    store: Store
    sealer: Sealer
    report: Callable[[Progress], None]

    @classmethod
    @contextmanager
    def open(cls, task: Task, report: Callable[[Progress], None]) -> Iterator[Self]:
        """With the store open."""
        with open_store(task.place) as store:
            yield cls(task, store, Sealer(task.master_key), report)


BODIES: Mapping[str, Callable[[JobContext], Ending | Waits]] = {}
