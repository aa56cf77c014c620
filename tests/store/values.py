"""Values that tests of the store are made of, and ways to do to it what its own code never does."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from fedml_infra.store.service_values import NewCustomer, NewWorkspace
from fedml_infra.store.store import Store
from fedml_infra.store.values import AuditEntry, NewToken

TOPIC = "arn:aws:sns:us-east-1:111111111111:cardio"
A, B = "222222222222", "333333333333"
HOUR = timedelta(hours=1)


def new_token(*, aws_id: str | None = None, life: timedelta = HOUR, **others: Any) -> NewToken:
    """A token that any account may use for an hour."""
    digest = hashlib.sha256(os.urandom(32)).digest()
    given: dict[str, Any] = {
        "id": digest.hex()[:16],
        "digest": digest,
        "fed_name": "cardio",
        "topic_arn": TOPIC,
        "version": "v2",
        "rights": None,
        "aws_id": aws_id,
        "created_by": "admin@host",
        "expires_at": datetime.now(UTC) + life,
    }
    return NewToken(**given | others)


def entry(number: int = 1, *, stack: str = "cardio") -> AuditEntry:
    return AuditEntry(f"user{number}@host", stack, TOPIC, "invite create", "done", {"invite": f"id{number}"})


def new_customer(cid: str = "c1", **others: Any) -> NewCustomer:
    given: dict[str, Any] = {"cid": cid, "version": "v2", "key": b"sealed", "external_id": "made here"}
    return NewCustomer(**given | others)


def new_workspace(cid: str = "c1", pid: str = "p1", **others: Any) -> NewWorkspace:
    given: dict[str, Any] = {"fed_name": "cardio", "is_hub": True, "persist": True, "passphrase": b"sealed"}
    return NewWorkspace(cid, pid, **given | others)


def execute(store: Store, *statements: str) -> None:
    """SQL of one's own."""
    with store._database.writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def without_triggers(store: Store) -> None:
    """As somebody would begin who wants to change the audit, and may change the schema."""
    if store.place.file is not None:
        execute(store, *(f"DROP TRIGGER audit_{what}" for what in ("no_update", "no_delete", "next_number")))
    else:
        execute(store, "ALTER TABLE audit DISABLE TRIGGER USER")


def emptied(store: Store) -> Store:
    """PostgreSQL's, as if just migrated."""
    execute(
        store,
        "ALTER TABLE audit DISABLE TRIGGER USER",
        "TRUNCATE tokens, members, challenges, audit, jobs, runs, workspaces, customers, service",
        "ALTER TABLE audit ENABLE TRIGGER USER",
    )
    return store
