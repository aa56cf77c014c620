"""What goes into the store and comes out of it, as frozen values. Times are in UTC, with their zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from fedml_infra.model.rights import Right, Rights

RESUBSCRIBE_AFTER = timedelta(hours=72)
"""For so long after a subscription was deleted AWS refuses the same endpoint again (SNS, "Deleting a subscription")."""


class TokenState(StrEnum):
    """What can still be done with an invite's token."""

    PENDING = "pending"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Reason(StrEnum):
    """Why a token was not redeemed."""

    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
    USED = "used"
    """By another account."""
    OTHER_ACCOUNT = "other_account"
    """It is bound to another account."""


@dataclass(frozen=True)
class NewToken:
    """A token to be kept: its hash, and what it gives to whom for how long."""

    id: str
    """Its public name, 16 hex digits."""
    digest: bytes = field(repr=False)
    """SHA-256 of its text. What a joiner's request is authenticated with follows from it: it is shown nowhere."""
    fed_name: str
    topic_arn: str
    version: Literal["v1", "v2"]
    rights: Rights | None
    """None: what the topology gives."""
    aws_id: str | None
    """The one account that may redeem it; None where any may that proves itself."""
    created_by: str
    expires_at: datetime


@dataclass(frozen=True)
class TokenRow(NewToken):
    """A token as it is kept."""

    created_at: datetime
    used_at: datetime | None = None
    used_by: str | None = None
    """The account that redeemed it first."""
    pid: str | None = None
    public_key: str | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    def state(self, now: datetime) -> TokenState:
        """What it is at `now`. A used one stays used, whatever came after."""
        if self.used_at is not None:
            return TokenState.USED
        if self.revoked_at is not None:
            return TokenState.REVOKED
        return TokenState.EXPIRED if now >= self.expires_at else TokenState.PENDING


@dataclass(frozen=True)
class Redeemed:
    """A token that was redeemed: by this call, or before by the same account."""

    row: TokenRow
    """With the pid and the public key of the first time."""
    first: bool


@dataclass(frozen=True)
class MemberSeen:
    """What was seen of a member's account."""

    since: datetime | None
    """When it was admitted (again); None where it was written into the stack file by hand."""
    epoch: int | None
    """The newest key that it is known to have."""
    epoch_at: datetime | None
    removed_at: datetime | None
    """When it was last removed, which a later admission does not change."""

    @property
    def is_member(self) -> bool:
        """Whether it was not removed since it was admitted."""
        return self.removed_at is None or (self.since is not None and self.since > self.removed_at)

    def waits_until(self, now: datetime) -> datetime | None:
        """Until when AWS refuses the queues of a removed account; None where it does not."""
        if self.removed_at is None or now >= self.removed_at + RESUBSCRIBE_AFTER:
            return None
        return self.removed_at + RESUBSCRIBE_AFTER


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to which stack, and what came of it. No secret may be in it."""

    actor: str
    """`user@host`, with the AWS account where it is known."""
    stack: str
    topic_arn: str | None
    action: str
    """As `invite create`."""
    outcome: str
    """`done`, `refused` or `failed`."""
    details: Mapping[str, str]


@dataclass(frozen=True)
class AuditRow(AuditEntry):
    """An entry as it is kept, chained to the one before it."""

    number: int
    """Counted from 1, without gaps."""
    at: datetime
    hash: str
    """SHA-256 over the entry and the hash before it, hex."""

    def as_json(self) -> dict[str, Any]:
        """The entry for machines."""
        return {
            "number": self.number,
            "at": self.at.isoformat(timespec="milliseconds"),
            "actor": self.actor,
            "stack": self.stack,
            "topic_arn": self.topic_arn,
            "action": self.action,
            "outcome": self.outcome,
            "details": dict(self.details),
            "hash": self.hash,
        }


@dataclass(frozen=True)
class Chain:
    """What a look through the whole audit found."""

    entries: int
    head: str
    """Hash of the last entry; zeros where there is none."""
    broken: int | None
    """Number of the first entry that was changed, or is missing or elsewhere; None where all is as it was."""


def rights_text(given: Rights | None) -> str | None:
    """As they are kept: `publish,receive`."""
    return None if given is None else ",".join(right for right in Right if right in given)


def rights_of(kept: str | None) -> Rights | None:
    """The other way round."""
    return None if kept is None else frozenset(Right(word) for word in kept.split(","))
