"""One local AWS of each kind for a test worker; tests keep apart by names of their own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from fedml_infra.sandbox.local_aws import Kind, LocalAws, running
from tests.sandbox.world import World


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with running(Kind.MINISTACK, tmp_path_factory.mktemp("ministack")) as aws:
        yield aws


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with running(Kind.MOTO, tmp_path_factory.mktemp("moto")) as aws:
        yield aws


@pytest.fixture(params=list(Kind))
def local_aws(request: pytest.FixtureRequest) -> LocalAws:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, LocalAws)
    return found


@pytest.fixture
def world(local_aws: LocalAws) -> World:
    return World(local_aws, f"t{uuid.uuid4().hex[:10]}")
