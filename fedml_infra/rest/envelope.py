"""The envelope of every answer, whatever went wrong on the way to it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from fedml_infra.errors import BusyError, ConfigurationError, FedmlError, StoreError, answer_of
from fedml_infra.rest import strings
from fedml_infra.wire.answers import Answer

RETRY_SECONDS = 2
"""After which who waits for a job may ask again."""
BUSY_SECONDS = 10

_log = logging.getLogger(__name__)


class RefusedError(Exception):
    """A request that is answered so, and not served."""

    def __init__(self, answer: Answer, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(answer.status_string)
        self.answer = answer
        self.headers = dict(headers or {})


def respond(answer: Answer, headers: Mapping[str, str] | None = None) -> Response:
    """An answer as HTTP; nobody keeps a copy on the way."""
    return Response(
        answer.write(), answer.http_status, {"Cache-Control": "no-store", **(headers or {})}, "application/json"
    )


def busy(seconds: int = BUSY_SECONDS) -> RefusedError:
    """429, with when to ask again."""
    return RefusedError(Answer.of(429, strings.TOO_MANY), {"Retry-After": str(seconds)})


def add_envelopes(app: FastAPI) -> None:
    """Tell every error that is one of ours or of HTTP in the envelope; `Outermost` does so with all others."""

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        return respond(error.answer, error.headers)

    async def of_http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        said = {404: strings.NOT_FOUND, 405: strings.WRONG_METHOD}.get(error.status_code)
        answer = Answer.of(error.status_code, said or HTTPStatus(error.status_code).phrase)
        return respond(answer, error.headers)

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # Which parameter and why, never what was sent.
        told = "; ".join(f"{detail['loc'][-1]}: {detail['msg']}" for detail in error.errors())
        return respond(Answer.of(400, told))

    async def ours(_request: Request, error: Exception) -> Response:
        assert isinstance(error, FedmlError)
        return respond(*answer_to(error))

    app.add_exception_handler(RefusedError, refused)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(FedmlError, ours)


def answer_to(error: FedmlError) -> tuple[Answer, Mapping[str, str]]:
    """What a caller is told of an error, with the headers. A mistake in the request is told in full; of all else only
    that it happened, as its words may quote AWS, the engine or the database.
    """
    if isinstance(error, ConfigurationError):
        said = "; ".join([error.what.rstrip(":"), *map(str, error.problems)])
        headers = {"Retry-After": str(BUSY_SECONDS)} if isinstance(error, BusyError) else {}
        return Answer.of(answer_of(error).http_status, said), headers
    _log.error("a request failed: %s: %s", type(error).__name__, error.what)
    if isinstance(error, StoreError):
        return Answer.of(503, strings.STORE_DOWN), {"Retry-After": str(BUSY_SECONDS)}
    return Answer.of(500, strings.WRONG), {}
