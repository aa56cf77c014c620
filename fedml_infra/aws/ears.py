"""A queue of one's own that listens to a topic for a moment, beside the node's, and is gone afterwards.

The node's own queue is never read: its messages would lose a receive, and might go to its dead-letter queue for it.
The name begins as the federation's queues do, since the topic policy denies every other endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fedml_infra.aws.failures import is_absent, translate, translating
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import FedmlError, NetworkError
from fedml_infra.model.arns import Arn, queue_arn
from fedml_infra.model.names import PROBE_PREFIX, probe_queue_name, queue_name
from fedml_infra.model.resources import NodeResources
from fedml_infra.model.tags import ownership_tags
from fedml_infra.policies.document import render
from fedml_infra.policies.queue import queue_policy

if TYPE_CHECKING:
    from types_boto3_sns.client import SNSClient
    from types_boto3_sqs.literals import QueueAttributeNameType

KEPT_SECONDS = 300
"""How long it keeps a message: nobody waits longer."""
STALE_SECONDS = 3600
"""After so long, an ear is what a killed command left behind."""


@dataclass(frozen=True)
class Ear:
    """The queue, and once it listens its subscription."""

    name: str
    url: str
    arn: str
    topic_arn: str
    subscription_arn: str | None = None

    @property
    def region(self) -> str:
        """The queue's."""
        return Arn.parse(self.arn).region


def make_ear(access: Access, node: NodeResources, mark: str) -> Ear:
    """Makes the queue as the node's own is: same account, region, policy and encryption.

    `mark`: letters and digits of this ear alone. Raises PolicyError where the right is missing, and what `translate`
    tells.
    """
    name = probe_queue_name(node.federation, mark)
    arn = queue_arn(node.region, node.account, name)
    as_node = replace(node, queue_name=name, queue_arn=arn, dead_letter_queue_arn=arn)
    encryption: dict[QueueAttributeNameType, str] = (
        {"KmsMasterKeyId": node.kms_key_arn} if node.kms_key_arn else {"SqsManagedSseEnabled": "true"}
    )
    sqs = client("sqs", access, node.region)
    attributes: dict[QueueAttributeNameType, str] = {
        "Policy": render(queue_policy(as_node)),
        "MessageRetentionPeriod": str(KEPT_SECONDS),
        **encryption,
    }
    try:
        with translating("make the probe's own queue", name):
            made = sqs.create_queue(QueueName=name, Attributes=attributes, tags=ownership_tags(node.federation))
    except NetworkError:
        # It may have been made, and only the answer lost.
        with suppress(Exception):
            sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
        raise
    return Ear(name, made["QueueUrl"], arn, node.topic_arn)


def subscribe_ear(access: Access, ear: Ear, match: Mapping[str, Sequence[str]]) -> Ear:
    """Lets it hear the messages whose attributes match, and no others. PolicyError where the topic denies it."""
    with translating("subscribe to", ear.topic_arn):
        made = client("sns", access, Arn.parse(ear.topic_arn).region).subscribe(
            TopicArn=ear.topic_arn,
            Protocol="sqs",
            Endpoint=ear.arn,
            Attributes={
                "RawMessageDelivery": "true",
                "FilterPolicy": render({name: list(values) for name, values in match.items()}),
            },
            ReturnSubscriptionArn=True,
        )
    return replace(ear, subscription_arn=made["SubscriptionArn"])


def remove_ear(access: Access, ear: Ear) -> None:
    """Takes subscription and queue away; what is gone already is no error. Both are tried before a failure is told.

    A subscription whose making was not answered is looked for.
    """
    failed: list[FedmlError] = []
    sns = client("sns", access, Arn.parse(ear.topic_arn).region)
    try:
        known = [ear.subscription_arn] if ear.subscription_arn else list(_subscriptions_of(sns, ear.arn))
        for arn in known:
            sns.unsubscribe(SubscriptionArn=arn)
    except Exception as error:
        if not is_absent(error):
            failed.append(translate(error, doing="unsubscribe the probe's own queue", subject=ear.name))
    try:
        client("sqs", access, ear.region).delete_queue(QueueUrl=ear.url)
    except Exception as error:
        if not is_absent(error):
            failed.append(translate(error, doing="delete the probe's own queue", subject=ear.name))
    if failed:
        raise failed[0]


def stale_ears(access: Access, node: NodeResources) -> tuple[Ear, ...]:
    """Ears in the node's account and region that are older than an hour. Raises what `translate` tells."""
    sqs = client("sqs", access, node.region)
    found: list[Ear] = []
    with translating("list the queues of", f"account {node.account} in {node.region}"):
        pages = sqs.get_paginator("list_queues").paginate(
            QueueNamePrefix=queue_name(node.federation, PROBE_PREFIX), PaginationConfig={"PageSize": 1000}
        )
        for url in [url for page in pages for url in page.get("QueueUrls", [])]:
            with suppress(sqs.exceptions.QueueDoesNotExist):
                said = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["CreatedTimestamp"])["Attributes"]
                if datetime.now(UTC).timestamp() - float(said["CreatedTimestamp"]) > STALE_SECONDS:
                    name = url.rpartition("/")[2]
                    found.append(Ear(name, url, queue_arn(node.region, node.account, name), node.topic_arn))
    return tuple(found)


def _subscriptions_of(sns: SNSClient, endpoint: str) -> Iterator[str]:
    for page in sns.get_paginator("list_subscriptions").paginate():
        for row in page["Subscriptions"]:
            if row["Endpoint"] == endpoint and row["SubscriptionArn"].startswith("arn:"):
                yield row["SubscriptionArn"]
