"""The customers of the REST service."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from fedml_infra.errors import ConfigurationError
from fedml_infra.store.database import Database, insert_unless_there
from fedml_infra.store.service_tables import CUSTOMERS
from fedml_infra.store.service_values import Customer, NewCustomer
from fedml_infra.store.tables import Now


class Customers:
    """Who may call the service, and how."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewCustomer) -> Customer:
        """Keep a customer. Raises ConfigurationError where the cid is taken."""
        values = asdict(new) | {"accounts": ",".join(new.accounts), "created_at": Now()}
        with self._database.writing() as connection:
            added = insert_unless_there(connection, CUSTOMERS, values)
        if not added:
            raise ConfigurationError(
                f"There is a customer {new.cid} already.", fix="`fedml-infra customers list` names them."
            )
        return self.require(new.cid)

    def get(self, cid: str) -> Customer | None:
        """The customer of that id, disabled or not."""
        with self._database.reading() as connection:
            found = connection.execute(select(CUSTOMERS).where(CUSTOMERS.c.cid == cid)).one_or_none()
        return _customer(found) if found is not None else None

    def require(self, cid: str) -> Customer:
        """The same. Raises ConfigurationError where there is none."""
        found = self.get(cid)
        if found is None:
            raise ConfigurationError(f"There is no customer {cid!r}.", fix="`fedml-infra customers list` names them.")
        return found

    def list(self) -> tuple[Customer, ...]:
        """All of them, by id."""
        with self._database.reading() as connection:
            return tuple(_customer(found) for found in connection.execute(select(CUSTOMERS).order_by(CUSTOMERS.c.cid)))

    def change(self, cid: str, **values: Any) -> Customer:
        """Give a customer other values of `NewCustomer`. Raises ConfigurationError where there is none."""
        if "accounts" in values:
            values["accounts"] = ",".join(values["accounts"])
        return self._changed(cid, values)

    def disable(self, cid: str, *, disabled: bool = True) -> Customer:
        """Refuse all calls of a customer from now on, or no longer. Raises ConfigurationError where there is none."""
        return self._changed(cid, {"disabled_at": func.coalesce(CUSTOMERS.c.disabled_at, Now()) if disabled else None})

    def remove(self, cid: str) -> None:
        """Forget a customer. Raises ConfigurationError where there is none."""
        self.require(cid)
        with self._database.writing() as connection:
            connection.execute(delete(CUSTOMERS).where(CUSTOMERS.c.cid == cid))

    def _changed(self, cid: str, values: dict[str, Any]) -> Customer:
        with self._database.writing() as connection:
            connection.execute(update(CUSTOMERS).where(CUSTOMERS.c.cid == cid).values(values))
        return self.require(cid)


def _customer(found: Row[Any]) -> Customer:
    row = dict(found._mapping)
    accounts = tuple(filter(None, row["accounts"].split(",")))
    return Customer(**row | {"accounts": accounts, "key": bytes(row["key"])})
