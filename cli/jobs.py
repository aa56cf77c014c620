"""`fedml-infra jobs`: the jobs of the REST service, seen from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command, Group
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.store.service_values import Job
    from fedml_infra.store.store import Store

LOOK_SECONDS = 0.5
"""Between two looks of `jobs follow`."""


@click.group(cls=Group, short_help="The jobs of the REST service: listed, followed, cancelled.")
def jobs() -> None:
    """See what `fedml-infra serve` runs for its customers, and stop it.

    These commands act on the store that `serve` is given, and work while it runs.
    """


@jobs.command(
    "list",
    cls=Command,
    short_help="The jobs that are kept, the newest first.",
    exits=[2],
    examples=[
        ("what is under way", "fedml-infra jobs list --json | jq '.jobs[] | select(.state == \"running\")'"),
        ("of one customer", "fedml-infra jobs list --customer c1"),
    ],
)
@click.option("--customer", "cid", metavar="CID", help="Of that customer alone.")
@click.option("--project", "pid", metavar="PID", help="Of projects of that name alone.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="The newest N.")
@store_options
@options.as_json
def list_(cid: str | None, pid: str | None, limit: int, as_json: bool, **given: Any) -> None:
    """List the jobs of all customers: kind, project, state, how far."""
    from fedml_infra.operations.jobs.views import job_json

    from .output import print_json, print_table, say
    from .store_options import store_of

    with store_of(given) as store:
        found = store.jobs.list(cid, pid=pid, limit=limit)
    if as_json:
        print_json({"jobs": [{"cid": job.cid, **job_json(job)} for job in found]})
        return
    if not found:
        say("There are no jobs.")
        return
    rows = [
        (job.id, job.cid, job.kind, job.pid or "-", _state(job), f"{job.created_at:%Y-%m-%d %H:%M:%S}", _said(job))
        for job in found
    ]
    print_table(("job", "customer", "kind", "project", "state", "since (UTC)", "said"), rows)


@jobs.command(
    "show",
    cls=Command,
    short_help="One job: where it is, and what came of it.",
    exits=[2],
    examples=[("for a program", "fedml-infra jobs show 3f2b1c9d8e7f40516273849506a7b8c9 --json")],
)
@click.argument("job_id", metavar="JOB")
@store_options
@options.as_json
def show(job_id: str, as_json: bool, **given: Any) -> None:
    """Show a job; never what was asked for, which holds credentials, nor the values of its answer."""
    from .store_options import store_of

    with store_of(given) as store:
        _print(_require(store, job_id), as_json=as_json)


@jobs.command(
    "follow",
    cls=Command,
    short_help="Follow a job until it has ended.",
    exits=[2],
    examples=[("wait for it in a script", "fedml-infra jobs follow 3f2b1c9d8e7f40516273849506a7b8c9 --json")],
)
@click.argument("job_id", metavar="JOB")
@store_options
@options.as_json
def follow(job_id: str, as_json: bool, **given: Any) -> None:
    """Follow a job, with a line at each step; exits with 1 where it failed. Ctrl-C leaves the job alone."""
    import time

    from fedml_infra.errors import FedmlError
    from fedml_infra.store.service_values import JobState

    from .output import say
    from .store_options import store_of

    with store_of(given) as store:
        job, told = _require(store, job_id), ""
        while True:
            if (now := _state(job)) != told:
                say(now)
                told = now
            if job.state.ended:
                break
            time.sleep(LOOK_SECONDS)
            job = _require(store, job_id)
    _print(job, as_json=as_json)
    if job.state is not JobState.FINISHED:
        raise FedmlError(f"Job {job.id} {job.state}: {_said(job)}")


@jobs.command(
    "cancel",
    cls=Command,
    short_help="Cancel a job.",
    exits=[2],
    examples=[("stop it, and see it end", "fedml-infra jobs cancel JOB && fedml-infra jobs follow JOB")],
)
@click.argument("job_id", metavar="JOB")
@store_options
@options.as_json
def cancel(job_id: str, as_json: bool, **given: Any) -> None:
    """Cancel a job: at once where it waits; a run is asked to stop cleanly, and the next one mends what it left."""
    from fedml_infra.errors import ConflictError
    from fedml_infra.store.service_values import JobState

    from .output import say
    from .store_options import store_of

    with store_of(given) as store:
        before = _require(store, job_id)
        job = store.jobs.cancel(before.id) or before
    if job.state.ended and job.state is not JobState.CANCELLED:
        raise ConflictError(f"Job {job.id} has {job.state} already.")
    say("It is cancelled." if job.state.ended else "It is asked to stop.")
    _print(job, as_json=as_json)


def _require(store: Store, job_id: str) -> Job:
    from fedml_infra.errors import ConfigurationError

    found = store.jobs.get(job_id)
    if found is None:
        raise ConfigurationError(f"There is no job {job_id!r}.", fix="`fedml-infra jobs list` names them.")
    return found


def _print(job: Job, *, as_json: bool) -> None:
    from fedml_infra.operations.jobs.views import job_json

    from .output import print_facts, print_json

    told = {"cid": job.cid, **job_json(job)}
    if as_json:
        print_json(told)
        return
    print_facts([(name, _state(job) if name == "state" else str(value)) for name, value in told.items() if value])


def _state(job: Job) -> str:
    """`running, 4 of 12: aws:sqs/queue:Queue`."""
    if job.progress is None or job.state.ended:
        return str(job.state)
    of = f" of {job.progress.of}" if job.progress.of is not None else ""
    current = f": {job.progress.current}" if job.progress.current else ""
    return f"{job.state}, {job.progress.done}{of}{current}"


def _said(job: Job) -> str:
    return job.status_string or ("to be cancelled" if job.cancel_requested else "-")
