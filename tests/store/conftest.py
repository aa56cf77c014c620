"""A store of each kind: a folder of its own, and a schema of its own on one PostgreSQL server for the session.

A store is migrated once; each test gets it empty.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from fedml_infra.store.place import FILE, StorePlace
from fedml_infra.store.store import Store, open_store
from tests.store.values import emptied

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StorePlace:
    """Where a store is that nobody has opened yet."""
    if request.param == "sqlite":
        return StorePlace(tmp_path / "data")
    return StorePlace(None, SecretStr(request.getfixturevalue("new_schema")()))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    open_store(StorePlace(folder)).close()
    return folder / FILE


@pytest.fixture(scope="session")
def migrated_schema(new_schema: Callable[[], str]) -> Iterator[Store]:
    with open_store(StorePlace(None, SecretStr(new_schema()))) as opened:
        yield opened


@pytest.fixture
def sqlite_store(migrated_file: Path, tmp_path: Path) -> Iterator[Store]:
    shutil.copy(migrated_file, tmp_path / FILE)
    with open_store(StorePlace(tmp_path)) as opened:
        yield opened


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Store:
    """An empty store of each kind."""
    if request.param == "sqlite":
        found: Store = request.getfixturevalue("sqlite_store")
        return found
    return emptied(request.getfixturevalue("migrated_schema"))
