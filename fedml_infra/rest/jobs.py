"""Jobs over HTTP: looked at, listed, cancelled, followed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from fedml_infra.operations.jobs.views import job_json
from fedml_infra.rest import strings
from fedml_infra.rest.auth import Called, Reads, Served
from fedml_infra.rest.documents import EVENTS, described
from fedml_infra.rest.envelope import RETRY_SECONDS, RefusedError, respond
from fedml_infra.rest.service import PREFIX, Service
from fedml_infra.store.service_values import Job, JobState
from fedml_infra.wire.answers import Answer

LISTED = 200
"""Jobs of a list, the newest."""
QUIET_SECONDS = 15.0
"""After which a stream says that it is alive: what stands between would close it."""

router = APIRouter(prefix=PREFIX + "/{cid}/jobs", tags=["jobs"])


@router.get("/{job_id}", **described("job"))
async def show(service: Served, caller: Reads, job_id: str) -> Response:
    """How far a job is, or what came of it.

    200 with the values of what was asked for once it is finished; the answer of its own error where it failed; 202
    with the progress until then.
    """
    job = await _of(service, caller.cid, job_id)
    return respond(polled(job), {} if job.state.ended else {"Retry-After": str(RETRY_SECONDS)})


@router.get("", **described("jobs"))
async def list_(service: Served, caller: Called) -> Response:
    """The customer's jobs, the newest first."""
    found = await run_in_threadpool(service.store.jobs.list, caller.cid, limit=LISTED)
    return respond(Answer.of(200, strings.JOBS, {"jobs": [job_json(job) for job in found]}))


@router.delete("/{job_id}", **described("cancel"))
async def cancel(service: Served, caller: Called, job_id: str) -> Response:
    """Cancel a job: at once where it waits; a run is asked to stop cleanly, and the next one mends what it left."""
    job = await run_in_threadpool(service.store.jobs.cancel, job_id, caller.cid)
    if job is None:
        raise RefusedError(Answer.of(400, strings.JOB_UNKNOWN))
    if job.state is JobState.CANCELLED:
        return respond(Answer.of(200, strings.JOB_CANCELLED))
    if job.state.ended:
        return respond(Answer.of(409, strings.JOB_FINISHED))
    return respond(Answer.of(202, strings.JOB_CANCELLING), {"Retry-After": str(RETRY_SECONDS)})


@router.get("/{job_id}/events", response_class=StreamingResponse, **described("events"))
async def events(service: Served, caller: Reads, job_id: str, request: Request) -> Response:
    """A job as server-sent events: `progress` at each change, `end` with the answer when it has ended."""
    job = await _of(service, caller.cid, job_id)
    return StreamingResponse(
        _events(service, job, request),
        media_type=EVENTS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def polled(job: Job) -> Answer:
    """What a job's caller is told when it asks."""
    if not job.state.ended:
        progress = asdict(job.progress) if job.progress is not None else None
        return Answer.of(202, strings.JOB_RUNNING, {"state": str(job.state), "progress": progress})
    if job.state is JobState.FINISHED:
        return Answer.of(200, strings.JOB_FINISHED, job.result)
    return outcome(job)


def outcome(job: Job) -> Answer:
    """What came of a job that has ended, as whoever waited for it is told."""
    return Answer.of(job.status_code or 500, job.status_string or strings.WRONG, job.result)


def accepted(service: Service, request: Request, job: Job) -> Response:
    """202: the job is there, and where to ask for it."""
    location = f"{service.url(request)}{PREFIX}/{job.cid}/jobs/{job.id}"
    return respond(
        Answer.of(202, strings.JOB_CREATED, {"jobId": job.id}),
        {"Location": location, "Retry-After": str(RETRY_SECONDS)},
    )


async def _of(service: Service, cid: str, job_id: str) -> Job:
    """The customer's job of that id; another customer's is answered as none."""
    job = await run_in_threadpool(service.store.jobs.get, job_id)
    if job is None or job.cid != cid:
        raise RefusedError(Answer.of(400, strings.JOB_UNKNOWN))
    return job


async def _events(service: Service, job: Job, request: Request) -> AsyncIterator[bytes]:
    said, quiet, loop = b"", 0.0, asyncio.get_running_loop()
    while True:
        now = _progress_event(job)
        if job.state.ended:
            yield _event("end", polled(job).write())
            return
        if now != said or loop.time() >= quiet:
            yield now if now != said else b": still here\n\n"
            said, quiet = now, loop.time() + QUIET_SECONDS
        if service.stopping.is_set() or await request.is_disconnected():
            return
        await asyncio.sleep(service.poll)
        found = await run_in_threadpool(service.store.jobs.get, job.id)
        if found is None:
            return
        job = found


def _progress_event(job: Job) -> bytes:
    progress = asdict(job.progress) if job.progress is not None else {"done": 0, "of": None, "current": None}
    return _event("progress", json.dumps({"state": str(job.state), **progress}).encode())


def _event(name: str, data: bytes) -> bytes:
    """One event of one line of data (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)
