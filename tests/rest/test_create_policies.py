"""The route of createPolicies: which address it is known by, what it reads, how it answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from fedml_infra.operations.door import Reply
from fedml_infra.rest.door_app import door_app
from fedml_infra.wire.answers import Answer
from fedml_infra.wire.v2.create_policies import LARGEST_BODY

PUBLIC = "https://fed.example.org"


class Seen:
    """Answers always the same, and remembers what it was asked."""

    def __init__(self, reply: Reply | None = None) -> None:
        self.asked: list[tuple[bytes, str]] = []
        self._reply = reply or Reply(Answer.of(401, "a=b", {"challenge": {"nonce": "n"}}))

    def __call__(self, body: bytes, *, url: str) -> Reply:
        self.asked.append((body, url))
        if body == b"fail":
            raise RuntimeError("a token: FEDTOKENab")
        return self._reply


def call(seen: Seen, path: str, method: str = "POST", public: str = PUBLIC, **given: Any) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(door_app(seen, public), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://evil.example.org") as client:
            return await client.request(method, path, **given)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "path",
    ["/fedml/charite/createPolicies", "/symetry/rest/c1/fedml/charite/createPolicies", "/a/fedml/x/createPolicies"],
)
def test_it_answers_under_any_prefix_and_knows_itself_by_its_own_name_never_by_the_host(path: str) -> None:
    seen = Seen()
    assert call(seen, path, content=b"body").status_code == 401
    assert seen.asked == [(b"body", PUBLIC + path)]


def test_a_public_address_may_have_a_path_of_its_own() -> None:
    seen = Seen()
    call(seen, "/fedml/charite/createPolicies", public=PUBLIC + "/behind/")
    assert seen.asked[0][1] == PUBLIC + "/behind/fedml/charite/createPolicies"


def test_an_address_is_taken_as_it_was_written() -> None:
    seen = Seen()
    call(seen, "/fedml/a%2Fb/createPolicies")
    assert seen.asked == [] or seen.asked[0][1] == PUBLIC + "/fedml/a%2Fb/createPolicies"


def test_an_answer_is_the_envelope_of_every_other() -> None:
    got = call(Seen(), "/fedml/charite/createPolicies")
    assert got.headers["content-type"] == "application/json"
    assert got.headers["cache-control"] == "no-store"
    assert "retry-after" not in got.headers
    assert got.content == (
        b'{"statusCode":"UNAUTHORIZED","statusString":"a\\u003db","values":{"challenge":{"nonce":"n"}}}'
    )


def test_who_waits_is_told_for_how_long() -> None:
    got = call(Seen(Reply(Answer.of(202, "later"), 2)), "/fedml/charite/createPolicies")
    assert (got.status_code, got.headers["retry-after"]) == (202, "2")


def test_a_body_is_read_up_to_a_limit_whatever_its_length_is_said_to_be() -> None:
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            read.append(1)
            yield b"x" * 1024

    seen = Seen()
    got = call(seen, "/fedml/charite/createPolicies", content=endless())
    assert (got.status_code, seen.asked) == (413, [])
    assert got.json()["statusCode"] == "REQUEST_ENTITY_TOO_LARGE" or got.json()["statusCode"]
    assert call(seen, "/fedml/charite/createPolicies", content=b"x" * LARGEST_BODY).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fedml/charite/createPolicies", 405),
        ("POST", "/", 404),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
    ],
)
def test_there_is_nothing_else(method: str, path: str, status: int) -> None:
    got = call(Seen(), path, method)
    assert got.status_code == status
    assert set(json.loads(got.content)) == {"statusCode", "statusString", "values"}


def test_an_error_that_nobody_expected_says_nothing_of_itself() -> None:
    got = call(Seen(), "/fedml/charite/createPolicies", content=b"fail")
    assert (got.status_code, got.json()["statusString"]) == (500, "Something went wrong here.")
