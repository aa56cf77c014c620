"""Customers of the REST service, the workspace of each of their projects, and jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("cid", sa.String(64), primary_key=True),
        sa.Column("version", sa.String(2), nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("unsigned", sa.Boolean, nullable=False),
        sa.Column("accounts", sa.Text, nullable=False),
        sa.Column("quota", sa.Integer),
        sa.Column("role_arn", sa.Text),
        sa.Column("external_id", sa.String(64), nullable=False),
        sa.Column("refuse_keys", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
    )
    op.create_table(
        "workspaces",
        sa.Column("cid", sa.String(64), primary_key=True),
        sa.Column("pid", sa.String(128), primary_key=True),
        sa.Column("fed_name", sa.String(256), nullable=False),
        sa.Column("is_hub", sa.Boolean, nullable=False),
        sa.Column("persist", sa.Boolean, nullable=False),
        sa.Column("topic_arn", sa.String(512), index=True),
        sa.Column("stack_file", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("passphrase", sa.LargeBinary, nullable=False),
        sa.Column("credentials", sa.LargeBinary),
        sa.Column("roster", sa.LargeBinary),
        sa.Column("outputs", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("cid", sa.String(64), nullable=False, index=True),
        sa.Column("pid", sa.String(128)),
        sa.Column("stack_key", sa.String(200)),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("not_before", sa.BigInteger, nullable=False),
        sa.Column("request", sa.LargeBinary),
        sa.Column("fingerprint", sa.LargeBinary),
        sa.Column("idempotency_key", sa.String(256)),
        sa.Column("result", sa.Text),
        sa.Column("status_code", sa.Integer),
        sa.Column("status_string", sa.Text),
        sa.Column("progress", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("worker", sa.String(128)),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
    )
    op.create_index("jobs_to_start", "jobs", ["state", "not_before"])
    _unique("jobs_one_running_per_stack", ["stack_key"], "state = 'running' AND stack_key IS NOT NULL")
    _unique("jobs_one_queued_admission_per_stack", ["stack_key"], "state = 'queued' AND kind = 'admit'")
    _unique("jobs_idempotency", ["cid", "idempotency_key"], "idempotency_key IS NOT NULL")


def _unique(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "jobs", columns, unique=True, sqlite_where=condition, postgresql_where=condition)
