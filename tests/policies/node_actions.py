"""What a node's policies are asked: actions of its own, of others, and whether a document gives one."""

from __future__ import annotations

from fedml_infra.policies.document import Document
from fedml_infra.policies.evaluation import Caller, Request, evaluate
from tests.policies.examples import (
    BOTH,
    HUB,
)

TOPIC = f"arn:aws:sns:us-east-1:{HUB}:cardio"
ROLE = f"arn:aws:iam::{BOTH}:role/trainer"
KEY = f"arn:aws:kms:us-east-1:{BOTH}:key/mrk-1234abcd12ab34cd56ef1234567890ab"
QUEUE_ACTIONS = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
}
OBJECT_ACTIONS = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}
OTHERS = {
    "sns:Subscribe",
    "sns:SetTopicAttributes",
    "sqs:SendMessage",
    "sqs:PurgeQueue",
    "sqs:SetQueueAttributes",
    "s3:PutObjectAcl",
    "s3:GetObjectVersion",
    "s3:DeleteObjectVersion",
    "s3:PutBucketPolicy",
    "ssm:PutParameter",
    "ssm:GetParameterHistory",
    "iam:PutRolePolicy",
    "iam:PassRole",
    "sts:AssumeRoleWithWebIdentity",
}


def allows(policy: Document, action: str, resource: str, owner: str = BOTH, **keys: str) -> bool:
    """Whether the identity policy by itself gives the action, as within one account."""
    context = tuple((name.replace("__", ":"), value) for name, value in keys.items())
    caller = Caller(owner, f"arn:aws:iam::{owner}:role/trainer")
    request = Request(caller, action, resource, owner, (("aws:ResourceAccount", owner), *context))
    # A role's trust or a key's policy must allow as well: here both leave it to the account.
    delegating = {"Effect": "Allow", "Principal": {"AWS": owner}, "Action": ["sts:*", "kms:*"], "Resource": "*"}
    theirs = {"Version": "2012-10-17", "Statement": [delegating]}
    return bool(evaluate(request, resource_policy=theirs, identity_policies=[policy]))
