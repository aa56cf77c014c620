"""An AWS in memory that keeps to `protocol.Aws`: for tests of operations, and for trying them without AWS.

It knows accounts, topics with their subscriptions, queues and buckets. It evaluates no policy: what is to be denied
is said by `deny`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from fedml_infra.aws.buckets import BucketKind, BucketState, Gap
from fedml_infra.aws.failures import UnknownCredentialsError
from fedml_infra.aws.inventory import GLOBAL, Found, Inventory, Kind, Place
from fedml_infra.aws.messages import Enough, Message, Received, check_attributes
from fedml_infra.aws.payloads import ObjectCredentials, object_key, require_reader_role
from fedml_infra.aws.queues import QueueKind, QueueState
from fedml_infra.aws.sessions import ROLE_SECONDS, Access, Keys, check_account
from fedml_infra.aws.subscriptions import Receivers, Removal, Subscription, cannot_remove, strangers
from fedml_infra.errors import AuthenticationError, PolicyError, ResourceError
from fedml_infra.model.arns import Arn, bucket_arn, parameter_arn, queue_arn, role_arn, topic_arn
from fedml_infra.model.names import queue_name, roster_bucket_name
from fedml_infra.model.regions import partition_of
from fedml_infra.model.resources import NodeResources
from fedml_infra.model.sightings import Sighting, Sought
from fedml_infra.model.tags import FEDERATION_TAG, owned_by


@dataclass
class _Queue:
    arn: str
    tags: dict[str, str]
    waiting: list[Message] = field(default_factory=list)


@dataclass
class _Bucket:
    account: str
    region: str
    tags: dict[str, str]
    gaps: tuple[Gap, ...]
    objects: dict[str, bytes] = field(default_factory=dict)


class InMemoryAws:
    """AWS accounts in memory. `accounts` says whose credentials each access holds; others are unknown to AWS."""

    def __init__(self, accounts: Mapping[Access, str]) -> None:
        self._accounts = dict(accounts)
        self._topics: dict[str, list[Subscription]] = {}
        self._topic_tags: dict[str, dict[str, str]] = {}
        self._queues: dict[str, _Queue] = {}
        self._buckets: dict[str, _Bucket] = {}
        self._others: dict[Found, Mapping[str, str]] = {}
        self._readers: dict[Keys, tuple[str, str]] = {}
        self._denied: set[tuple[str, str]] = set()
        self._numbers = count(1)
        self._changed = threading.Condition()

    # What stands in the accounts: said by the test, by a stack's run in the real world.

    def add_topic(self, account: str, region: str, name: str, tags: Mapping[str, str] | None = None) -> str:
        """Makes a topic and returns its ARN."""
        arn = topic_arn(region, account, name)
        self._topic_tags[arn] = dict(tags or {})
        self._topics.setdefault(arn, [])
        return arn

    def add_queue(self, account: str, region: str, name: str, tags: Mapping[str, str] | None = None) -> str:
        """Makes a queue and returns its URL."""
        url = f"https://sqs.{region}.amazonaws.com/{account}/{name}"
        self._queues[url] = _Queue(queue_arn(region, account, name), dict(tags or {}))
        return url

    def delete_queue(self, url: str) -> None:
        """Takes a queue away."""
        del self._queues[url]

    def add_bucket(
        self,
        account: str,
        region: str,
        name: str,
        tags: Mapping[str, str] | None = None,
        gaps: tuple[Gap, ...] = (),
    ) -> None:
        """Makes a bucket, with what it lacks."""
        self._buckets[name] = _Bucket(account, region, dict(tags or {}), gaps)

    def put_object(self, bucket: str, key: str, body: bytes) -> None:
        """Puts an object, by whoever owns the bucket."""
        self._buckets[bucket].objects[key] = body

    def add_subscription(
        self, topic: str, endpoint: str, *, protocol: str = "sqs", owner: str | None = None, arn: str | None = None
    ) -> Subscription:
        """Subscribes an endpoint; its owner is the endpoint's account, or the topic's where the endpoint is no ARN."""
        account = owner or Arn.parse(endpoint if endpoint.startswith("arn:") else topic).account
        row = Subscription(arn or f"{topic}:{next(self._numbers):08d}", protocol, endpoint, account, topic)
        self._topics[topic].append(row)
        return row

    def add_role(self, account: str, name: str, tags: Mapping[str, str] | None = None) -> None:
        """Makes a role."""
        self._others[Found(account, GLOBAL, Kind.ROLE, name, role_arn("aws", account, name))] = dict(tags or {})

    def add_parameter(self, account: str, region: str, name: str) -> None:
        """Makes a parameter."""
        self._others[Found(account, region, Kind.PARAMETER, name, parameter_arn(region, account, name))] = {}

    def deny(self, action: str, resource: str) -> None:
        """Denies an action ("sns:Unsubscribe") on a name or ARN from now on, to everybody."""
        self._denied.add((action, resource))

    # protocol.Aws

    def account_of(self, access: Access, region: str) -> str:  # noqa: ARG002  (the protocol's)
        """The account said at the beginning; AuthenticationError for any other access."""
        try:
            return self._accounts[access]
        except KeyError:
            raise UnknownCredentialsError(f"AWS does not know these credentials ({access})") from None

    def expect_account(self, access: Access, region: str, expected: str, *, where: str) -> None:
        """AuthenticationError where the credentials are another account's."""
        check_account(self.account_of(access, region), expected, access, where)

    def subscriptions(self, access: Access, region: str, topic_arn: str) -> tuple[Subscription, ...]:
        """The topic's subscriptions; ResourceError where there is no such topic."""
        self._allow("sns:ListSubscriptionsByTopic", topic_arn)
        self.account_of(access, region)
        with self._changed:
            return tuple(self._topic(topic_arn))

    def remove_strangers(self, access: Access, region: str, topic_arn: str, receivers: Receivers) -> Removal:
        """Takes the strangers off; ResourceError that names those whose `sns:Unsubscribe` is denied."""
        found = strangers(self.subscriptions(access, region, topic_arn), receivers)
        failed: list[tuple[Subscription, Exception]] = []
        removed: list[Subscription] = []
        for row in found.strangers:
            try:
                self._allow("sns:Unsubscribe", row.arn)
            except PolicyError as error:
                failed.append((row, error))
                continue
            with self._changed:
                self._topic(topic_arn).remove(row)
            removed.append(row)
        if failed:
            raise cannot_remove(topic_arn, failed)
        return Removal(admitted=len(found.admitted), removed=tuple(removed), pending=found.pending)

    def bucket_state(self, access: Access, region: str, bucket: str, *, account: str) -> BucketState:
        """Whose the bucket is."""
        self.account_of(access, region)
        known = self._buckets.get(bucket)
        if known is None:
            return BucketState(bucket, BucketKind.ABSENT)
        kind = BucketKind.OWN if known.account == account else BucketKind.FOREIGN
        return BucketState(bucket, kind, known.region)

    def has_objects(self, access: Access, region: str, bucket: str, prefix: str = "", *, account: str) -> bool:
        """Whether anything lies under the prefix."""
        if bucket not in self._buckets:
            return False
        under = f"{prefix}/" if prefix else ""
        return any(key.startswith(under) for key in self._own_bucket(access, region, bucket, account).objects)

    def hardening_gaps(
        self,
        access: Access,
        region: str,
        bucket: str,
        *,
        account: str,
        prefix: str = "",  # noqa: ARG002  (the gaps were said for the bucket)
        retention_seconds: int,  # noqa: ARG002
    ) -> tuple[Gap, ...]:
        """The gaps said when the bucket was made."""
        return self._own_bucket(access, region, bucket, account).gaps

    def queue_state(
        self, access: Access, region: str, name: str, *, federation: str, pid: str | None = None
    ) -> QueueState:
        """Whose the queue of that name is, in the account of these credentials."""
        arn = queue_arn(region, self.account_of(access, region), name)
        for url, queue in self._queues.items():
            if queue.arn == arn:
                kind = QueueKind.OURS if owned_by(queue.tags, federation, pid) else QueueKind.FOREIGN
                return QueueState(name, kind, url, dict(queue.tags))
        return QueueState(name, QueueKind.ABSENT)

    def inventory(self, places: Iterable[Place], federation: str, *, buckets: Iterable[str] = ()) -> Inventory:
        """What stands in those accounts and regions and is the federation's; an unknown access is `unseen`."""
        wanted = tuple(places)
        named = {*buckets, *(roster_bucket_name(federation, place.account, place.region) for place in wanted)}
        unseen = set()
        for place in wanted:
            try:
                self.account_of(place.access, place.region)
            except AuthenticationError as error:
                unseen.add(error.what)
        everywhere = {(place.account, place.region) for place in wanted}
        accounts = {place.account for place in wanted}
        found = {
            row
            for row, tags, by_name in self._everything(federation, named)
            if ((row.account, row.region) in everywhere or (row.account in accounts and row.kind in _GLOBAL_KINDS))
            and (tags.get(FEDERATION_TAG) == federation or (by_name and FEDERATION_TAG not in tags))
        }
        return Inventory(tuple(sorted(found)), tuple(sorted(unseen)))

    def look_up(self, access: Access, region: str, account: str, sought: Sought) -> Sighting | None:
        """A topic, queue, bucket, role or parameter said before, or a subscription of the account's."""
        self.account_of(access, region)
        kind = sought.type.rpartition(":")[2]
        if kind == "Topic" and sought.key in self._topics:
            return Sighting(sought.key, dict(self._topic_tags.get(sought.key, {})))
        if kind == "TopicSubscription":
            rows = [row for row in self._topics.get(sought.key, ()) if row.endpoint == sought.part]
            return Sighting(rows[0].arn) if rows else None
        if kind == "Bucket":
            bucket = self._buckets.get(sought.key)
            if bucket is None or bucket.account != account:
                return None
            return Sighting(sought.key, dict(bucket.tags), empty=not bucket.objects)
        if kind == "Queue":
            arn = queue_arn(region, account, sought.key)
            urls = [(url, queue.tags) for url, queue in self._queues.items() if queue.arn == arn]
            return Sighting(urls[0][0], dict(urls[0][1])) if urls else None
        for row, tags in self._others.items():
            if row.account == account and kind.lower() == row.kind and sought.key in (row.name, row.arn):
                return Sighting(sought.key, dict(tags))
        return None

    def publish(
        self,
        access: Access,
        region: str,
        topic_arn: str,
        body: str,
        attributes: Mapping[str, str] | None = None,
    ) -> str:
        """Delivers at once to every subscribed queue; nothing is filtered."""
        carried = dict(attributes or {})
        check_attributes(carried)
        self.account_of(access, region)
        self._allow("sns:Publish", topic_arn)
        with self._changed:
            for row in self._topic(topic_arn):
                for queue in self._queues.values():
                    if queue.arn == row.endpoint and row.settled:
                        queue.waiting.append(Message(f"delivery-{next(self._numbers)}", body, carried))
            self._changed.notify_all()
        return f"message-{next(self._numbers)}"

    def receive_until(self, access: Access, region: str, queue_url: str, enough: Enough, *, seconds: float) -> Received:
        """Waits for messages without asking again; ResourceError where there is no such queue."""
        self.account_of(access, region)
        end = time.monotonic() + seconds
        came: tuple[Message, ...] = ()
        with self._changed:
            queue = self._queues.get(queue_url)
            if queue is None:
                raise ResourceError(f"could not receive from {queue_url}: there is no such queue")
            self._allow("sqs:ReceiveMessage", queue.arn)
            while not enough(came):
                if not queue.waiting and not self._changed.wait_for(
                    lambda: bool(queue.waiting), timeout=max(0.0, end - time.monotonic())
                ):
                    return Received(came, enough=False)
                came = (*came, *queue.waiting)
                queue.waiting.clear()
        return Received(came, enough=True)

    def put_payload(self, access: Access, node: NodeResources, name: str, body: bytes) -> str:
        """Puts an object; PolicyError where the bucket is not of the node's account."""
        key = object_key(node, name)
        self._own_bucket(access, node.region, node.bucket, node.account).objects[key] = body
        return key

    def reader_credentials(self, access: Access, node: NodeResources, key: str) -> ObjectCredentials:
        """Keys for one object; ConfigurationError where the node has no reader role."""
        role = require_reader_role(node)
        self.account_of(access, node.region)
        self._allow("sts:AssumeRole", role)
        number = next(self._numbers)
        keys = Keys(f"ASIA{number:016d}", f"secret-{number}", f"token-{number}")
        self._readers[keys] = (node.bucket, key)
        expires = datetime.now(UTC) + timedelta(seconds=ROLE_SECONDS)
        return ObjectCredentials(keys, node.bucket, key, node.region, expires)

    def fetch_payload(self, credentials: ObjectCredentials, *, via: Access | None = None) -> bytes:  # noqa: ARG002
        """The object, with the credentials made for exactly it; PolicyError with any others."""
        asked = (credentials.bucket, credentials.key)
        granted = self._readers.get(credentials.keys)
        if granted is None:
            raise AuthenticationError(f"could not read {'/'.join(asked)}: AWS does not know these credentials")
        if granted != asked:
            raise PolicyError(f"could not read {'/'.join(asked)}: AWS answered AccessDenied")
        body = self._buckets[credentials.bucket].objects.get(credentials.key)
        if body is None:
            raise ResourceError(f"could not read {'/'.join(asked)}: AWS answered NoSuchKey")
        return body

    def _allow(self, action: str, resource: str) -> None:
        if (action, resource) in self._denied:
            raise PolicyError(f"could not do {action} on {resource}: AWS answered AccessDenied")

    def _topic(self, arn: str) -> list[Subscription]:
        if arn not in self._topics:
            raise ResourceError(f"could not find topic {arn}: AWS answered NotFound")
        return self._topics[arn]

    def _own_bucket(self, access: Access, region: str, name: str, account: str) -> _Bucket:
        self.account_of(access, region)
        bucket = self._buckets.get(name)
        if bucket is None:
            raise ResourceError(f"could not use bucket {name}: AWS answered NoSuchBucket")
        if bucket.account != account:
            raise PolicyError(f"could not use bucket {name}: AWS answered AccessDenied")
        return bucket

    def _everything(self, federation: str, named: set[str]) -> Iterable[tuple[Found, Mapping[str, str], bool]]:
        """Every thing there is, its tags, and whether its name is the federation's."""
        for arn, rows in self._topics.items():
            topic = Arn.parse(arn)
            yield Found(topic.account, topic.region, Kind.TOPIC, topic.resource, arn), {}, topic.resource == federation
            for row in rows:
                found = Found(row.owner, topic.region, Kind.SUBSCRIPTION, row.endpoint, row.arn)
                yield found, {}, topic.resource == federation and row.arn != "Deleted"
        for queue in self._queues.values():
            at = Arn.parse(queue.arn)
            by_name = at.resource.startswith(queue_name(federation, ""))
            yield Found(at.account, at.region, Kind.QUEUE, at.resource, queue.arn), queue.tags, by_name
        for name, bucket in self._buckets.items():
            arn = bucket_arn(partition_of(bucket.region), name)
            yield Found(bucket.account, bucket.region, Kind.BUCKET, name, arn), bucket.tags, name in named
        for other, tags in self._others.items():
            start = f"/fedml/{federation}/" if other.kind is Kind.PARAMETER else f"fedml.{federation}."
            yield other, tags, other.name.startswith(start)


_GLOBAL_KINDS = frozenset({Kind.BUCKET, Kind.ROLE, Kind.POLICY})
