"""What a previewed stack comes to, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fedml_infra.engine.events import short_type
from fedml_infra.operations.rotate import told_of_cut_off

OPERATIONS = {"create": "made", "update": "changed", "replace": "replaced", "delete": "deleted"}
ORDER = ("delete", "replace", "update", "create")
NAMES = {
    "aws:sns:Topic": "topic",
    "aws:sns:TopicPolicy": "topic policy",
    "aws:sns:TopicSubscription": "subscription",
    "aws:sqs:Queue": "queue",
    "aws:sqs:QueuePolicy": "queue policy",
    "aws:sqs:RedriveAllowPolicy": "dead-letter rule",
    "aws:s3:Bucket": "bucket",
    "aws:s3:BucketPolicy": "bucket policy",
    "aws:s3:BucketPublicAccessBlock": "bucket's block of public access",
    "aws:s3:BucketOwnershipControls": "bucket's ownership",
    "aws:s3:BucketServerSideEncryptionConfiguration": "bucket's encryption",
    "aws:s3:BucketLifecycleConfiguration": "bucket's expiry",
    "aws:iam:Role": "role",
    "aws:iam:RolePolicy": "role's policy",
    "aws:iam:Policy": "policy",
    "aws:iam:RolePolicyAttachment": "policy's attachment",
    "aws:ssm:Parameter": "secret of the node's process",
}
"""What people call a resource, by its short type."""


def kind(token: str) -> str:
    """`aws:sns/topicPolicy:TopicPolicy` as `topic policy`."""
    return NAMES.get(short_type(token), short_type(token))


def rotation(row: Mapping[str, Any]) -> list[str]:
    """Whether the key will be rotated, why, and whom that shuts out."""
    if row.get("rotates_to") is None:
        return []
    gone = ", ".join(map(str, row.get("because_of") or ()))
    told = [f"The federation's key will be rotated to epoch {row['rotates_to']}, as {gone} has it."]
    cut_off = tuple(map(str, row.get("cut_off") or ()))
    return [*told, told_of_cut_off(cut_off)] if cut_off else told


def in_aws(changes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without components and providers, which say nothing more to a person; what is deleted first."""
    order = {op: place for place, op in enumerate(ORDER)}
    found = [change for change in changes if str(change.get("type")).startswith("aws:")]
    return sorted(found, key=lambda change: order.get(str(change.get("op")), len(order)))


def operation(change: Mapping[str, Any]) -> str:
    """`made`, `changed`, `replaced`, `deleted`."""
    op = str(change.get("op"))
    return OPERATIONS.get(op, op)


def properties(change: Mapping[str, Any]) -> list[str]:
    """The properties that change."""
    if change.get("op") not in ("update", "replace"):
        return []
    return [str(part.get("path")) for part in change.get("properties") or ()]


def resources(changes: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each resource: `topic policy cardio: changed (policy)`."""
    lines = []
    for change in in_aws(changes):
        parts = ", ".join(properties(change))
        inside = f" ({parts})" if parts else ""
        lines.append(f"{kind(str(change.get('type')))} {change.get('name')}: {operation(change)}{inside}")
    return lines
