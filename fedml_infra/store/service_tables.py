"""The tables of the REST service as the queries see them. The migrations make them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, LargeBinary, String, Table, Text

from fedml_infra.store.tables import METADATA, Moment

CUSTOMERS = Table(
    "customers",
    METADATA,
    Column("cid", String(64), primary_key=True),
    Column("version", String(2), nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("unsigned", Boolean, nullable=False),
    Column("accounts", Text, nullable=False),
    Column("quota", Integer),
    Column("role_arn", Text),
    Column("external_id", String(64), nullable=False),
    Column("refuse_keys", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
)

WORKSPACES = Table(
    "workspaces",
    METADATA,
    Column("cid", String(64), primary_key=True),
    Column("pid", String(128), primary_key=True),
    Column("fed_name", String(256), nullable=False),
    Column("is_hub", Boolean, nullable=False),
    Column("persist", Boolean, nullable=False),
    Column("topic_arn", String(512), index=True),
    Column("stack_file", Text),
    Column("version", Integer, nullable=False),
    Column("passphrase", LargeBinary, nullable=False),
    Column("credentials", LargeBinary),
    Column("roster", LargeBinary),
    Column("outputs", Text),
    Column("created_at", Moment, nullable=False),
)

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("cid", String(64), nullable=False, index=True),
    Column("pid", String(128)),
    Column("stack_key", String(200)),
    Column("kind", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("request", LargeBinary),
    Column("fingerprint", LargeBinary),
    Column("idempotency_key", String(256)),
    Column("result", Text),
    Column("status_code", Integer),
    Column("status_string", Text),
    Column("progress", Text),
    Column("attempts", Integer, nullable=False),
    Column("worker", String(128)),
    Column("lease_until", Moment),
    Column("cancel_requested", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
)

RUNS = Table(
    "runs",
    METADATA,
    Column("stack_key", String(200), primary_key=True),
    Column("worker", String(128), primary_key=True),
    Column("started_at", Moment, primary_key=True),
    Column("ended_at", Moment),
)

KEPT = Table(
    "service",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
