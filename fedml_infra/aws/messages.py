"""A federation's messages: published to the topic, received from a node's queue."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fedml_infra.aws.failures import translating
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import ConfigurationError

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

ATTRIBUTES = 10
"""Attributes that a raw delivery to SQS carries; with more, SNS drops the message as a client-side error.
https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html"""
LONG_POLL = 20
"""Seconds that one ReceiveMessage waits at most (SQS)."""


@dataclass(frozen=True)
class Message:
    """One message as a node receives it: raw, without SNS's envelope."""

    id: str
    """SQS's id of this delivery: the same message has another one in every queue."""
    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Received:
    """What came until there was enough, or until the time was up."""

    messages: tuple[Message, ...]
    enough: bool


Enough = Callable[[tuple[Message, ...]], bool]


def publish(access: Access, region: str, topic_arn: str, body: str, attributes: Mapping[str, str] | None = None) -> str:
    """Publishes a text with string attributes and returns SNS's message id; `region` is the topic's.

    Raises ConfigurationError for more than 10 attributes, PolicyError where publishing is denied.
    """
    carried = dict(attributes or {})
    check_attributes(carried)
    with translating("publish to", topic_arn):
        sent = client("sns", access, region).publish(
            TopicArn=topic_arn,
            Message=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in sorted(carried.items())
            },
        )
    return sent["MessageId"]


def check_attributes(attributes: Mapping[str, str]) -> None:
    """Raises ConfigurationError where a raw delivery could not carry them."""
    if len(attributes) > ATTRIBUTES:
        raise ConfigurationError(
            f"a message has {len(attributes)} attributes, and SNS delivers at most {ATTRIBUTES} to a queue, raw",
            fix="Put the others into the body.",
        )


def receive_until(access: Access, region: str, queue_url: str, enough: Enough, *, seconds: float) -> Received:
    """Receives and deletes messages until `enough` says so of all that came, or the time is up.

    Long polls, so that nothing is asked in vain; the last one may end up to a second late. Raises PolicyError where
    receiving is denied, ResourceError where there is no such queue.
    """
    sqs = client("sqs", access, region)
    end = time.monotonic() + seconds
    came: tuple[Message, ...] = ()
    while not enough(came):
        left = end - time.monotonic()
        if left <= 0:
            return Received(came, enough=False)
        with translating("receive from", queue_url):
            batch = sqs.receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=min(LONG_POLL, math.ceil(left)),
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            if batch:
                sqs.delete_message_batch(
                    QueueUrl=queue_url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": row["ReceiptHandle"]} for number, row in enumerate(batch)
                    ],
                )
        came = (*came, *map(_message, batch))
    return Received(came, enough=True)


def _message(row: MessageTypeDef) -> Message:
    attributes = {name: value.get("StringValue", "") for name, value in row.get("MessageAttributes", {}).items()}
    return Message(row["MessageId"], row["Body"], attributes)
