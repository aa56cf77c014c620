"""What the REST service keeps once for all who share the store: written by whoever comes first, and never changed."""

from __future__ import annotations

from sqlalchemy import select

from fedml_infra.store.database import Database, insert_unless_there
from fedml_infra.store.service_tables import KEPT


class Kept:
    """Values by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> bytes | None:
        """What is kept under that name."""
        with self._database.reading() as connection:
            found = connection.execute(select(KEPT.c.value).where(KEPT.c.name == name)).scalar()
        return bytes(found) if found is not None else None

    def keep(self, name: str, value: bytes) -> bytes:
        """Keep it, unless something is kept there already; what is kept now."""
        with self._database.writing() as connection:
            insert_unless_there(connection, KEPT, {"name": name, "value": value})
            return bytes(connection.execute(select(KEPT.c.value).where(KEPT.c.name == name)).scalar_one())
