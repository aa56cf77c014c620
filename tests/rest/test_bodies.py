"""A body is read no longer than it may take, and no further than it may be long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import Request

from fedml_infra.rest.bodies import read_body
from fedml_infra.rest.envelope import RefusedError

Receive = Callable[[], Awaitable[dict[str, Any]]]


def refused(receive: Receive, *headers: tuple[bytes, bytes]) -> tuple[int, dict[str, str]]:
    request = Request({"type": "http", "method": "POST", "headers": list(headers)}, receive)
    with pytest.raises(RefusedError) as caught:
        asyncio.run(read_body(request, 100, seconds=0.01))
    return caught.value.answer.http_status, caught.value.headers


async def never() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError("not reached")


async def endless() -> dict[str, Any]:
    return {"type": "http.request", "body": b"x" * 30, "more_body": True}


async def unread() -> dict[str, Any]:
    raise AssertionError("was read")


def test_a_body_that_does_not_come() -> None:
    assert refused(never) == (408, {"Connection": "close"})


def test_a_body_without_an_end() -> None:
    assert refused(endless) == (413, {"Connection": "close"})


@pytest.mark.parametrize("length", [b"101", b"9" * 30])
def test_a_length_that_is_too_large_is_enough(length: bytes) -> None:
    assert refused(unread, (b"content-length", length))[0] == 413
