"""The projects of customers: each (cid, pid) has a stack file, a state and credentials of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from fedml_infra.store.database import Database, insert_unless_there
from fedml_infra.store.service_tables import CUSTOMERS, WORKSPACES
from fedml_infra.store.service_values import NewWorkspace, Workspace
from fedml_infra.store.tables import Now

TOPIC_LOCK = 0x6665646D10
"""PostgreSQL's advisory lock of whoever says which topic is whose."""


class Workspaces:
    """Every customer's projects. Nothing is found without its customer's id, but by `of_topic`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewWorkspace, *, quota: int | None = None) -> Workspace | None:
        """Keep a project; None where the customer has one of that pid, or `quota` of them, already."""
        with self._database.writing() as connection:
            if quota is not None:
                # Its row is held to the end of the transaction, so that no two of its requests both find room.
                connection.execute(select(CUSTOMERS.c.cid).where(CUSTOMERS.c.cid == new.cid).with_for_update())
                wanted = select(func.count()).select_from(WORKSPACES).where(WORKSPACES.c.cid == new.cid)
                if int(connection.execute(wanted).scalar_one()) >= quota:
                    return None
            added = insert_unless_there(connection, WORKSPACES, asdict(new) | {"version": 0, "created_at": Now()})
        return self.get(new.cid, new.pid) if added else None

    def get(self, cid: str, pid: str) -> Workspace | None:
        """The customer's project of that pid."""
        with self._database.reading() as connection:
            found = connection.execute(select(WORKSPACES).where(_one(cid, pid))).one_or_none()
        return _workspace(found) if found is not None else None

    def list(self, cid: str | None = None) -> tuple[Workspace, ...]:
        """A customer's projects, or everybody's."""
        wanted = select(WORKSPACES).order_by(WORKSPACES.c.cid, WORKSPACES.c.pid)
        if cid is not None:
            wanted = wanted.where(WORKSPACES.c.cid == cid)
        with self._database.reading() as connection:
            return tuple(_workspace(found) for found in connection.execute(wanted))

    def count(self, cid: str) -> int:
        """How many projects a customer has."""
        with self._database.reading() as connection:
            wanted = select(func.count()).select_from(WORKSPACES).where(WORKSPACES.c.cid == cid)
            return int(connection.execute(wanted).scalar_one())

    def of_topic(self, topic_arn: str) -> Workspace | None:
        """The project that is the hub of that topic: where a token of it leads."""
        wanted = select(WORKSPACES).where(WORKSPACES.c.topic_arn == topic_arn, WORKSPACES.c.is_hub)
        with self._database.reading() as connection:
            found = connection.execute(wanted).first()
        return _workspace(found) if found is not None else None

    def claim_topic(self, cid: str, pid: str, topic_arn: str) -> bool:
        """Say which topic a hub is going to have; False where another project is the hub of that one."""
        row = WORKSPACES.c
        with self._database.writing(lock=TOPIC_LOCK) as connection:
            others = select(row.pid).where(row.topic_arn == topic_arn, row.is_hub, ~_one(cid, pid))
            if connection.execute(others.limit(1)).one_or_none() is not None:
                return False
            connection.execute(update(WORKSPACES).where(_one(cid, pid)).values(topic_arn=topic_arn))
        return True

    def write(self, cid: str, pid: str, version: int, stack_file: str | None) -> bool:
        """Keep the stack file that was made of `version`, or that there is none any more; False where it was written
        meanwhile, and nothing is kept.
        """
        with self._database.writing() as connection:
            written = connection.execute(
                update(WORKSPACES)
                .where(_one(cid, pid), WORKSPACES.c.version == version)
                .values(stack_file=stack_file, version=version + 1)
                .returning(WORKSPACES.c.version)
            ).one_or_none()
        return written is not None

    def keep(
        self,
        cid: str,
        pid: str,
        *,
        outputs: Mapping[str, Any] | None = None,
        topic_arn: str | None = None,
        roster: bytes | None = None,
        credentials: bytes | None = None,
    ) -> None:
        """Keep what a run came to; what is None stays."""
        values: dict[str, Any] = {"topic_arn": topic_arn, "roster": roster, "credentials": credentials}
        if outputs is not None:
            values["outputs"] = json.dumps(dict(outputs))
        told = {name: value for name, value in values.items() if value is not None}
        if told:
            with self._database.writing() as connection:
                connection.execute(update(WORKSPACES).where(_one(cid, pid)).values(told))

    def remove(self, cid: str, pid: str) -> None:
        """Forget a project; one that is gone already is no error."""
        with self._database.writing() as connection:
            connection.execute(delete(WORKSPACES).where(_one(cid, pid)))


def _one(cid: str, pid: str) -> Any:
    return (WORKSPACES.c.cid == cid) & (WORKSPACES.c.pid == pid)


def _workspace(found: Row[Any]) -> Workspace:
    row = dict(found._mapping)
    for name in ("passphrase", "credentials", "roster"):
        row[name] = bytes(row[name]) if row[name] is not None else None
    return Workspace(**row | {"outputs": json.loads(row["outputs"]) if row["outputs"] else None})
