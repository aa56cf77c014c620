"""The service holds to its own OpenAPI document: schemathesis makes requests of it, and looks at the answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from requests.auth import AuthBase
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from fedml_infra.rest.documents import DOCUMENTS
from tests.rest.world import Client, World, world

SOAK = os.environ.get("FEDML_INFRA_SOAK") == "1"
EXAMPLES = 2000 if SOAK else 8
EXCLUDED = [
    # Every request is signed, those too that this one makes without.
    ignored_auth,
    # What a name, an account or a proof may be is more than a schema says.
    positive_data_acceptance,
]


class Signed(AuthBase):
    """Signs what is sent at last, whatever it is."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        parts = urlsplit(str(prepared.url))
        body = prepared.body or b""
        raw = body.encode() if isinstance(body, str) else bytes(body)
        made = self._client.headers(str(prepared.method), parts.path, parts.query, raw, datetime.now(UTC))
        prepared.headers.update(made)
        return prepared


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("schemathesis"), sync_timeout=0.0) as made:
        made.add("c1", "v2")
        made.hub("c1")
        yield made


@pytest.fixture(scope="module")
def schema(service: World) -> Any:
    return schemathesis.openapi.from_url(f"{service.url}/openapi.json")


@pytest.mark.property
@pytest.mark.parametrize("operation_id", [*DOCUMENTS])
def test_answers_are_as_documented(service: World, schema: Any, operation_id: str) -> None:
    operation = schema.find_operation_by_id(operation_id)
    right, wrong = (operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)

    @settings(max_examples=EXAMPLES, derandomize=not SOAK, suppress_health_check=list(HealthCheck))
    @given(case=right | wrong)
    def holds(case: Any) -> None:
        case.call_and_validate(service.url, auth=Signed(service.clients["c1"]), excluded_checks=EXCLUDED)

    holds()
