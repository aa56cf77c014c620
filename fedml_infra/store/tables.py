"""The tables as the queries see them. The migrations make them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.types import TypeDecorator

_START = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = timedelta(milliseconds=1)


class Moment(TypeDecorator[datetime]):
    """A time in UTC, kept as whole milliseconds since 1970: one form for both databases, compared as a number."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - _START) // _STEP

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _START + int(value) * _STEP


class Now(ColumnElement[datetime]):
    """The database's clock, so that processes on machines with clocks of their own agree."""

    inherit_cache = True
    type = Moment()


@compiles(Now, "sqlite")  # type: ignore[no-untyped-call, untyped-decorator, unused-ignore]
def _sqlite_now(*_: object, **__: object) -> str:
    # SQLite, "Date And Time Functions": 'now' is the same throughout one step of a statement.
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(Now, "postgresql")  # type: ignore[no-untyped-call, untyped-decorator, unused-ignore]
def _postgresql_now(*_: object, **__: object) -> str:
    # Not now(), which is when the transaction began: it may have waited for a lock since.
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


METADATA = MetaData()

TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("fed_name", String(256), nullable=False),
    Column("topic_arn", String(512), nullable=False, index=True),
    Column("version", String(2), nullable=False),
    Column("rights", String(32)),
    Column("aws_id", String(12)),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("redemptions", Integer, nullable=False),
    Column("used_at", Moment),
    Column("used_by", String(12)),
    Column("pid", String(128)),
    Column("public_key", Text),
    Column("revoked_at", Moment),
    Column("revoked_by", Text),
)

MEMBERS = Table(
    "members",
    METADATA,
    Column("topic_arn", String(512), primary_key=True),
    Column("aws_id", String(12), primary_key=True),
    Column("since", Moment),
    Column("epoch", Integer),
    Column("epoch_at", Moment),
    Column("removed_at", Moment),
)

CHALLENGES = Table(
    "challenges",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    Column("expires_at", Moment, nullable=False, index=True),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("stack", Text, nullable=False, index=True),
    Column("topic_arn", String(512)),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)
