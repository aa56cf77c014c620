"""`POST …/fedml/{pid}/createPolicies`: the door at which a joiner proves its account."""

from __future__ import annotations

import hashlib
from typing import Protocol

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from fedml_infra.operations.door import Reply
from fedml_infra.rest.auth import Served
from fedml_infra.rest.bodies import read_body
from fedml_infra.rest.documents import described
from fedml_infra.rest.envelope import RefusedError, busy, respond
from fedml_infra.rest.limits import RateLimit
from fedml_infra.rest.service import PREFIX
from fedml_infra.wire.encoding import from_json
from fedml_infra.wire.v2.create_policies import LARGEST_BODY

projects_router = APIRouter(tags=["joining"])
"""The route of customers' projects."""


class Knocked(Protocol):
    """Whoever answers: `operations.door.Door.create_policies`."""

    def __call__(self, body: bytes, *, url: str) -> Reply: ...


def create_policies_router(answer: Knocked, public_url: str) -> APIRouter:
    """The route of one hub, under any prefix.

    `public_url`: by what this server is known to joiners, up to the path; a proof is good for that and the path alone,
    so it is never taken from the request's Host.
    """
    router = APIRouter()

    @router.post("/{prefix:path}/fedml/{pid}/createPolicies")
    @router.post("/fedml/{pid}/createPolicies")
    async def create_policies(request: Request) -> Response:
        """Let a joiner in: a challenge first, then what it was granted."""
        try:
            body = await read_body(request, LARGEST_BODY)
        except RefusedError as refused:
            return respond(refused.answer, refused.headers)
        return _response(await run_in_threadpool(answer, body, url=public_url.rstrip("/") + _path(request)))

    return router


@projects_router.post(PREFIX + "/{cid}/fedml/{pid}/createPolicies", **described("createPolicies"))
async def create_policies(service: Served, cid: str, pid: str, request: Request) -> Response:
    """Let a joiner into a project's federation: a challenge first, then 202 while the hub comes up, then what it was
    granted. Its caller is nobody's customer: the invite's token and the proof of its account are all that counts.
    """
    _limited(service.per_address, request.client.host if request.client is not None else "")
    body = await read_body(request, LARGEST_BODY)
    _limited(service.per_token, _token_of(body))
    url = service.url(request) + _path(request)
    reply, job = await run_in_threadpool(service.door.create_policies, body, cid=cid, pid=pid, url=url)
    if job is not None:
        await service.dispatcher.submitted(job)
    return _response(reply)


def _limited(limit: RateLimit, who: object) -> None:
    wait = limit.wait(who)
    if wait is not None:
        raise busy(wait)


def _token_of(body: bytes) -> bytes:
    """What a token is counted by. All that have none are counted together."""
    try:
        return hashlib.sha256(str(from_json(body).get("fed_req_token")).encode()).digest()
    except ValueError:
        return b""


def _path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path", request.scope["path"].encode())
    return raw.decode("ascii", "replace")


def _response(reply: Reply) -> Response:
    return respond(reply.answer, {} if reply.retry_after is None else {"Retry-After": str(reply.retry_after)})
