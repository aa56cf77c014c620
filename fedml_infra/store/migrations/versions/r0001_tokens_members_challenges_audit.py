"""Tokens, members, challenges, and an audit that can only grow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("fed_name", sa.String(256), nullable=False),
        sa.Column("topic_arn", sa.String(512), nullable=False, index=True),
        sa.Column("version", sa.String(2), nullable=False),
        sa.Column("rights", sa.String(32)),
        sa.Column("aws_id", sa.String(12)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("redemptions", sa.Integer, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.Column("used_by", sa.String(12)),
        sa.Column("pid", sa.String(128)),
        sa.Column("public_key", sa.Text),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("revoked_by", sa.Text),
    )
    op.create_table(
        "members",
        sa.Column("topic_arn", sa.String(512), primary_key=True),
        sa.Column("aws_id", sa.String(12), primary_key=True),
        sa.Column("since", sa.BigInteger),
        sa.Column("epoch", sa.Integer),
        sa.Column("epoch_at", sa.BigInteger),
        sa.Column("removed_at", sa.BigInteger),
    )
    op.create_table(
        "challenges",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("stack", sa.Text, nullable=False, index=True),
        sa.Column("topic_arn", sa.String(512)),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    for statement in _only_grows(op.get_bind().dialect.name):
        op.execute(statement)


def _only_grows(dialect: str) -> tuple[str, ...]:
    """Triggers that refuse every change and every deletion."""
    if dialect == "sqlite":
        return (
            "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"
            " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
            "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"
            " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
            # INSERT OR REPLACE deletes without running the triggers of DELETE.
            "CREATE TRIGGER audit_next_number BEFORE INSERT ON audit"
            " WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM audit)"
            " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
        )
    return (
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$",
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    )
