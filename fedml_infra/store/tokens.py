"""Tokens of invites: kept as hashes, redeemed once."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, case, func, or_, select, update

from fedml_infra.errors import ConfigurationError, TokenRefusedError
from fedml_infra.store.database import Database
from fedml_infra.store.tables import TOKENS, Now
from fedml_infra.store.values import NewToken, Reason, Redeemed, TokenRow, rights_of, rights_text

_COLUMNS = [column for column in TOKENS.columns if column.name != "redemptions"]


class Tokens:
    """The tokens of every federation that is administered with this store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewToken) -> TokenRow:
        """Keep a token."""
        values = asdict(new) | {"rights": rights_text(new.rights), "created_at": Now(), "redemptions": 0}
        with self._database.writing() as connection:
            return _row(connection.execute(TOKENS.insert().values(values).returning(*_COLUMNS)).one())

    def list(self, topic_arn: str | None = None) -> tuple[TokenRow, ...]:
        """The tokens of one federation, or of all; the oldest first."""
        wanted = select(*_COLUMNS).order_by(TOKENS.c.created_at, TOKENS.c.id)
        if topic_arn is not None:
            wanted = wanted.where(TOKENS.c.topic_arn == topic_arn)
        with self._database.reading() as connection:
            return tuple(_row(found) for found in connection.execute(wanted))

    def get(self, wanted: str) -> TokenRow:
        """The token whose id that is, or begins with it. Raises ConfigurationError where none or several are meant."""
        begins = func.substr(TOKENS.c.id, 1, len(wanted)) == wanted
        query = select(*_COLUMNS).where(begins).order_by(TOKENS.c.id).limit(5)
        with self._database.reading() as connection:
            found = [_row(each) for each in connection.execute(query)] if wanted else []
        if len(found) == 1:
            return found[0]
        if not found:
            raise ConfigurationError(f"There is no invite {wanted!r}.", fix="`fedml-infra invite list` names them.")
        raise ConfigurationError(
            f"{wanted!r} may mean several invites: {', '.join(each.id for each in found)}.",
            fix="Give more of the id.",
        )

    def by_digest(self, digest: bytes) -> TokenRow | None:
        """The token of that hash."""
        with self._database.reading() as connection:
            return _by_digest(connection, digest)

    def look(self, digest: bytes, *, aws_id: str) -> TokenRow:
        """The token, if that account could redeem it now; nothing is redeemed. Raises TokenRefusedError."""
        with self._database.reading() as connection:
            found = _by_digest(connection, digest)
            now: datetime = connection.execute(select(Now())).scalar_one()
        if (
            found is None
            or found.revoked_at is not None
            or now >= found.expires_at
            or found.aws_id not in (None, aws_id)
            or found.used_by not in (None, aws_id)
        ):
            raise _refusal(found, aws_id)
        return found

    def revoke(self, token_id: str, by: str) -> TokenRow:
        """Nobody can redeem it from now on, not again either; done already is done. Raises ConfigurationError for an
        id, given whole, that is none.
        """
        statement = (
            update(TOKENS)
            .where(TOKENS.c.id == token_id)
            .values(
                revoked_at=func.coalesce(TOKENS.c.revoked_at, Now()), revoked_by=func.coalesce(TOKENS.c.revoked_by, by)
            )
            .returning(*_COLUMNS)
        )
        with self._database.writing() as connection:
            found = connection.execute(statement).one_or_none()
        if found is None:
            raise ConfigurationError(f"There is no invite {token_id!r}.", fix="`fedml-infra invite list` names them.")
        return _row(found)

    def redeem(self, digest: bytes, *, aws_id: str, pid: str, public_key: str | None) -> Redeemed:
        """Give the token to that account, which must be proved.

        One statement looks and writes, by the database's clock: of any number of accounts that come at the same time
        one gets it. The same account gets the same again until the token expires. Raises TokenRefusedError.
        """
        token = TOKENS.c
        statement = (
            update(TOKENS)
            .where(
                token.digest == digest,
                token.revoked_at.is_(None),
                token.expires_at > Now(),
                or_(token.aws_id.is_(None), token.aws_id == aws_id),
                or_(token.used_by.is_(None), token.used_by == aws_id),
            )
            .values(
                redemptions=token.redemptions + 1,
                used_at=func.coalesce(token.used_at, Now()),
                used_by=aws_id,
                pid=func.coalesce(token.pid, pid),
                # Not coalesce: a v1 member has none, the second time either.
                public_key=case((token.used_by.is_(None), public_key), else_=token.public_key),
            )
            .returning(token.redemptions, *_COLUMNS)
        )
        with self._database.writing() as connection:
            found = connection.execute(statement).one_or_none()
            refused = None if found is not None else _by_digest(connection, digest)
        if found is None:
            raise _refusal(refused, aws_id)
        return Redeemed(_row(found), first=found.redemptions == 1)


def revoke_of_account(connection: Connection, topic_arn: str, aws_id: str, by: str) -> None:
    """Whatever that account redeemed, or is alone to redeem: a removed account does not come back with it."""
    token = TOKENS.c
    connection.execute(
        update(TOKENS)
        .where(
            token.topic_arn == topic_arn,
            token.revoked_at.is_(None),
            or_(token.used_by == aws_id, token.aws_id == aws_id),
        )
        .values(revoked_at=Now(), revoked_by=by)
    )


def _refusal(row: TokenRow | None, aws_id: str) -> TokenRefusedError:
    """Why; what is known of a token here is never less refusing than the statement was."""
    fix = "Ask the administrator for another invite."
    if row is None:
        return TokenRefusedError(Reason.UNKNOWN, "This invite is not known here.", fix=fix)
    if row.revoked_at is not None:
        return TokenRefusedError(Reason.REVOKED, "This invite was revoked.", fix=fix)
    if row.used_by is not None and row.used_by != aws_id:
        return TokenRefusedError(Reason.USED, "This invite was used by another account.", fix=fix)
    if row.aws_id is not None and row.aws_id != aws_id:
        what = f"This invite is for account {row.aws_id}, and account {aws_id} came with it."
        return TokenRefusedError(Reason.OTHER_ACCOUNT, what, fix=f"Use credentials of {row.aws_id}. {fix}")
    return TokenRefusedError(Reason.EXPIRED, f"This invite expired at {row.expires_at:%Y-%m-%d %H:%M:%S} UTC.", fix=fix)


def _by_digest(connection: Connection, digest: bytes) -> TokenRow | None:
    found = connection.execute(select(*_COLUMNS).where(TOKENS.c.digest == digest)).one_or_none()
    return _row(found) if found is not None else None


def _row(found: Row[Any]) -> TokenRow:
    fields: dict[str, Any] = {column.name: found._mapping[column.name] for column in _COLUMNS}
    return TokenRow(**fields | {"rights": rights_of(fields["rights"]), "digest": bytes(fields["digest"])})
