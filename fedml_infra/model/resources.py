"""Every name and ARN that follows from a configuration and the accounts, before anything exists.

They are derived and not awaited, so that the preview of a stack that does not exist yet shows every policy in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fedml_infra.model import names
from fedml_infra.model.arns import (
    Arn,
    bucket_arn,
    parameter_arn,
    policy_arn,
    queue_arn,
    role_arn,
    topic_arn,
)
from fedml_infra.model.bucket import BucketLocation
from fedml_infra.model.fields import Sharing
from fedml_infra.model.regions import is_opt_in, partition_of
from fedml_infra.model.rights import BOTH, Right, Rights
from fedml_infra.model.stack import Node, StackConfig

Grants = Mapping[str, Rights]
"""What each account may do on the topic, by account id."""


@dataclass(frozen=True)
class HubResources:
    """The administrator's side of one federation."""

    federation: str
    account: str
    region: str
    partition: str
    topic_name: str
    topic_arn: str
    roster_bucket: str
    roster_bucket_arn: str

    @classmethod
    def of(cls, federation: str, *, account: str, region: str, roster_bucket: str | None = None) -> HubResources:
        """A hub of these names; the roster bucket's is derived where none is given. MistakeError for no region."""
        partition = partition_of(region)
        bucket = roster_bucket or names.roster_bucket_name(federation, account, region)
        return cls(
            federation=federation,
            account=account,
            region=region,
            partition=partition,
            topic_name=federation,
            topic_arn=topic_arn(region, account, federation),
            roster_bucket=bucket,
            roster_bucket_arn=bucket_arn(partition, bucket),
        )


@dataclass(frozen=True)
class NodeResources:
    """One node's side. What a node does not have is None: a publish-only node has no queue."""

    federation: str
    pid: str
    account: str
    region: str
    partition: str
    rights: Rights
    topic_arn: str
    queue_name: str | None
    queue_arn: str | None
    dead_letter_queue_name: str | None
    dead_letter_queue_arn: str | None
    bucket: str
    prefix: str
    bucket_arn: str
    objects_arn: str
    adopt_bucket: bool
    reader_role_name: str | None
    reader_role_arn: str | None
    node_policy_name: str
    node_policy_arn: str
    parameter_name: str
    parameter_arn: str
    node_role: str | None
    kms_key_arn: str | None
    service_principal: str

    @classmethod
    def of(
        cls,
        federation: str,
        pid: str,
        *,
        account: str,
        region: str,
        topic_arn: str,
        bucket: BucketLocation,
        rights: Rights = BOTH,
        adopt_bucket: bool = False,
        sharing: Sharing = Sharing.STS,
        node_role: str | None = None,
        kms_key_arn: str | None = None,
        iam_path: str = "/",
    ) -> NodeResources:
        """A node of these names on the topic of that ARN; `kms_key_arn` is of a key in `region`.

        MistakeError where the region is none, or the topic's ARN is none.
        """
        partition = partition_of(region)
        queue = dead_letters = role = None
        if Right.RECEIVE in rights:
            queue, dead_letters = names.queue_name(federation, pid), names.dead_letter_queue_name(federation, pid)
        if sharing is Sharing.STS:
            role = names.reader_role_name(federation, pid)
        policy, parameter = names.node_policy_name(federation, pid), names.parameter_name(federation, pid)
        return cls(
            federation=federation,
            pid=pid,
            account=account,
            region=region,
            partition=partition,
            rights=rights,
            topic_arn=topic_arn,
            queue_name=queue,
            queue_arn=queue and queue_arn(region, account, queue),
            dead_letter_queue_name=dead_letters,
            dead_letter_queue_arn=dead_letters and queue_arn(region, account, dead_letters),
            bucket=bucket.bucket,
            prefix=bucket.prefix,
            bucket_arn=bucket_arn(partition, bucket.bucket),
            objects_arn=bucket_arn(partition, bucket.objects),
            adopt_bucket=adopt_bucket,
            reader_role_name=role,
            reader_role_arn=role and role_arn(partition, account, role, iam_path),
            node_policy_name=policy,
            node_policy_arn=policy_arn(partition, account, policy, iam_path),
            parameter_name=parameter,
            parameter_arn=parameter_arn(region, account, parameter),
            node_role=node_role,
            kms_key_arn=kms_key_arn,
            service_principal=sns_principal(Arn.parse(topic_arn).region, region),
        )


def hub_resources(config: StackConfig, account: str) -> HubResources:
    """The hub that an administrator's stack declares in `account`. ValueError for a joiner's stack."""
    if not config.is_hub:
        raise ValueError(f"the stack of {config.fed_name} joins a federation and declares no hub")
    return HubResources.of(config.fed_name, account=account, region=config.region, roster_bucket=config.roster_bucket)


def node_resources(config: StackConfig, node: Node, *, account: str, topic_arn: str) -> NodeResources:
    """What one own node has in `account`, on the topic of that ARN."""
    region = config.node_region(node)
    return NodeResources.of(
        config.fed_name,
        node.pid,
        account=account,
        region=region,
        topic_arn=topic_arn,
        bucket=node.s3_bucket,
        rights=config.node_rights(node),
        adopt_bucket=node.adopt_bucket,
        sharing=config.sharing,
        node_role=node.node_role,
        kms_key_arn=config.kms_key_in(region),
        iam_path=config.iam_path,
    )


def sns_principal(topic_region: str, queue_region: str) -> str:
    """The service principal under which SNS delivers from a topic's region to a queue's.

    Amazon SNS, "Sending messages to a queue or function in a different Region": where one of two different regions
    is opt-in, the principal is that region's, `sns.<region>.amazonaws.com`; otherwise `sns.amazonaws.com`. From one
    opt-in region to another SNS does not deliver, and validation refuses it.
    """
    if topic_region != queue_region:
        for region in (queue_region, topic_region):
            if is_opt_in(region):
                return f"sns.{region}.amazonaws.com"
    return "sns.amazonaws.com"


def grants(config: StackConfig, *, node_accounts: Mapping[str, str]) -> dict[str, Rights]:
    """What each account may do on the hub's topic: the members, and the accounts of the administrator's own nodes.

    `node_accounts`: account id by pid, for each own node. An account that is both has the rights of both. Sorted by
    account id; empty for a joiner's stack, which grants nothing.
    """
    if not config.is_hub:
        return {}
    merged: dict[str, Rights] = {}
    for member in config.members:
        merged[member.aws_id] = merged.get(member.aws_id, frozenset()) | config.member_rights(member)
    for node in config.nodes:
        account = node_accounts[node.pid]
        merged[account] = merged.get(account, frozenset()) | config.node_rights(node)
    return dict(sorted(merged.items()))
