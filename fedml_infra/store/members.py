"""What was seen of members: when they came and went, and which key they have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Connection, and_, case, func, literal, or_, select, update

from fedml_infra.store.database import Database, insert_unless_there
from fedml_infra.store.tables import MEMBERS, Now
from fedml_infra.store.tokens import revoke_of_account
from fedml_infra.store.values import MemberSeen

_member = MEMBERS.c
_is_no_member = or_(_member.since.is_(None), _member.removed_at >= _member.since)


class Members:
    """By the ARN of the federation's topic and the member's account. Who is a member, the stack file says."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seen(self, topic_arn: str) -> dict[str, MemberSeen]:
        """All that were seen in the federation by account, those that were removed too."""
        wanted = select(MEMBERS).where(_member.topic_arn == topic_arn).order_by(_member.aws_id)
        with self._database.reading() as connection:
            return {
                row.aws_id: MemberSeen(row.since, row.epoch, row.epoch_at, row.removed_at)
                for row in connection.execute(wanted)
            }

    def admitted(self, topic_arn: str, aws_id: str, epoch: int) -> None:
        """It is a member, and has the key of that epoch. Said again, it is a member since the first time."""
        after_removal = _member.removed_at + literal(1, BigInteger)
        now = case((_member.removed_at >= Now(), after_removal), else_=Now())
        with self._database.writing() as connection:
            self._known(connection, topic_arn, aws_id)
            connection.execute(
                self._of(topic_arn, aws_id).values(since=case((_is_no_member, now), else_=_member.since))
            )
            self._has(connection, topic_arn, aws_id, epoch)

    def synchronised(self, topic_arn: str, aws_id: str, epoch: int) -> None:
        """It has said that it has the key of that epoch. An older one than is known changes nothing."""
        with self._database.writing() as connection:
            self._known(connection, topic_arn, aws_id)
            self._has(connection, topic_arn, aws_id, epoch)

    def removed(self, topic_arn: str, aws_id: str, by: str) -> None:
        """It is a member no longer. Its tokens and the invites for it alone are revoked, lest it come back by them.
        Said again, it was removed at the first time.
        """
        again = and_(_member.removed_at.is_not(None), _is_no_member)
        with self._database.writing() as connection:
            self._known(connection, topic_arn, aws_id)
            connection.execute(
                self._of(topic_arn, aws_id).values(removed_at=case((again, _member.removed_at), else_=Now()))
            )
            revoke_of_account(connection, topic_arn, aws_id, by)

    def _of(self, topic_arn: str, aws_id: str) -> Any:
        return update(MEMBERS).where(_member.topic_arn == topic_arn, _member.aws_id == aws_id)

    def _known(self, connection: Connection, topic_arn: str, aws_id: str) -> None:
        insert_unless_there(connection, MEMBERS, {"topic_arn": topic_arn, "aws_id": aws_id})

    def _has(self, connection: Connection, topic_arn: str, aws_id: str, epoch: int) -> None:
        newer = func.coalesce(_member.epoch, 0) < epoch
        connection.execute(self._of(topic_arn, aws_id).where(newer).values(epoch=epoch, epoch_at=Now()))
