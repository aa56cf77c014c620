"""`POST …/fedml/{pid}/createPolicies`: the door at which a joiner proves its account."""

from __future__ import annotations

import asyncio
from typing import Protocol

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from fedml_infra.operations.door import Reply
from fedml_infra.wire.answers import Answer
from fedml_infra.wire.v2.create_policies import LARGEST_BODY

BODY_SECONDS = 10.0
"""How long a body may take to come."""


class Knocked(Protocol):
    """Whoever answers: `operations.door.Door.create_policies`."""

    def __call__(self, body: bytes, *, url: str) -> Reply: ...


class _TooLargeError(Exception):
    pass


def create_policies_router(answer: Knocked, public_url: str) -> APIRouter:
    """The route, under any prefix.

    `public_url`: by what this server is known to joiners, up to the path; a proof is good for that and the path alone,
    so it is never taken from the request's Host.
    """
    router = APIRouter()

    @router.post("/{prefix:path}/fedml/{pid}/createPolicies")
    @router.post("/fedml/{pid}/createPolicies")
    async def create_policies(request: Request) -> Response:
        """Let a joiner in: a challenge first, then what it was granted."""
        try:
            body = await asyncio.wait_for(_body(request), BODY_SECONDS)
        except _TooLargeError:
            return _response(Reply(Answer.of(413, f"A request has {LARGEST_BODY} bytes at most.")))
        except TimeoutError:
            return _response(Reply(Answer.of(408, "The request did not come whole in time.")))
        path = request.scope.get("raw_path", request.scope["path"].encode()).decode("ascii", "replace")
        return _response(await run_in_threadpool(answer, body, url=public_url.rstrip("/") + path))

    return router


async def _body(request: Request) -> bytes:
    """The body, which is not read on once it is too large."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LARGEST_BODY:
            raise _TooLargeError
    return raw


def _response(reply: Reply) -> Response:
    headers = {"Cache-Control": "no-store"}
    if reply.retry_after is not None:
        headers["Retry-After"] = str(reply.retry_after)
    return Response(reply.answer.write(), reply.answer.http_status, headers, "application/json")
