"""What a node's own process may do, and the reader role through which others read its payloads."""

from __future__ import annotations

import re

from fedml_infra.errors import PolicyError
from fedml_infra.model.arns import Arn, role_arn, root_arn
from fedml_infra.model.resources import NodeResources
from fedml_infra.model.rights import Right
from fedml_infra.policies.document import Document, Kind, Statement, allow, document
from fedml_infra.policies.keys import node_services, via
from fedml_infra.policies.limits import check_size

QUEUE_ACTIONS = (
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
)
OBJECT_ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
"""All parts of a multipart upload but its abortion are `s3:PutObject` (Amazon S3, "Multipart upload API and
permissions")."""

# What a policy's Resource would read as a pattern or a variable (IAM, "IAM policy elements: Variables and tags").
_PATTERN = re.compile(r"[*?$]")


def node_policy(node: NodeResources) -> Document:
    """The identity policy of the node's process: what its rights need, on its own things, and nothing else.

    `aws:ResourceAccount` keeps payloads out of a bucket of the same name that somebody else made after ours was
    deleted (IAM, "AWS global condition context keys").
    """
    return document(*_topic(node), *_queue(node), *_bucket(node), *_sharing(node), _parameter(node), *_keys(node))


def reader_role_trust(node: NodeResources) -> Document:
    """Who may assume the reader role: this account alone, and of it the node's role alone where that is known.

    A root ARN as principal leaves it to the account's identity policies who in it may (IAM, "AWS JSON policy
    elements: Principal"). The node's role is held by a condition, not named as principal: a named role must exist,
    and turns into a dead id when it is deleted. No service and no other account is trusted, so that there is no
    deputy to confuse and no need of an external id. PolicyError where there is no reader role.
    """
    _reader_role(node)
    trust = {
        "Sid": "AllowNode",
        "Effect": "Allow",
        "Principal": {"AWS": root_arn(node.partition, node.account)},
        "Action": ["sts:AssumeRole"],
    }
    if node.node_role is not None:
        trust["Condition"] = {"ArnLike": {"aws:PrincipalArn": node_role_patterns(node)}}
    return document(trust)


def reader_role_policy(node: NodeResources) -> Document:
    """What the reader role may do: GetObject of this node's payloads over TLS. PolicyError where there is no role.

    TLS is asked for here too, as an adopted bucket's policy is not ours and may not ask.
    """
    _reader_role(node)
    return document(*_read(node, node.objects_arn))


def reader_session_policy(node: NodeResources, key: str) -> Document:
    """The session policy with which the reader role is assumed for a single object; at most 2,048 characters.

    `key` is the whole object key, prefix included. A session has what role and session policy both allow (IAM,
    "Session policies"). PolicyError where the key is not under the node's prefix, holds `*`, `?` or `$` (a pattern
    that would open more than one object), or makes the document too long.
    """
    _reader_role(node)
    if _PATTERN.search(key):
        raise PolicyError(f"Object key {key!r} holds *, ? or $, which a policy reads as a pattern", fix="Use others")
    if not key or not key.startswith(f"{node.prefix}/" if node.prefix else ""):
        raise PolicyError(
            f"Object key {key!r} is not under the prefix {node.prefix!r} of node {node.pid}",
            fix=f"Keys of this node begin with {node.prefix}/" if node.prefix else "Give a key",
        )
    made = document(*_read(node, f"{node.bucket_arn}/{key}"))
    check_size(Kind.SESSION, made)
    return made


def node_role_patterns(node: NodeResources) -> list[str]:
    """The ARNs that the node's role may have: its name is known and its path is not. Empty where there is no role."""
    if node.node_role is None:
        return []
    return [role_arn(node.partition, node.account, node.node_role, path) for path in ("/", "/*/")]


def _topic(node: NodeResources) -> list[Statement]:
    if Right.PUBLISH not in node.rights:
        return []
    topic = Arn.parse(node.topic_arn)
    return [
        allow("Publish", ["sns:Publish"], node.topic_arn),
        # The topic may be encrypted under a key of the hub's account, whose ARN a joiner does not know; SNS uses the
        # publisher's rights on it (Amazon SNS, "Managing Amazon SNS encryption keys and costs").
        allow(
            "PublishUnderTopicKey",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            f"arn:{topic.partition}:kms:{topic.region}:{topic.account}:key/*",
            condition={
                "StringEquals": {
                    "kms:ViaService": via("sns", topic.region),
                    "kms:EncryptionContext:aws:sns:topicArn": node.topic_arn,
                }
            },
        ),
    ]


def _queue(node: NodeResources) -> list[Statement]:
    return [allow("Receive", QUEUE_ACTIONS, node.queue_arn)] if node.queue_arn is not None else []


def _bucket(node: NodeResources) -> list[Statement]:
    own = {"StringEquals": {"aws:ResourceAccount": node.account}}
    listing = {**own, "StringLike": {"s3:prefix": f"{node.prefix}/*"}} if node.prefix else own
    return [
        allow("Payloads", OBJECT_ACTIONS, node.objects_arn, condition=own),
        allow("ListPayloads", ["s3:ListBucket"], node.bucket_arn, condition=listing),
    ]


def _sharing(node: NodeResources) -> list[Statement]:
    """A publisher assumes its reader role; without roles a receiver reads the buckets that let its account in."""
    if node.reader_role_arn is not None:
        if Right.PUBLISH not in node.rights:
            return []
        return [allow("ShareOneObject", ["sts:AssumeRole"], node.reader_role_arn)]
    if Right.RECEIVE not in node.rights:
        return []
    # Across accounts both sides must allow (IAM, "Cross-account policy evaluation logic"); whose buckets they are
    # is not known here, so everyone's but this account's own.
    others = {"StringNotEquals": {"aws:ResourceAccount": node.account}}
    return [allow("ReadPayloads", ["s3:GetObject"], f"arn:{node.partition}:s3:::*/*", condition=others)]


def _parameter(node: NodeResources) -> Statement:
    return allow("FederationKey", ["ssm:GetParameter"], node.parameter_arn)


def _keys(node: NodeResources) -> list[Statement]:
    if node.kms_key_arn is None:
        return []
    return [
        allow(
            "OwnKey",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            node.kms_key_arn,
            condition={"StringEquals": {"kms:ViaService": node_services(node)}},
        )
    ]


def _read(node: NodeResources, objects: str) -> list[Statement]:
    statements = [allow("Read", ["s3:GetObject"], objects, condition={"Bool": {"aws:SecureTransport": "true"}})]
    if node.kms_key_arn is not None:
        through_s3 = {"StringEquals": {"kms:ViaService": via("s3", node.region)}}
        statements.append(allow("Decrypt", ["kms:Decrypt"], node.kms_key_arn, condition=through_s3))
    return statements


def _reader_role(node: NodeResources) -> str:
    if node.reader_role_arn is None:
        raise PolicyError(
            f"Node {node.pid} has no reader role: it shares by bucket policy", fix="Ask only under sharing: sts"
        )
    return node.reader_role_arn
