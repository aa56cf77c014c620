"""What operations ask of AWS: small protocols, kept by `live.LiveAws` and, in memory, by `double.InMemoryAws`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fedml_infra.aws.buckets import BucketState, Gap
    from fedml_infra.aws.inventory import Inventory, Place
    from fedml_infra.aws.messages import Enough, Received
    from fedml_infra.aws.payloads import ObjectCredentials
    from fedml_infra.aws.queues import QueueState
    from fedml_infra.aws.sessions import Access
    from fedml_infra.aws.subscriptions import Receivers, Removal, Subscription
    from fedml_infra.model.resources import NodeResources
    from fedml_infra.model.sightings import Sighting, Sought


class Identities(Protocol):
    """Whose credentials those are."""

    def account_of(self, access: Access, region: str) -> str:
        """See `sessions.account_of`."""
        ...

    def expect_account(self, access: Access, region: str, expected: str, *, where: str) -> None:
        """See `sessions.expect_account`."""
        ...


class Subscribers(Protocol):
    """Who is subscribed to a topic."""

    def subscriptions(self, access: Access, region: str, topic_arn: str) -> tuple[Subscription, ...]:
        """See `subscriptions.subscriptions`."""
        ...

    def remove_strangers(self, access: Access, region: str, topic_arn: str, receivers: Receivers) -> Removal:
        """See `subscriptions.remove_strangers`."""
        ...


class Buckets(Protocol):
    """What buckets are; none is changed."""

    def bucket_state(self, access: Access, region: str, bucket: str, *, account: str) -> BucketState:
        """See `buckets.bucket_state`."""
        ...

    def has_objects(self, access: Access, region: str, bucket: str, prefix: str = "", *, account: str) -> bool:
        """See `buckets.has_objects`."""
        ...

    def hardening_gaps(
        self,
        access: Access,
        region: str,
        bucket: str,
        *,
        account: str,
        prefix: str = "",
        retention_seconds: int,
    ) -> tuple[Gap, ...]:
        """See `buckets.hardening_gaps`."""
        ...


class Queues(Protocol):
    """Whose a queue name is."""

    def queue_state(
        self, access: Access, region: str, name: str, *, federation: str, pid: str | None = None
    ) -> QueueState:
        """See `queues.queue_state`."""
        ...


class Inventories(Protocol):
    """What a federation has, or has left behind."""

    def inventory(self, places: Iterable[Place], federation: str, *, buckets: Iterable[str] = ()) -> Inventory:
        """See `inventory.inventory`."""
        ...


class Messages(Protocol):
    """What goes over the topic."""

    def publish(
        self,
        access: Access,
        region: str,
        topic_arn: str,
        body: str,
        attributes: Mapping[str, str] | None = None,
    ) -> str:
        """See `messages.publish`."""
        ...

    def receive_until(self, access: Access, region: str, queue_url: str, enough: Enough, *, seconds: float) -> Received:
        """See `messages.receive_until`."""
        ...


class Payloads(Protocol):
    """What lies in the buckets."""

    def put_payload(self, access: Access, node: NodeResources, name: str, body: bytes) -> str:
        """See `payloads.put_payload`."""
        ...

    def reader_credentials(self, access: Access, node: NodeResources, key: str) -> ObjectCredentials:
        """See `payloads.reader_credentials`."""
        ...

    def fetch_payload(self, credentials: ObjectCredentials, *, via: Access | None = None) -> bytes:
        """See `payloads.fetch_payload`."""
        ...


class Lookups(Protocol):
    """Whether one thing is there."""

    def look_up(self, access: Access, region: str, account: str, sought: Sought) -> Sighting | None:
        """See `lookup.look_up`."""
        ...


class Aws(Identities, Subscribers, Buckets, Queues, Inventories, Lookups, Messages, Payloads, Protocol):
    """All of it."""
