"""Whatever is sent, the answer is one of the contract's: never a 500, never a trace, and always the envelope."""

from __future__ import annotations

import contextlib
import random
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedml_infra.rest import strings
from tests.rest.fuzz import SECRETS, Asked, Fuzz
from tests.rest.in_process import Got, InProcess, Sent, in_process
from tests.rest.world import World, world

EXAMPLES = 300
PARTS, PART = 20, 5000
"""A hundred thousand in `make soak`."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


@pytest.fixture(scope="module")
def fuzz(service: InProcess) -> Fuzz:
    return Fuzz(service.world)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_is_answered_by_an_error_of_ours(service: InProcess, fuzz: Fuzz, data: st.DataObject) -> None:
    answered(service, data.draw(fuzz.requests).sent())


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_nor_is_any_of_a_hundred_thousand(service: InProcess, fuzz: Fuzz, part: int) -> None:
    """From random bytes of a seed: Hypothesis' own search loses count of what it tried after some ten thousand."""

    @settings(suppress_health_check=list(HealthCheck))
    @given(asked=fuzz.requests)
    def check(asked: Asked) -> None:
        answered(service, asked.sent())

    source = random.Random(part)
    made = [check.hypothesis.fuzz_one_input(source.randbytes(2048)) for _ in range(PART)]
    assert None not in made


def answered(service: InProcess, sent: Sent) -> None:
    """Send a request, and hold its answer to the contract."""
    got = service.send(sent)
    assert not sent.whole or (got.status is not None and got.status < 500), (sent, got)
    assert_contract(sent, got)
    documented = statuses(service.app.openapi(), sent)
    assert not documented or str(got.status) in documented, (sent, got, documented)


def statuses(document: dict[str, Any], sent: Sent) -> set[str]:
    """Those that the OpenAPI document has for a request; none where it has no such call."""
    path = unquote(sent.target.partition(b"?")[0].decode("ascii"))
    return {
        status
        for template, operations in document["paths"].items()
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path, re.DOTALL)
        for status in operations.get(sent.verb.lower(), {}).get("responses", ())
    }


def assert_contract(sent: Sent, got: Got) -> None:
    """The answer's form, and that it tells nothing of the inside."""
    for secret in SECRETS:
        # The contract gives whoever signs wrongly its own string back, with a body that it did not encrypt.
        assert secret not in got.body or secret in sent.body, (sent, got)
    if got.headers["content-type"].startswith("text/event-stream"):
        assert got.status == 200
        return
    assert got.headers["content-type"] == "application/json", (sent, got)
    envelope = got.envelope()
    assert isinstance(envelope["statusString"], str) and envelope["statusString"], envelope
    assert isinstance(envelope["values"], dict)
    assert envelope["statusString"] != strings.WRONG


CREATE = b"POST /symetry/rest/c1/fedml/create HTTP/1.1\r\nHost: x\r\n"
ODD = {
    "no request at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a path that is no ASCII": "GET /symetry/rest/ü/jobs HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    "an address of another server": b"GET http://169.254.169.254/symetry/rest/c1/jobs HTTP/1.1\r\nHost: x\r\n\r\n",
    "no path": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "headers without an end": b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 200_000,
    "two lengths": CREATE + b"Content-Length: 1\r\nContent-Length: 9\r\n\r\na",
    "a chunk that is none": CREATE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a body that is cut off": CREATE + b"Content-Length: 999\r\n\r\nabc",
    "an upgrade": b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
}


@pytest.fixture(scope="module")
def behind_a_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("socket")) as made:
        yield made


@pytest.mark.parametrize("raw", ODD.values(), ids=ODD)
def test_odd_bytes_on_the_wire_are_no_error_of_ours(behind_a_socket: World, raw: bytes) -> None:
    parts = urlsplit(behind_a_socket.url)
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection((str(parts.hostname), parts.port or 0), timeout=10) as connection,
    ):
        connection.sendall(raw)
        with contextlib.suppress(OSError):  # it was closed over there
            connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read(200_000)
        assert not answer.startswith(b"HTTP/1.1 5"), answer
        assert not any(secret in answer for secret in SECRETS)
    assert httpx.get(f"{behind_a_socket.url}/healthz", trust_env=False).status_code == 200
    figures = httpx.get(f"{behind_a_socket.url}/metrics", trust_env=False).text
    assert 'status="500"' not in figures
