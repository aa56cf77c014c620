"""Whether the service is there, whether it can work, and its figures."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool

from fedml_infra.errors import FedmlError
from fedml_infra.rest import strings
from fedml_infra.rest.auth import Served
from fedml_infra.rest.documents import TEXT, described
from fedml_infra.rest.envelope import respond
from fedml_infra.wire.answers import Answer

router = APIRouter(tags=["operation"])


@router.get("/healthz", **described("healthz"))
async def healthz() -> Response:
    """Whether the process answers."""
    return respond(Answer.of(200, strings.ALIVE))


@router.get("/readyz", **described("readyz"))
async def readyz(service: Served) -> Response:
    """Whether it can serve: its store answers, and it is not about to stop."""
    try:
        # Nobody's: what counts is that the table can be read.
        await run_in_threadpool(service.store.jobs.get, "")
    except FedmlError:
        return respond(Answer.of(503, strings.NOT_READY, {"reason": "store"}))
    if service.stopping.is_set():
        return respond(Answer.of(503, strings.NOT_READY, {"reason": "stopping"}))
    return respond(Answer.of(200, strings.READY))


@router.get("/metrics", response_class=Response, responses={200: {"content": {TEXT: {"schema": {"type": "string"}}}}})
async def metrics(service: Served) -> Response:
    """Figures in Prometheus's text format."""
    raw = await run_in_threadpool(generate_latest, service.metrics.registry)
    return Response(raw, media_type=CONTENT_TYPE_LATEST)
