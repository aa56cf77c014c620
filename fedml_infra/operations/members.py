"""The members of a federation: who they are, what they may do, and what of that is in force; changed one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from fedml_infra.aws.sessions import Access
from fedml_infra.aws.subscriptions import Subscription, receivers
from fedml_infra.errors import ConfigurationError
from fedml_infra.model.arns import Arn
from fedml_infra.model.fields import Sharing
from fedml_infra.model.mistake import MistakeError
from fedml_infra.model.rights import Rights
from fedml_infra.model.rights import rights as read_rights
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import MEMBERS
from fedml_infra.operations.change import entries
from fedml_infra.operations.hub_change import Edit
from fedml_infra.operations.load import Stack
from fedml_infra.operations.rotate import rights_in_force
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.topology import rights_said


class Seen(Protocol):
    """What was recorded of a member."""

    @property
    def since(self) -> datetime | None:
        """When it was admitted (UTC)."""

    @property
    def epoch(self) -> int | None:
        """The newest key that it is known to have."""


@dataclass(frozen=True)
class MemberRow:
    """One account on one line."""

    aws_id: str
    granted: Rights
    """By the file; empty for an account that was taken out of it."""
    in_force: Rights
    """By the last run; empty for an account that was not brought up yet."""
    pids: tuple[str, ...]
    subscribed: tuple[str, ...]
    """ARNs of its queues that are on the topic."""
    sealed: bool
    """Whether it gave a public key, so that a new key reaches it by the roster (v2)."""
    since: datetime | None
    """When it was admitted; None where nothing recorded it, as for one written into the file by hand."""
    epoch: int | None
    """The newest key that it was heard to have; None where nothing was heard."""

    @property
    def state(self) -> str:
        """`member`, `to_come` (the file says more than is in force), or `to_go` (less)."""
        if self.in_force - self.granted:
            return "to_go"
        return "to_come" if self.granted - self.in_force else "member"

    def as_json(self) -> dict[str, Any]:
        """The row for machines; times in UTC."""
        return {
            "aws_id": self.aws_id,
            "state": self.state,
            "rights": sorted(self.granted),
            "in_force": sorted(self.in_force),
            "pids": list(self.pids),
            "subscribed": list(self.subscribed),
            "version": "v2" if self.sealed else "v1",
            "since": self.since.isoformat() if self.since else None,
            "epoch": self.epoch,
        }


def member_rows(
    config: StackConfig,
    outputs: Mapping[str, Any],
    subscribed: Iterable[Subscription],
    seen: Mapping[str, Seen],
) -> tuple[MemberRow, ...]:
    """The members by the file and those that are still in force, in the order of the file. Pure."""
    made = {each["aws_id"]: each for each in (outputs.get("federation") or {}).get("members") or ()}
    in_force = rights_in_force(outputs)
    own = [str(node["queue_arn"]) for node in (outputs.get("nodes") or {}).values() if node.get("queue_arn")]
    allowed = receivers(config, own)
    queues: dict[str, list[str]] = {}
    for row in subscribed:
        if row.settled and row.protocol == "sqs" and (allowed.admits(row) or row.owner in made):
            account = row.owner or Arn.parse(row.endpoint).account
            queues.setdefault(account, []).append(row.endpoint)
    listed = {member.aws_id: member for member in config.members}
    rows = []
    for account in (*listed, *(account for account in made if account not in listed)):
        member, known = listed.get(account), seen.get(account)
        rows.append(
            MemberRow(
                aws_id=account,
                granted=config.member_rights(member) if member else frozenset(),
                in_force=in_force.get(account, frozenset()),
                pids=member.nodes if member else tuple(made[account].get("nodes") or ()),
                subscribed=tuple(sorted(queues.get(account, ()))),
                sealed=member is not None and member.public_key is not None,
                since=known.since if known else None,
                epoch=known.epoch if known else None,
            )
        )
    return tuple(rows)


def topic_subscriptions(stack: Stack, outputs: Mapping[str, Any], aws: Cloud) -> tuple[Subscription, ...]:
    """Who is subscribed to the topic of a hub that came up; () before. Errors as `aws.subscriptions`."""
    topic_arn = (outputs.get("federation") or {}).get("topic_arn")
    if not topic_arn:
        return ()
    return aws.subscriptions(Access.of(None, stack.settings), stack.config.topic_region, str(topic_arn))


def parse_rights(text: str) -> Rights:
    """Rights of `publish,receive`, `publish` or `receive`. ConfigurationError otherwise."""
    try:
        return read_rights([part.strip() for part in text.split(",") if part.strip()])
    except MistakeError as error:
        raise ConfigurationError(f"rights {text!r}: {error.what}", fix=error.fix) from None


def set_rights(config: StackConfig, account: str, rights: Rights) -> Edit:
    """The edit that gives a member these rights and no others. ConfigurationError for an account that is none."""
    require_member(config, account)
    said = rights_said(config.topology, rights)

    def edit(values: dict[str, Any]) -> None:
        for entry in entries(values, MEMBERS):
            if str(entry["aws_id"]) == account:
                entry.pop("rights", None)
                if said is not None:
                    entry["rights"] = said

    return edit


def remove_member(
    config: StackConfig, outputs: Mapping[str, Any], account: str, *, was: Callable[[str], bool] = lambda _: False
) -> Edit:
    """The edit that takes a member out. One that the file no longer has is no mistake where the last run had it, or
    where it `was` one: that removal was begun, or is done. ConfigurationError for any other account."""
    known = {*(member.aws_id for member in config.members), *rights_in_force(outputs)}
    if account not in known and not was(account):
        require_member(config, account)

    def edit(values: dict[str, Any]) -> None:
        left = [entry for entry in entries(values, MEMBERS) if str(entry["aws_id"]) != account]
        if left:
            values[MEMBERS] = left
        else:
            values.pop(MEMBERS, None)

    return edit


def require_member(config: StackConfig, account: str) -> None:
    """Raise ConfigurationError for an account that is no member by the file."""
    known = [member.aws_id for member in config.members]
    if account not in known:
        raise ConfigurationError(
            f"Account {account} is no member of {config.fed_name}.",
            fix=f"Its members are {', '.join(known)}." if known else "It has no members.",
        )


def after_removal(config: StackConfig) -> tuple[str, ...]:
    """What a removal does not undo at once, in plain sentences. Pure."""
    found = [
        "The same queues can be subscribed again only after 72 hours, as AWS has it: a member that comes back sooner "
        "takes another pid.",
        "A member that has not synchronised still uses the old key until it does.",
    ]
    if config.sharing is Sharing.STS:
        found.insert(
            1, "Credentials in messages that it already has let it read those payloads until they expire, in an hour."
        )
    return tuple(found)
