"""What starts jobs: small, so that one process with a file and several machines with PostgreSQL look the same."""

from __future__ import annotations

from typing import Protocol

from fedml_infra.store.service_values import Job


class Dispatcher(Protocol):
    """Starts queued jobs, one at a time of each stack."""

    async def submitted(self, job: Job) -> None:
        """Tell of a job that was queued just now; without being told, it is found all the same, a little later."""
        ...

    async def run_forever(self) -> None:
        """Start jobs until cancelled."""
        ...
