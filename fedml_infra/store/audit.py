"""The audit: entries that are only added, each with a hash over itself and the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from fedml_infra.store.database import AUDIT_LOCK, Database
from fedml_infra.store.tables import AUDIT, Now
from fedml_infra.store.values import AuditEntry, AuditRow, Chain

BEGINNING = "0" * 64
"""Stands for the hash before the first entry."""


class Audit:
    """Who did what. The database's triggers refuse changes; the chain shows those of somebody who took them away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def require_writable(self) -> None:
        """Raise StoreError where nothing could be added now."""
        with self._database.writing(lock=AUDIT_LOCK):
            pass

    def append(self, entry: AuditEntry) -> AuditRow:
        """Add an entry. Processes that do so at the same time come one after the other."""
        with self._database.writing(lock=AUDIT_LOCK) as connection:
            last = connection.execute(
                select(AUDIT.c.number, AUDIT.c.hash).order_by(AUDIT.c.number.desc()).limit(1)
            ).one_or_none()
            number, before = (last.number + 1, last.hash) if last is not None else (1, BEGINNING)
            at: datetime = connection.execute(select(Now())).scalar_one()
            values: dict[str, Any] = {
                "number": number,
                "at": at,
                "actor": entry.actor,
                "stack": entry.stack,
                "topic_arn": entry.topic_arn,
                "action": entry.action,
                "outcome": entry.outcome,
                "details": _json(dict(entry.details)),
            }
            values["hash"] = _hash(before, values)
            connection.execute(insert(AUDIT).values(values))
        return _row(values)

    def entries(self, stack: str | None = None, limit: int | None = None) -> tuple[AuditRow, ...]:
        """The newest `limit` entries (of one stack), the oldest of them first."""
        wanted = select(AUDIT).order_by(AUDIT.c.number.desc()).limit(limit)
        if stack is not None:
            wanted = wanted.where(AUDIT.c.stack == stack)
        with self._database.reading() as connection:
            return tuple(_row(found._asdict()) for found in connection.execute(wanted))[::-1]

    def first_broken(self) -> int | None:
        """The number of the first entry that was changed, or is missing or elsewhere; None where all is as it was."""
        return self.chain().broken

    def chain(self) -> Chain:
        """The whole audit, looked through. Entries that are cut off its end leave no mark in it: who kept number and
        hash of the last one elsewhere sees that.
        """
        number, before, broken = 0, BEGINNING, None
        wanted = select(AUDIT).order_by(AUDIT.c.number).execution_options(yield_per=1000)
        with self._database.reading() as connection:
            for number, found in enumerate(connection.execute(wanted), start=1):
                values = found._asdict()
                if broken is None and (values["number"] != number or values["hash"] != _hash(before, values)):
                    broken = number
                before = values["hash"]
        return Chain(number, before, broken)


def _hash(before: str, values: Mapping[str, Any]) -> str:
    names = [column.name for column in AUDIT.columns if column.name not in {"at", "hash"}]
    whole = [before, values["at"].isoformat(timespec="milliseconds"), *(values[name] for name in names)]
    return hashlib.sha256(_json(whole).encode()).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _row(values: Mapping[str, Any]) -> AuditRow:
    return AuditRow(**dict(values) | {"details": json.loads(values["details"])})
