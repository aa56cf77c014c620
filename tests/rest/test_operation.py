"""What an operator asks: health, figures, the document; and how the service ends."""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import re
from collections.abc import Callable
from logging.handlers import QueueHandler
from pathlib import Path
from typing import Any

import httpx
import pytest

from fedml_infra.rest import strings
from fedml_infra.rest.app import create_app
from fedml_infra.rest.metrics import Metrics
from fedml_infra.rest.outermost import Outermost
from fedml_infra.rest.service import PREFIX
from fedml_infra.wire.signature import Reason
from tests.rest.world import CREATE, Client, World, refusal, world

Customer = Callable[..., Client]


@pytest.fixture(scope="module")
def document(served: World) -> dict[str, Any]:
    return create_app(served.service).openapi()


def get(service: World, path: str) -> httpx.Response:
    return httpx.get(service.url + path, trust_env=False)


def test_it_is_alive_and_ready(service: World) -> None:
    assert refusal(get(service, "/healthz")) == (200, strings.ALIVE)
    assert refusal(get(service, "/readyz")) == (200, strings.READY)


def test_a_service_that_is_about_to_stop_is_not_ready(service: World) -> None:
    service.service.stopping.set()
    try:
        assert refusal(get(service, "/readyz")) == (503, strings.NOT_READY)
    finally:
        service.service.stopping.clear()


def test_a_store_that_is_gone_is_not_ready(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        for path in (tmp_path / "data").iterdir():
            path.unlink()
        (tmp_path / "data" / "store.sqlite3").write_bytes(b"no database at all, whatever it says" * 100)
        made.store.close()
        assert refusal(get(made, "/readyz")) == (503, strings.NOT_READY)


def test_figures_are_prometheus_text_and_tell_of_no_customer(service: World, customer: Customer) -> None:
    client = customer()
    client.post("/fedml/create?pid=c4n4ry", CREATE, headers={"Prefer": "respond-async"})
    httpx.request("C4N4RY", service.url + "/c4n4ry", trust_env=False)
    answer = get(service, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    route = f'route="{PREFIX}/{{cid}}/fedml/create"'
    assert f'fedml_requests_total{{method="POST",{route},status="202"}}' in answer.text
    assert 'fedml_jobs{state="queued"} 1.0' in answer.text
    assert "fedml_request_seconds_bucket" in answer.text
    assert "c4n4ry" not in answer.text.lower() and client.cid not in answer.text


def test_the_log_of_requests_has_no_query(customer: Customer, caplog: pytest.LogCaptureFixture) -> None:
    lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = QueueHandler(lines)
    log = logging.getLogger("fedml_infra.access")
    log.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, log.name):
            customer().get("/jobs?token=c4n4ry")
            # Written once the answer is out, and so maybe after it was read.
            line = lines.get(timeout=60).getMessage()
    finally:
        log.removeHandler(handler)
    assert "/jobs 200" in line and "c4n4ry" not in line


def test_who_waits_for_a_job_is_answered_when_the_service_stops(service: World, customer: Customer) -> None:
    """At once, and not when its time is up: with the job, which goes on with the next start."""
    service.service.stopping.set()
    try:
        assert customer().post("/fedml/create?pid=charite", CREATE).status_code == 202
    finally:
        service.service.stopping.clear()


def test_more_requests_at_once_than_can_be_served_are_told_to_come_later(service: World) -> None:
    async def never(*_: Any) -> None:
        raise AssertionError("not served")

    app = Outermost(never, Metrics(service.store.jobs), concurrent=0)

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return await client.get("/")

    answer = asyncio.run(call())
    assert refusal(answer) == (429, strings.TOO_MANY)
    assert answer.headers["Retry-After"]


def test_an_error_that_nobody_expected_is_told_without_its_words(
    service: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: Any) -> None:
        # Not in one piece, as the log has lines of the source.
        raise RuntimeError("c4n" + "4ry")

    app = Outermost(fails, Metrics(service.store.jobs))

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return await client.get("/")

    answer = asyncio.run(call())
    assert refusal(answer) == (500, strings.WRONG)
    assert "RuntimeError" in caplog.text and "c4n4ry" not in caplog.text


def test_the_document_is_served(service: World, document: dict[str, Any]) -> None:
    assert get(service, "/openapi.json").json() == document
    page = get(service, "/docs").text
    assert "swagger" in page
    # The page asks nobody else for its script and style: the service may have no internet.
    parts = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(parts) == 3 and all(part.startswith("/") for part in parts)
    assert [get(service, part).status_code for part in parts] == [200, 200, 200]
    assert refusal(get(service, "/static-offline-docs/nothing"))[0] == 404


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_says_what_it_is(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        assert operation.get("description"), (method, path)
        assert operation["responses"], (method, path)


def test_every_operation_has_an_id_of_its_own(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_every_answer_has_an_example_that_is_an_envelope(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            content = answer["content"].get("application/json")
            if content is None:
                continue
            assert content.get("examples"), (method, path, status)
            for example in content["examples"].values():
                assert set(example["value"]) == {"statusCode", "statusString", "values"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                found.add(value["$ref"])
            for each in value.values():
                look(each)
        elif isinstance(value, list):
            for each in value:
                look(each)

    look(document)
    assert {each.removeprefix("#/components/schemas/") for each in found} <= set(document["components"]["schemas"])


@pytest.mark.parametrize("status", [400, 401])
def test_every_refusal_of_a_signature_is_documented(document: dict[str, Any], status: int) -> None:
    for _, path, operation in operations(document):
        if operation.get("security"):
            examples = operation["responses"][str(status)]["content"]["application/json"]["examples"]
            assert {reason.value[1] for reason in Reason if reason.value[0] == status} <= set(examples), path


def test_every_map_is_documented_with_what_is_needed(document: dict[str, Any]) -> None:
    create = document["paths"][PREFIX + "/{cid}/fedml/create"]["post"]["requestBody"]["content"]["text/plain"]["schema"]
    name = create["contentSchema"]["$ref"].rsplit("/", 1)[1]
    wanted = document["components"]["schemas"][name]
    assert set(wanted["required"]) == {
        *("fed_name", "aws_access_key", "aws_secret_key", "aws_region", "s3_bucket", "sync_sched")
    }
    assert json.dumps(document).count("contentSchema") == 7
