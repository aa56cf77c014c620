"""Connections: SQLite or PostgreSQL, opened, brought to the newest schema, and their errors in words."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from fedml_infra.errors import ConfigurationError, StoreError
from fedml_infra.store.place import StorePlace, without_password

if sys.platform != "win32":
    import fcntl

SCHEMA = "0004"
"""The newest migration."""
BUSY = 60.0
"""Seconds that a write waits for those before it; each takes milliseconds."""
CONNECT = 10
"""Seconds within which PostgreSQL has to answer."""

MIGRATION_LOCK = 0x6665646D01
AUDIT_LOCK = 0x6665646D02
QUEUE_LOCK = 0x6665646D03
"""PostgreSQL's advisory locks: numbers that nobody else takes."""

_READING = "fedml_reading"


class Database:
    """One store's connections. Everything between `writing` and its end is one transaction."""

    def __init__(self, engine: Engine, place: StorePlace) -> None:
        self._engine = engine
        self.place = place

    @contextlib.contextmanager
    def writing(self, *, lock: int | None = None) -> Iterator[Connection]:
        """A transaction that changes something: on SQLite it holds the file from its beginning; on PostgreSQL `lock`
        is held to its end.
        """
        with self.told(), self._engine.begin() as connection:
            if lock is not None and connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads: writers do not wait for it, nor it for them."""
        with self.told(), self._engine.connect() as connection:
            yield connection.execution_options(**{_READING: True})

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Tells the driver's errors as StoreError."""
        try:
            yield
        except DBAPIError as error:
            raise _told(self.place, error.orig) from None
        except SQLAlchemyError as error:
            raise StoreError(f"The store {self.place} failed: {type(error).__name__}.") from None


def open_database(place: StorePlace) -> Database:
    """The store's database, made where it is not there, and with the newest schema.

    Raises StoreError where it cannot be opened, or was made by a newer release; ConfigurationError for a URL that is
    none.
    """
    if place.file is not None:
        return _open_sqlite(place, place.file)
    return _open_postgresql(place)


def insert_unless_there(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row, unless one of that primary key is there; whether it was inserted."""
    statement: sqlite.Insert | postgresql.Insert
    statement = sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
    inserted = statement.values(values).on_conflict_do_nothing().returning(*table.primary_key.columns)
    return connection.execute(inserted).one_or_none() is not None


def _open_sqlite(place: StorePlace, path: Path) -> Database:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite gives the files that it makes beside it the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY})
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begins)
        database = Database(engine, place)
        with _first(path.with_name(path.name + ".lock")):
            if not _is_current(database):
                with database.told(), engine.connect() as connection:
                    # Stays so in the file. It needs the file for itself, which is why others wait for the lock.
                    connection.connection.dbapi_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]
                _migrate(database)
    except OSError as error:
        raise StoreError(
            f"The store {path} cannot be opened: {error.strerror}.", fix="Give another folder with --data-dir."
        ) from None
    return database


def _open_postgresql(place: StorePlace) -> Database:
    assert place.database_url is not None
    given = place.database_url.get_secret_value()
    # Not put together from its parts: an empty host would lose its slashes.
    url = "postgresql+psycopg" + given[given.index("://") :]
    try:
        engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT})
    except ArgumentError:
        fix = 'See PostgreSQL\'s manual, "Connection URIs".'
        raise ConfigurationError("The database's URL cannot be read.", fix=fix) from None
    database = Database(engine, place)
    if not _is_current(database):
        _migrate(database)
    return database


def _is_current(database: Database) -> bool:
    with database.reading() as connection:
        return _schema(connection) == SCHEMA


def _schema(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found is not None else None


def _migrate(database: Database) -> None:
    """Bring the schema up, in one transaction; whoever comes second finds it done."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    with database.writing(lock=MIGRATION_LOCK) as connection:
        if _schema(connection) == SCHEMA:
            return
        config = Config()
        config.set_main_option("script_location", "fedml_infra.store:migrations")
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, SCHEMA)
        except CommandError:
            raise StoreError(
                f"The store {database.place} was made by a newer release of fedml-infra.",
                fix="Update this one, or give another store.",
            ) from None


@contextlib.contextmanager
def _first(path: Path) -> Iterator[None]:
    """Held by one process at a time while it looks whether the file has to be made."""
    if sys.platform == "win32":
        yield
        return
    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sqlite_connected(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, and too late: at the first change, not at the first look.
    connection.isolation_level = None


def _sqlite_begins(connection: Connection) -> None:
    reading = connection.get_execution_options().get(_READING)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _told(place: StorePlace, cause: BaseException | None) -> StoreError:
    """The driver's own words, its first line, which quote no values."""
    lines = str(cause).strip().splitlines()
    said = lines[0] if lines else type(cause).__name__
    url = place.database_url
    if url is not None:
        said = without_password(said, url)
    fix = "Give another folder with --data-dir." if url is None else "Look at the URL, and whether the server is up."
    return StoreError(f"The store {place} cannot be used: {said}", fix=fix)
