"""The least rights of whoever runs the stack: what the official aws provider 7 calls for our resources.

Actions and which of them know resources: Service Authorization Reference. Which calls a resource makes: the
Terraform aws provider that pulumi-aws 7 wraps (`internal/service/{sns,sqs,s3,iam,ssm}`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fedml_infra.model.arns import policy_in
from fedml_infra.model.resources import HubResources, NodeResources
from fedml_infra.policies.bucket import ROSTER_KEY
from fedml_infra.policies.document import Document, Kind, Statement, allow, document
from fedml_infra.policies.keys import via
from fedml_infra.policies.limits import LIMITS, size
from fedml_infra.policies.node import node_role_patterns

TOPIC_READ = ("sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource")
TOPIC_WRITE = ("sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:TagResource", "sns:UntagResource")
SUBSCRIPTION_READ = ("sns:GetSubscriptionAttributes",)
SUBSCRIPTION_WRITE = ("sns:SetSubscriptionAttributes", "sns:Unsubscribe")
"""These know no resource: SNS has no resource type for a subscription."""
QUEUE_READ = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags")
QUEUE_WRITE = ("sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue")
BUCKET_READ = (
    "s3:GetAccelerateConfiguration",
    "s3:GetBucketAcl",
    "s3:GetBucketCORS",
    "s3:GetBucketLocation",
    "s3:GetBucketLogging",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketRequestPayment",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetBucketWebsite",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
    "s3:ListTagsForResource",
)
"""`aws_s3_bucket` reads every setting of a bucket, its own or not, and fails on the first that is denied."""
BUCKET_WRITE = (
    "s3:CreateBucket",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:ListBucketVersions",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:TagResource",
    "s3:UntagResource",
)
EMPTY_BUCKET = ("s3:DeleteObject", "s3:DeleteObjectVersion")
"""A destroyed bucket is emptied where that was asked for."""
ROSTER_READ = ("s3:GetObject", "s3:GetObjectTagging")
ROSTER_WRITE = ("s3:PutObject", "s3:PutObjectTagging")
ROLE_READ = ("iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies")
ROLE_WRITE = (
    "iam:DeleteRole",
    "iam:DeleteRolePolicy",
    "iam:ListInstanceProfilesForRole",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "iam:UpdateRoleDescription",
)
ROLE_BOUNDED = ("iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy")
"""These can be made to depend on the boundary that the role has or gets (`iam:PermissionsBoundary`)."""
POLICY_READ = ("iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListPolicyVersions")
POLICY_WRITE = (
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:TagPolicy",
    "iam:UntagPolicy",
)
ATTACHMENT_READ = ("iam:GetRole", "iam:ListAttachedRolePolicies")
ATTACHMENT_WRITE = ("iam:AttachRolePolicy", "iam:DetachRolePolicy")
PARAMETER_READ = ("ssm:GetParameter", "ssm:GetParameters", "ssm:ListTagsForResource")
PARAMETER_WRITE = (
    "ssm:AddTagsToResource",
    "ssm:DeleteParameter",
    "ssm:PutParameter",
    "ssm:RemoveTagsFromResource",
)
ANYWHERE_READ = ("ssm:DescribeParameters", "sts:GetCallerIdentity")
"""These know no resource."""


@dataclass
class Needed:
    """Actions wanted in one account, by Sid, with the resources gathered."""

    read_only: bool
    wanted: dict[str, tuple[tuple[str, ...], Mapping[str, Any] | None]] = field(default_factory=dict)
    resources: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def on(
        self,
        sid: str,
        read: Sequence[str],
        write: Sequence[str],
        *resources: str,
        condition: Mapping[str, Any] | None = None,
    ) -> None:
        actions = tuple(sorted(read)) if self.read_only else tuple(sorted({*read, *write}))
        if actions and resources:
            self.wanted[sid] = (actions, condition)
            self.resources[sid] += [arn for arn in resources if arn not in self.resources[sid]]

    def statements(self) -> list[Statement]:
        return [
            allow(sid, actions, self.resources[sid], condition=condition)
            for sid, (actions, condition) in self.wanted.items()
        ]


def operator_policy(
    hub: HubResources | None,
    nodes: Iterable[NodeResources],
    *,
    read_only: bool = False,
    permissions_boundary: str | None = None,
    assumed_roles: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, tuple[Document, ...]]:
    """By account, the managed policies (6,144 bytes each) that whoever runs the stack there needs.

    Every resource is named, as its name follows from the federation's; `*` only where an action knows no resource.
    `read_only` is what a preview and a refresh need; the provider's refresh of the secret parameter reads its value.
    Without a `permissions_boundary`, whoever may write the reader role's policy may give that role anything: IAM
    has no narrower right. `assumed_roles`: by account, the ARNs of roles that its credentials assume to reach others.
    """
    accounts: dict[str, Needed] = defaultdict(lambda: Needed(read_only))
    if hub is not None:
        _hub(accounts[hub.account], hub)
    for node in nodes:
        boundary = permissions_boundary and policy_in(permissions_boundary, node.account)
        _node(accounts[node.account], node, boundary)
    for account, roles in (assumed_roles or {}).items():
        accounts[account].on("OtherAccounts", ("sts:AssumeRole",), (), *roles)
    for rights in accounts.values():
        rights.on("Anywhere", ANYWHERE_READ, (), "*")
    return {account: packed(rights.statements()) for account, rights in accounts.items()}


def _hub(rights: Needed, hub: HubResources) -> None:
    rights.on("Topic", TOPIC_READ, TOPIC_WRITE, hub.topic_arn)
    rights.on("Subscriptions", SUBSCRIPTION_READ, SUBSCRIPTION_WRITE, "*")
    _made_bucket(rights, hub.roster_bucket_arn)
    rights.on("Roster", ROSTER_READ, ROSTER_WRITE, f"{hub.roster_bucket_arn}/{ROSTER_KEY}")


def _node(rights: Needed, node: NodeResources, boundary: str | None) -> None:
    if node.queue_arn is not None and node.dead_letter_queue_arn is not None:
        rights.on("Queues", QUEUE_READ, QUEUE_WRITE, node.queue_arn, node.dead_letter_queue_arn)
        rights.on("Subscribe", (), ("sns:Subscribe",), node.topic_arn)
        rights.on("Subscriptions", SUBSCRIPTION_READ, SUBSCRIPTION_WRITE, "*")
    if node.adopt_bucket:
        rights.on("AdoptedBuckets", BUCKET_READ, (), node.bucket_arn)
    else:
        _made_bucket(rights, node.bucket_arn)
    if node.reader_role_arn is not None:
        _role(rights, node.reader_role_arn, boundary)
    rights.on("Policies", POLICY_READ, POLICY_WRITE, node.node_policy_arn)
    if node.node_role is not None:
        _attachment(rights, node)
    rights.on("Parameters", PARAMETER_READ, PARAMETER_WRITE, node.parameter_arn)
    if node.kms_key_arn is not None:
        through = {"StringEquals": {"kms:ViaService": [via(s, node.region) for s in ("s3", "ssm")]}}
        writing = ("kms:Encrypt", "kms:GenerateDataKey")
        rights.on(f"Key{node.region.replace('-', '')}", ("kms:Decrypt",), writing, node.kms_key_arn, condition=through)


def _made_bucket(rights: Needed, bucket: str) -> None:
    rights.on("Buckets", BUCKET_READ, BUCKET_WRITE, bucket)
    rights.on("EmptyBuckets", (), EMPTY_BUCKET, f"{bucket}/*")


def _role(rights: Needed, role: str, boundary: str | None) -> None:
    rights.on("Roles", ROLE_READ, ROLE_WRITE, role)
    within = {"StringEquals": {"iam:PermissionsBoundary": boundary}} if boundary is not None else None
    rights.on("RolesWithinBoundary", (), ROLE_BOUNDED, role, condition=within)


def _attachment(rights: Needed, node: NodeResources) -> None:
    """Only this node's policy may be attached to its role: one statement a node."""
    roles = node_role_patterns(node)
    rights.on("NodeRoles", ATTACHMENT_READ, (), *roles)
    only = {"ArnEquals": {"iam:PolicyARN": node.node_policy_arn}}
    # Numbered, as a Sid takes no more than letters and digits and a pid may have others.
    number = 1 + sum(sid.startswith("Attach") for sid in rights.wanted)
    rights.on(f"Attach{number}", (), ATTACHMENT_WRITE, *roles, condition=only)


def packed(statements: list[Statement]) -> tuple[Document, ...]:
    """As few documents as first-fit gives, each within a managed policy's limit; resources are split."""
    groups: list[list[Statement]] = []
    for statement in (part for whole in statements for part in _split(whole)):
        for group in groups:
            if _fits([*group, statement]):
                group.append(statement)
                break
        else:
            groups.append([statement])
    return tuple(document(*group) for group in groups)


def _split(statement: Statement) -> list[Statement]:
    resources = statement["Resource"]
    if _fits([statement]) or len(resources) == 1:
        return [statement]
    half = len(resources) // 2
    return [
        part
        for mark, some in (("A", resources[:half]), ("B", resources[half:]))
        for part in _split({**statement, "Sid": statement["Sid"] + mark, "Resource": some})
    ]


def _fits(statements: list[Statement]) -> bool:
    return size(document(*statements)) <= LIMITS[Kind.OPERATOR].bytes
