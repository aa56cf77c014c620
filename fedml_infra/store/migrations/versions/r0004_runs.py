"""Which worker ran which stack, and until when: what an engine's lock of another machine is judged by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("stack_key", sa.String(200), primary_key=True),
        sa.Column("worker", sa.String(128), primary_key=True),
        sa.Column("started_at", sa.BigInteger, primary_key=True),
        sa.Column("ended_at", sa.BigInteger),
    )
    open_runs = sa.text("ended_at IS NULL")
    op.create_index("runs_open", "runs", ["stack_key"], sqlite_where=open_runs, postgresql_where=open_runs)
