"""One service for all tests of a file; each test has customers of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.rest.world import Client, World, world


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("service")) as made:
        yield made


@pytest.fixture
def service(served: World) -> Iterator[World]:
    """Jobs end by nobody's hand unless the test says so."""
    served.hand.endings.clear()
    served.hand.told.clear()
    yield served
    for job in served.store.jobs.list():
        served.store.jobs.cancel(job.id)


_numbers = itertools.count(1)


@pytest.fixture
def customer(service: World) -> Callable[..., Client]:
    """Adds a customer that no other test has."""

    def add(version: str = "v1", **more: object) -> Client:
        return service.add(f"c{next(_numbers)}", version, **more)

    return add
