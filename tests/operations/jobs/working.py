"""A worker as a process of its own, with runs that need no engine.

python -m tests.operations.jobs.working LEASE BEAT_EVERY BEAT_LIMIT SLOTS, in seconds; FEDML_INFRA_DATABASE_URL is the
store.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

from pydantic import SecretBytes, SecretStr

from cli.output import log_to_stderr
from cli.worker import until_stopped
from fedml_infra.errors import CancelledError
from fedml_infra.operations.jobs.messages import Settings
from fedml_infra.operations.jobs.postgres import PostgresDispatcher
from fedml_infra.operations.jobs.worker import Worker
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import open_store

KEY = SecretBytes(bytes(range(32)))
RUN = (sys.executable, "-m", "tests.operations.jobs.runs")


def main() -> int:
    lease, every, limit, slots = map(float, sys.argv[1:])
    log_to_stderr()
    with open_store(StorePlace(None, SecretStr(os.environ["FEDML_INFRA_DATABASE_URL"]))) as store:
        worker = Worker(
            store,
            KEY,
            Settings(Path("workspaces")),
            run_command=RUN,
            lease=timedelta(seconds=lease),
            beat_every=every,
            beat_limit=limit,
        )
        dispatcher = PostgresDispatcher(worker, slots=int(slots))
        try:
            asyncio.run(until_stopped(dispatcher))
        except CancelledError:
            return 8
    return 0


if __name__ == "__main__":
    sys.exit(main())
