"""The REST service as an app: every endpoint of the contract, and what an operator needs beside them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline

from fedml_infra.rest import create_policies, fedml, health, jobs
from fedml_infra.rest.documents import components
from fedml_infra.rest.envelope import add_envelopes
from fedml_infra.rest.outermost import Outermost
from fedml_infra.rest.service import Service

DESCRIPTION = """Provisions the AWS side of federated-learning federations.

Every answer is an envelope of `statusCode`, `statusString` and `values`. Requests of customers are signed
(`Authorization`, `sym-date`, `Content-MD5`), and their bodies encrypted with the customer's key."""

_log = logging.getLogger(__name__)


def create_app(service: Service) -> FastAPI:
    """The app. Its lifespan starts the dispatcher of jobs, and ends it."""
    # As FastAPI, with the documentation's script and style from here instead of somebody else's server.
    app = FastAPIOffline(
        title="fedml-infra",
        version=version("fedml-infra"),
        description=DESCRIPTION,
        lifespan=_lifespan,
        redoc_url=None,
        # Else `…/jobs/` is answered without an envelope, and sent to wherever the request's Host says.
        redirect_slashes=False,
    )
    app.state.service = service
    add_envelopes(app)
    for router in (fedml.router, jobs.router, create_policies.projects_router, health.router):
        app.include_router(router)
    app.add_middleware(Outermost, metrics=service.metrics)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    dispatching = asyncio.create_task(service.dispatcher.run_forever())

    def ended(task: asyncio.Task[None]) -> None:
        service.stopping.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("no job is started any more", exc_info=task.exception())

    dispatching.add_done_callback(ended)
    try:
        yield
    finally:
        dispatching.cancel()
        await asyncio.gather(dispatching, return_exceptions=True)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
        for path in made["paths"].values():
            for operation in path.values():
                # A wrong parameter is answered as every other wrong request: 400, in the envelope.
                operation["responses"].pop("422", None)
        made["components"] = components()
        app.openapi_schema = made
    return app.openapi_schema
