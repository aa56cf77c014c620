"""A topic's subscriptions, and the removal of those that are no receiving member's.

Taking a member out of the topic policy does not stop delivery to a queue that is already subscribed: the topic's owner
has to unsubscribe it. That may be done to another account's subscription, and repeated.
https://docs.aws.amazon.com/sns/latest/api/API_Unsubscribe.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedml_infra.aws.failures import is_absent, translate, translating
from fedml_infra.aws.parallel import AT_ONCE, each
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import ResourceError
from fedml_infra.model.arns import Arn
from fedml_infra.model.names import queue_name
from fedml_infra.model.rights import Right

if TYPE_CHECKING:
    from fedml_infra.model.stack import StackConfig

NAMED_AT_MOST = 10
"""Subscriptions that an error names one by one."""


@dataclass(frozen=True)
class Subscription:
    """One row of a topic's list of subscriptions."""

    arn: str
    """`PendingConfirmation` where the endpoint has not confirmed, and for 72 hours after its end `Deleted`."""
    protocol: str
    endpoint: str
    owner: str
    """The account that subscribed."""
    topic_arn: str

    @property
    def settled(self) -> bool:
        """Whether it can be acted on: it has an ARN."""
        return self.arn.startswith("arn:")

    def __str__(self) -> str:
        return f"{self.protocol} {self.endpoint} (subscribed by {self.owner or 'an unknown account'})"


@dataclass(frozen=True)
class Receivers:
    """Whose queues may be subscribed to a federation's topic."""

    federation: str
    any_queue: frozenset[str] = frozenset()
    """Member accounts that may subscribe any queue of theirs named `<federation>_*`."""
    queues: frozenset[tuple[str, str]] = frozenset()
    """Member account and queue name, where the stack file says which nodes the member has."""
    own: frozenset[str] = frozenset()
    """ARNs of the queues of the hub's own nodes."""

    @property
    def accounts(self) -> frozenset[str]:
        """The receiving accounts, those of the hub's own nodes among them."""
        members = self.any_queue | {account for account, _ in self.queues}
        return members | {Arn.parse(arn).account for arn in self.own}

    def admits(self, row: Subscription) -> bool:
        """Whether a subscription is one that should be: a receiving account's, to a receiving member's queue."""
        topic = Arn.parse(row.topic_arn)
        # Its owner may change its filter or end it, so a removed account's goes, whatever the endpoint.
        if row.protocol != "sqs" or (row.owner and row.owner not in {topic.account, *self.accounts}):
            return False
        if row.endpoint in self.own:
            return True
        queue = _queue(row.endpoint)
        if queue is None or queue.partition != topic.partition:
            return False
        if (queue.account, queue.resource) in self.queues:
            return True
        return queue.account in self.any_queue and queue.resource.startswith(f"{self.federation}_")


def receivers(config: StackConfig, own_queue_arns: Iterable[str]) -> Receivers:
    """Whose queues a hub's stack file allows on its topic.

    A member without the receive right has none; a member that lists no nodes may subscribe any queue of its own whose
    name starts as the federation's do. `own_queue_arns` are those of the hub's own nodes that receive.
    """
    any_queue: set[str] = set()
    queues: set[tuple[str, str]] = set()
    for member in config.members:
        if Right.RECEIVE not in config.member_rights(member):
            continue
        if member.nodes:
            queues.update((member.aws_id, queue_name(config.fed_name, pid)) for pid in member.nodes)
        else:
            any_queue.add(member.aws_id)
    return Receivers(
        federation=config.fed_name,
        any_queue=frozenset(any_queue),
        queues=frozenset(queues),
        own=frozenset(own_queue_arns),
    )


@dataclass(frozen=True)
class Sorted:
    """A topic's subscriptions, told apart."""

    admitted: tuple[Subscription, ...] = ()
    strangers: tuple[Subscription, ...] = ()
    """To be removed."""
    pending: tuple[Subscription, ...] = ()
    """No receiving member's, but without an ARN to remove: never confirmed, or already deleted."""


