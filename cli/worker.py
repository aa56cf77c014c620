"""`fedml-infra worker`: runs jobs of the REST service, beside any number of others on any machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command
from .job_options import job_options
from .master_key_option import master_key_option
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.operations.jobs.postgres import PostgresDispatcher
    from fedml_infra.store.service_values import Job

STOPPING = "Nothing more is begun; it ends with its last run. A second signal ends it at once."


@click.command(
    cls=Command,
    short_help="Run jobs of the REST service, beside any number of other workers.",
    exits={2: "configuration or usage", 8: "ended at once, by a second signal"},
    examples=[
        (
            "on each machine",
            "fedml-infra worker --database-url-file url --master-key-file key "
            "--state-backend 's3://fed-states?region=eu-central-1&profile=states'",
        ),
    ],
)
@master_key_option
@job_options
@store_options
@options.as_json
def worker(*, as_json: bool, **given: Any) -> None:
    """Run jobs of the REST service until Ctrl-C or SIGTERM; a line for each that has ended, one of JSON with --json.

    Any number of workers and of `fedml-infra serve` share one PostgreSQL database, on any machines; each needs the same
    master key, and the same --state-backend. A stack has one run at a time, wherever it is. Jobs of a worker that died,
    or cannot be reached, are begun again by another within half a minute.

    The first signal ends the worker once its runs have ended; a second one kills them, and they are begun again
    elsewhere.
    """
    import asyncio
    from datetime import timedelta

    from fedml_infra.operations.jobs.postgres import PostgresDispatcher
    from fedml_infra.operations.jobs.worker import Worker
    from fedml_infra.store.queue import require_database

    from .job_options import settings_of
    from .master_key_option import master_key_of
    from .output import log_to_stderr
    from .store_options import place_of, store_of

    require_database(place_of(given))
    log_to_stderr()
    with store_of(given) as store:
        settings = settings_of(given, store.place)
        made = Worker(store, master_key_of(given, store), settings)
        keep = timedelta(days=given["keep_jobs"])
        dispatcher = PostgresDispatcher(
            made, slots=given["slots"], keep=keep, tell=lambda job: _tell(job, as_json=as_json)
        )
        asyncio.run(until_stopped(dispatcher))


async def until_stopped(dispatcher: PostgresDispatcher) -> None:
    """Run jobs until a signal. Raises CancelledError where there was a second one before the last run had ended."""
    import asyncio
    import signal

    from fedml_infra.errors import CancelledError

    from .output import say

    running = asyncio.create_task(dispatcher.run_forever())
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if stopping:
            running.cancel()
            return
        stopping = True
        dispatcher.stop()
        say(STOPPING)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    say("Waiting for jobs. Ctrl-C ends it.")
    try:
        await running
    except asyncio.CancelledError:
        raise CancelledError("Ended at once: the runs that were under way are begun again by other workers.") from None
    say("Stopped.")


def _tell(job: Job, *, as_json: bool) -> None:
    if as_json:
        import json

        from fedml_infra.operations.jobs.views import job_json

        click.echo(json.dumps({"cid": job.cid} | job_json(job)))
    else:
        of = job.cid if job.pid is None else f"{job.cid}/{job.pid}"
        click.echo(f"{job.id} {job.kind} {of}: {job.state}" + (f", {job.status_string}" if job.status_string else ""))
