"""Bodies of requests, read no further than they may be long, and no longer than they may take."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from fedml_infra.rest import strings
from fedml_infra.rest.envelope import RefusedError
from fedml_infra.wire.answers import Answer

BODY_SECONDS = 10.0
"""How long a body may take to come."""


async def read_body(request: Request, largest: int, *, seconds: float = BODY_SECONDS) -> bytes:
    """The body. Raises RefusedError: 413 before it is read where its length says so, else as soon as it is too long;
    408 where it does not come in time.
    """
    said = request.headers.get("Content-Length", "")
    if said.isdecimal() and (len(said) > 18 or int(said) > largest):
        raise _too_large(largest)
    try:
        return await asyncio.wait_for(_read(request, largest), seconds)
    except (TimeoutError, ClientDisconnect):
        raise RefusedError(Answer.of(408, strings.TOO_SLOW), {"Connection": "close"}) from None


async def _read(request: Request, largest: int) -> bytes:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > largest:
            raise _too_large(largest)
    return bytes(raw)


def _too_large(largest: int) -> RefusedError:
    # What is still to come is not read: the connection is of no further use.
    return RefusedError(Answer.of(413, strings.TOO_LARGE.format(largest)), {"Connection": "close"})
