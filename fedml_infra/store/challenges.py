"""Challenges that were answered: each counts once, for all processes that share the store."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, delete, literal

from fedml_infra.store.database import Database, insert_unless_there
from fedml_infra.store.tables import CHALLENGES, Now

KEPT = timedelta(hours=1)
"""For so long after its end a challenge is remembered: the clocks of verifiers may differ from the database's."""


class Challenges:
    """Hashes of what was answered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def use_once(self, digest: bytes, expires_at: datetime) -> bool:
        """True the first time, False whenever it comes again. That it has not expired, the caller has to see to."""
        kept = literal(KEPT // timedelta(milliseconds=1), BigInteger)
        with self._database.writing() as connection:
            connection.execute(delete(CHALLENGES).where(CHALLENGES.c.expires_at + kept < Now()))
            return insert_unless_there(connection, CHALLENGES, {"digest": digest, "expires_at": expires_at})
