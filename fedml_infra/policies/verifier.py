"""The least rights of whoever verifies a stack: what `verify` calls, on the nodes' own things and on the probe's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from fedml_infra.model.arns import Arn, queue_arn
from fedml_infra.model.names import PROBE_PREFIX, probe_queues
from fedml_infra.model.resources import NodeResources
from fedml_infra.policies.document import Document
from fedml_infra.policies.keys import via
from fedml_infra.policies.operator import Needed, packed

ANYWHERE = (
    "sns:GetSubscriptionAttributes",
    "sns:ListSubscriptions",
    "sns:Unsubscribe",
    "sqs:ListQueues",
    "sts:GetCallerIdentity",
)
"""These know no resource."""
TOPIC = ("sns:Publish", "sns:Subscribe")
QUEUE = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl")
PROBE_QUEUE = (
    "sqs:CreateQueue",
    "sqs:DeleteMessage",
    "sqs:DeleteQueue",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
    "sqs:TagQueue",
)
PROBE_OBJECT = ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject")


def verifier_policy(
    nodes: Iterable[NodeResources], *, assumed_roles: Mapping[str, Iterable[str]] | None = None
) -> dict[str, tuple[Document, ...]]:
    """By account, the managed policies (6,144 bytes each) that whoever verifies these nodes needs.

    No message and no payload of the nodes can be read with it. A node that may not publish or subscribe is verified to
    be denied it by the topic, so the verifier itself must be allowed to try.
    """
    accounts: dict[str, Needed] = defaultdict(lambda: Needed(read_only=False))
    for node in nodes:
        _node(accounts[node.account], node)
    for account, roles in (assumed_roles or {}).items():
        accounts[account].on("OtherAccounts", ("sts:AssumeRole",), (), *roles)
    for needed in accounts.values():
        needed.on("Anywhere", ANYWHERE, (), "*")
    return {account: packed(needed.statements()) for account, needed in accounts.items()}


def _node(needed: Needed, node: NodeResources) -> None:
    needed.on("Topic", TOPIC, (), node.topic_arn)
    needed.on("ProbeQueues", PROBE_QUEUE, (), queue_arn(node.region, node.account, probe_queues(node.federation)))
    if node.queue_arn is not None and node.dead_letter_queue_arn is not None:
        needed.on("Queues", QUEUE, (), node.queue_arn, node.dead_letter_queue_arn)
    needed.on("Parameters", ("ssm:GetParameter",), (), node.parameter_arn)
    folder = f"{node.bucket_arn}/{node.prefix}/" if node.prefix else f"{node.bucket_arn}/"
    needed.on("ProbeObjects", PROBE_OBJECT, (), f"{folder}{PROBE_PREFIX}*")
    needed.on("Buckets", ("s3:ListBucketVersions",), (), node.bucket_arn)
    if node.reader_role_arn is not None:
        needed.on("Readers", ("sts:AssumeRole",), (), node.reader_role_arn)
    if node.kms_key_arn is not None:
        through = {"StringEquals": {"kms:ViaService": [via(s, node.region) for s in ("s3", "sqs", "ssm")]}}
        sid = f"Key{node.region.replace('-', '')}"
        needed.on(sid, ("kms:Decrypt", "kms:GenerateDataKey"), (), node.kms_key_arn, condition=through)
    topic = Arn.parse(node.topic_arn)
    needed.on(
        "TopicKey",
        ("kms:Decrypt", "kms:GenerateDataKey"),
        (),
        f"arn:{topic.partition}:kms:{topic.region}:{topic.account}:key/*",
        condition={
            "StringEquals": {
                "kms:ViaService": via("sns", topic.region),
                "kms:EncryptionContext:aws:sns:topicArn": node.topic_arn,
            }
        },
    )
