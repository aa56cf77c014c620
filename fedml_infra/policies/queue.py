"""What belongs to a node's queue: who may send to it, where dead letters go, which messages it is sent."""

from __future__ import annotations

from typing import Any, Literal

from fedml_infra.errors import PolicyError
from fedml_infra.model.resources import NodeResources
from fedml_infra.policies.document import PLAIN_HTTP, Document, allow, deny, document

MAX_RECEIVES = 5
"""Receives of one message before it goes to the dead-letter queue."""


def queue_policy(node: NodeResources) -> Document:
    """The federation's topic alone may send, and nobody does anything over plain HTTP.

    The service principal is regional where the topic's or the queue's region is opt-in: with the global one SNS drops
    the messages in silence (Amazon SNS, "Sending messages to a queue in a different Region"). `aws:SourceArn` keeps
    the service from sending for somebody else's topic (IAM, "The confused deputy problem").
    PolicyError where the node has no queue.
    """
    queue, _ = _queues(node)
    return document(
        allow(
            "AllowTopic",
            ["sqs:SendMessage"],
            queue,
            principal={"Service": node.service_principal},
            condition={"ArnEquals": {"aws:SourceArn": node.topic_arn}},
        ),
        deny("DenyPlainHttp", ["sqs:*"], queue, principal="*", condition=PLAIN_HTTP),
        identifier=f"fedml-{node.federation}-{node.pid}",
    )


def redrive_policy(node: NodeResources) -> dict[str, Any]:
    """The queue's RedrivePolicy attribute (Amazon SQS, SetQueueAttributes). PolicyError where there is no queue."""
    _, dead_letters = _queues(node)
    return {"deadLetterTargetArn": dead_letters, "maxReceiveCount": MAX_RECEIVES}


def redrive_allow_policy(node: NodeResources) -> dict[str, Any]:
    """The dead-letter queue's RedriveAllowPolicy: this node's queue only. PolicyError where there is no queue."""
    queue, _ = _queues(node)
    return {"redrivePermission": "byQueue", "sourceQueueArns": [queue]}


def filter_policy(pid: str, message_filter: Literal["sender", "none"] | str) -> dict[str, Any] | None:
    """The subscription's FilterPolicy: not what this node sent itself, and no probes; None where nothing is filtered.

    A message without the attribute `sender` passes none of it (Amazon SNS, "Key matching in subscription filter
    policies": a key's absence is matched by `exists: false` alone).
    """
    if message_filter == "none":
        return None
    if message_filter != "sender":
        raise PolicyError(f"{message_filter!r} is no message filter", fix="Use sender or none")
    return {"sender": [{"anything-but": [pid]}], "probe": [{"exists": False}]}


def _queues(node: NodeResources) -> tuple[str, str]:
    if node.queue_arn is None or node.dead_letter_queue_arn is None:
        raise PolicyError(f"Node {node.pid} has no queue: it may not receive", fix="Ask only for receiving nodes")
    return node.queue_arn, node.dead_letter_queue_arn
