"""The store, opened."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import select

from fedml_infra.store.audit import Audit
from fedml_infra.store.challenges import Challenges
from fedml_infra.store.customers import Customers
from fedml_infra.store.database import Database, open_database
from fedml_infra.store.jobs import Jobs
from fedml_infra.store.kept import Kept
from fedml_infra.store.members import Members
from fedml_infra.store.place import StorePlace
from fedml_infra.store.queue import Queue
from fedml_infra.store.runs import Runs
from fedml_infra.store.tables import Now
from fedml_infra.store.tokens import Tokens
from fedml_infra.store.workspaces import Workspaces


class Store:
    """All that is kept in one place. May be used by several threads; close it in the end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.tokens = Tokens(database)
        self.audit = Audit(database)
        self.challenges = Challenges(database)
        self.members = Members(database)
        self.customers = Customers(database)
        self.workspaces = Workspaces(database)
        self.jobs = Jobs(database)
        self.runs = Runs(database)
        self.kept = Kept(database)

    def queue(self) -> Queue:
        """Of the workers. Raises ConfigurationError for a store in a file."""
        return Queue(self._database)

    @property
    def place(self) -> StorePlace:
        """Where it is."""
        return self._database.place

    def now(self) -> datetime:
        """The database's clock."""
        with self._database.reading() as connection:
            found: datetime = connection.execute(select(Now())).scalar_one()
            return found

    def close(self) -> None:
        """Give its connections back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(place: StorePlace) -> Store:
    """The store of that place, made where there is none. Raises StoreError where it cannot be opened."""
    return Store(open_database(place))
