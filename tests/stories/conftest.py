"""One sandbox for all stories of a process: accounts and federations of their own keep them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fedml_infra.sandbox.local_aws import Kind
from fedml_infra.sandbox.sandbox import Running, down, up
from tests.stories.federation import Organisation


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """MiniStack, which enforces policies, over TLS."""
    directory = tmp_path_factory.mktemp("sandbox")
    yield up(directory, Kind.MINISTACK).running
    down(directory)


MakeOrganisation = Callable[..., Organisation]


@pytest.fixture
def organisation(sandbox: Running, tmp_path: Path) -> MakeOrganisation:
    """`organisation(name, federation)`: an account, a folder with the program and a state of its own."""

    def make(name: str, federation: str, *, region: str = "us-east-1") -> Organisation:
        return Organisation(sandbox, tmp_path / name, federation, region=region)

    return make
