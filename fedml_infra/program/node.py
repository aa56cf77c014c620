"""A node: its queue and subscription, its bucket, its roles and its secret."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from fedml_infra.model.arns import Arn
from fedml_infra.model.resources import NodeResources
from fedml_infra.model.schedule import Schedule
from fedml_infra.policies.bucket import bucket_policy
from fedml_infra.policies.document import Document, Kind, render
from fedml_infra.policies.limits import check_size
from fedml_infra.policies.node import node_policy, reader_role_policy, reader_role_trust
from fedml_infra.policies.queue import filter_policy, queue_policy, redrive_allow_policy, redrive_policy
from fedml_infra.program.hardened_bucket import BucketSpec, hardened_bucket

DEAD_LETTER_RETENTION_SECONDS = 14 * 24 * 3600
"""SQS's longest: a dead letter outlives the queue it came from."""

LONG_POLL_SECONDS = 20
"""SQS's longest wait: an idle node costs three receives a minute."""


@dataclass(frozen=True)
class NodeArgs:
    """What a node needs to know.

    `secret` is the text of the node's secret parameter (JSON; a Pulumi secret). `retention` is how long the queue
    and the bucket's prefix keep a message and its payload. `readers` are accounts named in the bucket's policy,
    for `sharing: bucket_policy` only. `message_filter` is "sender" or "none".
    """

    resources: NodeResources
    secret: pulumi.Input[str] = field(repr=False)
    retention: Schedule
    message_filter: str = "sender"
    readers: tuple[str, ...] = ()
    iam_path: str = "/"
    permissions_boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class Node(pulumi.ComponentResource):
    """Queue, dead-letter queue, subscription, bucket, policies, reader role and secret parameter of one node.

    `outputs` is the node's entry of the stack's `nodes` output: account, region, queue URL and ARN, dead-letter
    queue URL, bucket, prefix, reader role ARN, node policy ARN, secret parameter ARN, subscription ARN; those of
    a publish-only node that concern a queue are None.

    `subscribe_after` are resources that must be in place before the queue subscribes (the hub's topic policy).
    """

    outputs: pulumi.Output[dict[str, str | None]]

    def __init__(
        self,
        name: str,
        args: NodeArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        subscribe_after: Sequence[pulumi.Resource] = (),
    ) -> None:
        super().__init__("fedml:index:Node", name, {}, opts)
        self._args = args
        self._node = args.resources
        self._name = name
        queue, dead_letters, subscription = self._messages(subscribe_after)
        bucket = self._bucket()
        reader = self._reader_role()
        policy = self._node_policy()
        parameter = self._parameter()
        node = self._node
        self.outputs = pulumi.Output.all(
            queue_url=queue.url if queue else None,
            dead_letter_queue_url=dead_letters.url if dead_letters else None,
            subscription_arn=subscription.arn if subscription else None,
            bucket=bucket.bucket if bucket else node.bucket,
            reader_role_arn=reader.arn if reader else None,
            node_policy_arn=policy.arn,
            secret_parameter_arn=parameter.arn,
        ).apply(
            lambda made: {
                **made,
                "account": node.account,
                "region": node.region,
                "queue_arn": node.queue_arn,
                "prefix": node.prefix,
            }
        )
        self.register_outputs({"node": self.outputs})

    def _options(self, *depends_on: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(depends_on))

    def _messages(
        self, subscribe_after: Sequence[pulumi.Resource]
    ) -> tuple[aws.sqs.Queue | None, aws.sqs.Queue | None, aws.sns.TopicSubscription | None]:
        """The queue with its dead-letter queue, policies and subscription; nothing for a publish-only node."""
        node, args = self._node, self._args
        if node.queue_name is None or node.queue_arn is None or node.dead_letter_queue_name is None:
            return None, None, None
        # SSE-SQS costs nothing and is AWS's default; stated, so that drift shows where it was turned off.
        encryption: dict[str, str | bool] = (
            {"kms_master_key_id": node.kms_key_arn} if node.kms_key_arn else {"sqs_managed_sse_enabled": True}
        )
        dead_letters = aws.sqs.Queue(
            node.dead_letter_queue_name,
            name=node.dead_letter_queue_name,
            region=node.region,
            message_retention_seconds=DEAD_LETTER_RETENTION_SECONDS,
            tags=dict(args.tags),
            opts=self._options(),
            **encryption,
        )
        queue = aws.sqs.Queue(
            node.queue_name,
            name=node.queue_name,
            region=node.region,
            message_retention_seconds=args.retention.seconds,
            receive_wait_time_seconds=LONG_POLL_SECONDS,
            redrive_policy=render(redrive_policy(node)),
            tags=dict(args.tags),
            opts=self._options(dead_letters),
            **encryption,
        )
        aws.sqs.RedriveAllowPolicy(
            node.dead_letter_queue_name,
            queue_url=dead_letters.url,
            region=node.region,
            redrive_allow_policy=render(redrive_allow_policy(node)),
            opts=self._options(queue),
        )
        allowed = aws.sqs.QueuePolicy(
            node.queue_name,
            queue_url=queue.url,
            region=node.region,
            policy=self._checked(Kind.QUEUE, queue_policy(node)),
            opts=self._options(),
        )
        chosen = filter_policy(node.pid, args.message_filter)
        # The queue's owner subscribes, in the topic's region: the only form that SNS confirms by itself
        # across accounts (https://docs.aws.amazon.com/sns/latest/dg/sns-send-message-to-sqs-cross-account.html).
        subscription = aws.sns.TopicSubscription(
            node.queue_name,
            topic=node.topic_arn,
            protocol="sqs",
            endpoint=node.queue_arn,
            region=Arn.parse(node.topic_arn).region,
            raw_message_delivery=True,
            filter_policy=render(chosen) if chosen else None,
            opts=self._options(allowed, *subscribe_after),
        )
        return queue, dead_letters, subscription

    def _bucket(self) -> aws.s3.Bucket | None:
        """The node's bucket; nothing where one is adopted, which is never written to."""
        node, args = self._node, self._args
        if node.adopt_bucket:
            return None
        document = bucket_policy(node, args.readers)
        check_size(Kind.BUCKET, document)
        return hardened_bucket(
            self._name,
            BucketSpec(
                bucket=node.bucket,
                account=node.account,
                region=node.region,
                policy=document,
                tags=args.tags,
                prefix=node.prefix,
                expire_after_days=args.retention.days,
                kms_key_arn=node.kms_key_arn,
            ),
            parent=self,
            provider=None,
        )

    def _reader_role(self) -> aws.iam.Role | None:
        """The role that the node assumes, one object at a time, to let others read a payload."""
        node, args = self._node, self._args
        if node.reader_role_name is None:
            return None
        role = aws.iam.Role(
            node.reader_role_name,
            name=node.reader_role_name,
            path=args.iam_path,
            description=f"Reads payloads of node {node.pid} of federation {node.federation}, one at a time",
            assume_role_policy=self._checked(Kind.TRUST, reader_role_trust(node)),
            permissions_boundary=args.permissions_boundary,
            tags=dict(args.tags),
            opts=self._options(),
        )
        aws.iam.RolePolicy(
            node.reader_role_name,
            name="read-payloads",
            role=role.name,
            policy=self._checked(Kind.ROLE, reader_role_policy(node)),
            opts=self._options(),
        )
        return role

    def _node_policy(self) -> aws.iam.Policy:
        """What the node's own process may do, attached to `node_role` where one is named."""
        node, args = self._node, self._args
        policy = aws.iam.Policy(
            node.node_policy_name,
            name=node.node_policy_name,
            path=args.iam_path,
            description=f"What the process of node {node.pid} of federation {node.federation} may do",
            policy=self._checked(Kind.NODE, node_policy(node)),
            tags=dict(args.tags),
            opts=self._options(),
        )
        if node.node_role is not None:
            aws.iam.RolePolicyAttachment(
                node.node_policy_name,
                role=node.node_role,
                policy_arn=policy.arn,
                opts=self._options(),
            )
        return policy

    def _parameter(self) -> aws.ssm.Parameter:
        """The federation's key, where the node's process finds it."""
        node, args = self._node, self._args
        return aws.ssm.Parameter(
            node.parameter_name,
            name=node.parameter_name,
            region=node.region,
            type="SecureString",
            key_id=node.kms_key_arn,
            value=pulumi.Output.secret(args.secret),
            description=f"Keys of federation {node.federation} for node {node.pid}",
            tags=dict(args.tags),
            opts=self._options(),
        )

    @staticmethod
    def _checked(kind: Kind, document: Document) -> str:
        check_size(kind, document)
        return render(document)


def node_secret(epoch: int, key: str, old_keys: Mapping[int, str]) -> str:
    """The text of a node's secret parameter: the current epoch, and the keys by epoch (base64 of 16 bytes each)."""
    return json.dumps({"epoch": epoch, "keys": {str(n): k for n, k in sorted({**old_keys, epoch: key}.items())}})
