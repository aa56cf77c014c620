"""The admin's door as a server of its own: one route, for `admit --listen`."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from fedml_infra.rest.create_policies import Knocked, create_policies_router
from fedml_infra.wire.answers import Answer


def door_app(answer: Knocked, public_url: str) -> FastAPI:
    """The app, without documentation of itself. Whatever goes wrong is told in the envelope of all answers."""
    app = FastAPI(title="fedml-infra admit", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(create_policies_router(answer, public_url))

    async def refused(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        said = {404: "There is nothing here.", 405: "This is a POST."}.get(status, "Something went wrong here.")
        return Response(Answer.of(status, said).write(), status, media_type="application/json")

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(Exception, refused)
    return app
