"""A store is made once, for its owner alone, with the newest schema; what cannot be opened is told in words."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import text

from fedml_infra.errors import StoreError
from fedml_infra.store import service_tables  # noqa: F401 - in the same METADATA
from fedml_infra.store.database import SCHEMA
from fedml_infra.store.place import FILE, StorePlace
from fedml_infra.store.store import Store, open_store
from fedml_infra.store.tables import METADATA
from tests.store.values import execute, new_token

ROOT = Path(__file__).parents[2]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def free_umask() -> Iterator[None]:
    """Files are made as open as their maker lets them."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_only_its_owner_reads_it(tmp_path: Path, free_umask: None) -> None:
    """The files beside it too, which hold what was written last."""
    with open_store(StorePlace(tmp_path / "data")) as store:
        store.tokens.add(new_token())
        assert mode(tmp_path / "data") == 0o700
        for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
            assert mode(tmp_path / "data" / name) == 0o600


def test_one_that_others_could_read_is_closed_to_them(tmp_path: Path, migrated_file: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(migrated_file.read_bytes())
    path.chmod(0o644)
    open_store(StorePlace(tmp_path)).close()
    assert mode(path) == 0o600


def test_what_was_kept_is_there_the_next_time(place: StorePlace) -> None:
    token = new_token()
    with open_store(place) as store:
        store.tokens.add(token)
    with open_store(place) as store:
        assert store.tokens.get(token.id).digest == token.digest


def test_sqlite_writes_ahead_so_that_readers_do_not_wait(sqlite_store: Store) -> None:
    with sqlite_store._database.reading() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        with sqlite_store._database.writing() as other:
            other.execute(text("DELETE FROM challenges"))


def test_the_newest_migration_is_the_schema_that_is_asked_for() -> None:
    config = Config()
    config.set_main_option("script_location", "fedml_infra.store:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]


def test_the_migrations_make_the_tables_that_the_queries_see(store: Store) -> None:
    with store._database.reading() as connection:
        opts = {"compare_type": _kinds_differ, "include_object": _is_seen}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, METADATA) == []


def _is_seen(_thing: object, _name: object, kind: str, *_: object) -> bool:
    """Indexes are not: queries do not name them."""
    return kind in {"table", "column"}


def _kinds_differ(_context: object, _found: object, _table: object, kept: object, asked: object) -> bool:
    """Whether a column is of another kind than its values need; lengths apart, which SQLite ignores."""
    return kept.python_type != getattr(asked, "impl", asked).python_type  # type: ignore[attr-defined]


def test_a_store_that_is_up_to_date_opens_without_the_migrations(migrated_file: Path, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(migrated_file.read_bytes())
    code = (
        "import sys; from pathlib import Path; from fedml_infra.store.place import StorePlace; "
        "from fedml_infra.store.store import open_store; open_store(StorePlace(Path(sys.argv[1]))).close(); "
        "sys.exit('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_one_of_a_newer_release_is_refused_and_left_alone(place: StorePlace) -> None:
    with open_store(place) as store:
        execute(store, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer release") as refused:
        open_store(place)
    assert "Update" in str(refused.value)


def test_a_migration_that_is_cut_off_leaves_nothing(place: StorePlace) -> None:
    """All of it is one transaction: what is there twice ends it."""
    with open_store(place) as store:
        execute(store, "DELETE FROM alembic_version", "DROP TABLE tokens", "DROP TABLE members")
    with pytest.raises(StoreError, match="exists"):
        open_store(place)
    with pytest.raises(StoreError, match="exists"):
        open_store(place)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("something else " * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_store(StorePlace(tmp_path))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--data-dir"):
        open_store(StorePlace(tmp_path / "file" / "data"))


def test_a_database_that_does_not_answer_is_told_without_the_password(tmp_path: Path) -> None:
    place = StorePlace(None, SecretStr(f"postgresql://fed:hunter2@/fedml?host={tmp_path}"))
    with pytest.raises(StoreError, match="cannot be used") as refused:
        open_store(place)
    assert "hunter2" not in str(refused.value)


def test_the_driver_s_error_and_its_values_are_in_no_traceback(tmp_path: Path) -> None:
    place = StorePlace(None, SecretStr(f"postgresql://fed:hunter2@/fedml?host={tmp_path}"))
    with pytest.raises(StoreError) as refused:
        open_store(place)
    assert refused.value.__cause__ is None and refused.value.__suppress_context__