def strangers(rows: Iterable[Subscription], allowed: Receivers) -> Sorted:
    """Tells a topic's subscriptions apart. Pure."""
    admitted: list[Subscription] = []
    foreign: list[Subscription] = []
    pending: list[Subscription] = []
    for row in rows:
        if not row.settled:
            pending.append(row)
        elif allowed.admits(row):
            admitted.append(row)
        else:
            foreign.append(row)
    return Sorted(tuple(admitted), tuple(foreign), tuple(pending))


@dataclass(frozen=True)
class Removal:
    """What a removal of strangers did."""

    admitted: int
    """Subscriptions that stay."""
    removed: tuple[Subscription, ...] = ()
    gone: tuple[Subscription, ...] = ()
    """Strangers that someone else had removed in the meantime."""
    pending: tuple[Subscription, ...] = ()
    """Rows without an ARN: reported, not acted on."""


def subscriptions(access: Access, region: str, topic_arn: str) -> tuple[Subscription, ...]:
    """Every subscription of a topic; the topic's account may list them. 100 a page.

    Raises ResourceError where the topic does not exist, and what `translate` tells.
    """
    sns = client("sns", access, region)
    with translating("list the subscriptions of", topic_arn):
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
        return tuple(row_of(row) for page in pages for row in page["Subscriptions"])


def remove_strangers(
    access: Access, region: str, topic_arn: str, receivers: Receivers, *, at_once: int = AT_ONCE
) -> Removal:
    """Unsubscribes whatever is subscribed to the topic and is no receiving member's queue; safe to repeat.

    `region` is the topic's, the credentials those of its account. All are tried before any failure is told: raises
    ResourceError that names those it could not remove.
    """
    found = strangers(subscriptions(access, region, topic_arn), receivers)
    sns = client("sns", access, region)

    def unsubscribe(row: Subscription) -> bool:
        try:
            sns.unsubscribe(SubscriptionArn=row.arn)
        except Exception as error:
            if is_absent(error):
                return False
            raise
        return True

    outcomes = each(unsubscribe, found.strangers, at_once=at_once)
    failed = [(outcome.item, outcome.error) for outcome in outcomes if outcome.error is not None]
    if failed:
        raise cannot_remove(topic_arn, failed)
    return Removal(
        admitted=len(found.admitted),
        removed=tuple(outcome.item for outcome in outcomes if outcome.value),
        gone=tuple(outcome.item for outcome in outcomes if not outcome.value),
        pending=found.pending,
    )


def cannot_remove(topic_arn: str, failed: Sequence[tuple[Subscription, Exception]]) -> ResourceError:
    """The error that names the subscriptions still there."""
    lines = [f"  {row}: {translate(error, doing='remove', subject=row.arn)}" for row, error in failed[:NAMED_AT_MOST]]
    if len(failed) > NAMED_AT_MOST:
        lines.append(f"  and {len(failed) - NAMED_AT_MOST} more")
    return ResourceError(
        "\n".join(
            [f"these subscriptions of {topic_arn} are no member's, still receive, and could not be removed:", *lines]
        ),
        fix="Run `pulumi up` again, or delete them in the SNS console of the topic's account.",
    )


def row_of(row: Mapping[str, str] | object) -> Subscription:
    """A row as SNS returns it (API_Subscription) as a value."""
    fields: Mapping[str, str] = row  # type: ignore[assignment]
    return Subscription(
        arn=fields.get("SubscriptionArn", ""),
        protocol=fields.get("Protocol", ""),
        endpoint=fields.get("Endpoint", ""),
        owner=fields.get("Owner", ""),
        topic_arn=fields.get("TopicArn", ""),
    )


def _queue(endpoint: str) -> Arn | None:
    try:
        arn = Arn.parse(endpoint)
    except ValueError:
        return None
    return arn if arn.service == "sqs" else None
