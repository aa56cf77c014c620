"""What a node's links are by AWS's own word: its queue's attributes, its subscription's, its secret parameter.

Only read. Nothing is received from the queue, so that no message of it counts a receive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from fedml_infra.aws.failures import is_absent, translate
from fedml_infra.aws.sessions import Access, client


@dataclass(frozen=True)
class QueueLinks:
    """What a queue says of who may send to it and where its dead letters go. None where it says nothing."""

    url: str
    policy: Mapping[str, Any] | None
    redrive: Mapping[str, Any] | None
    redrive_allow: Mapping[str, Any] | None


@dataclass(frozen=True)
class OwnSubscription:
    """A subscription of the account's own."""

    arn: str
    """`PendingConfirmation` where it was never confirmed."""
    filter_policy: Mapping[str, Any] | None = None
    raw: bool = False


def queue_links(access: Access, region: str, name: str) -> QueueLinks | None:
    """Policy and redrive policies of the queue of that name in the account of these credentials; None where there is
    none. Raises what `translate` tells.
    """
    sqs = client("sqs", access, region)
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        said = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]).get("Attributes", {})
    except Exception as error:
        if is_absent(error):
            return None
        raise translate(error, doing="look at queue", subject=name) from None
    return QueueLinks(
        url,
        _document(said.get("Policy")),
        _document(said.get("RedrivePolicy")),
        _document(said.get("RedriveAllowPolicy")),
    )


def own_subscription(access: Access, region: str, topic_arn: str, endpoint: str) -> OwnSubscription | None:
    """The account's own subscription of an endpoint to a topic, which may be another account's; None where there is
    none. `region` is the topic's. Raises what `translate` tells.
    """
    sns = client("sns", access, region)
    try:
        for page in sns.get_paginator("list_subscriptions").paginate():
            for row in page["Subscriptions"]:
                if (row["TopicArn"], row["Endpoint"]) != (topic_arn, endpoint) or row["SubscriptionArn"] == "Deleted":
                    continue
                if not row["SubscriptionArn"].startswith("arn:"):
                    return OwnSubscription(row["SubscriptionArn"])
                said = sns.get_subscription_attributes(SubscriptionArn=row["SubscriptionArn"])["Attributes"]
                raw = said.get("RawMessageDelivery", "").lower() == "true"
                return OwnSubscription(row["SubscriptionArn"], _document(said.get("FilterPolicy")), raw)
    except Exception as error:
        if is_absent(error):
            return None
        raise translate(error, doing="look at the subscription of", subject=endpoint) from None
    return None


def parameter_text(access: Access, region: str, name: str) -> SecretStr | None:
    """The decrypted text of a parameter; None where there is none. Raises what `translate` tells."""
    try:
        found = client("ssm", access, region).get_parameter(Name=name, WithDecryption=True)
    except Exception as error:
        if is_absent(error):
            return None
        raise translate(error, doing="read parameter", subject=name) from None
    return SecretStr(found["Parameter"]["Value"])


def _document(text: str | None) -> Mapping[str, Any] | None:
    found = json.loads(text) if text else None
    return found if isinstance(found, dict) and found else None
