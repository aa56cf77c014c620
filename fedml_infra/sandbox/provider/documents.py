"""Policy documents as AWS would judge them when they are put: local AWSs take anything.

Sources: IAM's "Grammar of the IAM JSON policy language", "IAM and AWS STS quotas", SNS's "Example cases for Amazon SNS
access control", SQS's "Quotas related to policies", S3's "Policies and permissions in Amazon S3".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fedml_infra.sandbox.provider.refusals import AwsError

Refuse = Callable[[str], AwsError]

SNS_ACTIONS = frozenset(
    action.lower()
    for action in (
        "AddPermission",
        "DeleteTopic",
        "GetDataProtectionPolicy",
        "GetTopicAttributes",
        "ListSubscriptionsByTopic",
        "ListTagsForResource",
        "Publish",
        "PutDataProtectionPolicy",
        "RemovePermission",
        "SetTopicAttributes",
        "Subscribe",
        # Only in AWS's own default policy, which keeps it from before.
        "Receive",
    )
)

CONDITIONS = frozenset(
    {
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericLessThanEquals",
        "NumericGreaterThan",
        "NumericGreaterThanEquals",
        "DateEquals",
        "DateNotEquals",
        "DateLessThan",
        "DateLessThanEquals",
        "DateGreaterThan",
        "DateGreaterThanEquals",
        "Bool",
        "BinaryEquals",
        "IpAddress",
        "NotIpAddress",
        "ArnEquals",
        "ArnLike",
        "ArnNotEquals",
        "ArnNotLike",
        "Null",
    }
)

_AWS_PRINCIPAL = re.compile(r"\*|\d{12}|arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:root|(?:user|role|assumed-role)/.+)")
_SERVICE = re.compile(r"[a-z0-9.-]+\.(?:amazonaws\.com(?:\.cn)?|aws\.internal)")
_ELEMENTS = frozenset(
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"]
)


@dataclass(frozen=True)
class Rules:
    """How one service judges a document."""

    operation: str
    code: str
    limit: int
    too_large: tuple[str, str]
    """Code and message for a document over `limit`."""
    whitespace_counts: bool = True
    actions: Callable[[str], bool] | None = None
    action_message: str = ""
    most_statements: int | None = None
    has_principal: bool = True
    has_resource: bool = True

    def refuse(self, message: str) -> AwsError:
        """The refusal with this service's code for a bad document."""
        return AwsError(self.operation, self.code, message)


TOPIC = Rules(
    "SetTopicAttributes",
    "InvalidParameter",
    30_720,
    ("InvalidParameter", "Invalid parameter: Policy length exceeds 30720 bytes"),
    actions=lambda action: action.startswith("sns:") and action[4:] in SNS_ACTIONS,
    action_message="Invalid parameter: Policy statement action out of service scope!",
    most_statements=100,
)
QUEUE = Rules(
    "SetQueueAttributes",
    "InvalidAttributeValue",
    8_192,
    ("OverLimit", "The queue's policy is larger than 8192 bytes"),
    actions=lambda action: action.startswith("sqs:"),
    action_message="Invalid value for the parameter Policy: an action is out of service scope",
    most_statements=20,
)
BUCKET = Rules(
    "PutBucketPolicy",
    "MalformedPolicy",
    20_480,
    ("MalformedPolicy", "Policy exceeds the maximum allowed document size of 20480 bytes"),
    actions=lambda action: action.startswith("s3:"),
    action_message="Policy has invalid action",
)
TRUST = Rules(
    "CreateRole",
    "MalformedPolicyDocument",
    2_048,
    ("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"),
    whitespace_counts=False,
    actions=lambda action: action.startswith("sts:"),
    action_message="AssumeRole policy may only specify STS AssumeRole actions.",
    has_resource=False,
)
MANAGED = Rules(
    "CreatePolicy",
    "MalformedPolicyDocument",
    6_144,
    ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144"),
    whitespace_counts=False,
    has_principal=False,
)
INLINE = Rules(
    "PutRolePolicy",
    "MalformedPolicyDocument",
    10_240,
    ("LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role"),
    whitespace_counts=False,
    has_principal=False,
)


def check(text: str, rules: Rules, resource: Callable[[str], bool] | None = None) -> None:
    """Raise the AwsError that putting this document would meet. `resource` says which resources may be named."""
    size = len(text.encode()) if rules.whitespace_counts else len(re.sub(r"\s", "", text))
    if size > rules.limit:
        raise AwsError(rules.operation, *rules.too_large)
    statements = _statements(text, rules)
    if rules.most_statements is not None and len(statements) > rules.most_statements:
        raise AwsError(rules.operation, "OverLimit", f"more than {rules.most_statements} statements")
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if len(sids) != len(set(sids)):
        raise rules.refuse("Statement IDs (SID) in a single policy must be unique.")
    for statement in statements:
        _check_statement(statement, rules, resource)


def _statements(text: str, rules: Rules) -> list[dict[str, Any]]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise rules.refuse("This policy contains invalid Json") from error
    if not isinstance(document, dict) or set(document) - {"Version", "Id", "Statement"}:
        raise rules.refuse("Syntax errors in policy.")
    if document.get("Version", "2008-10-17") not in ("2012-10-17", "2008-10-17"):
        raise rules.refuse("The policy must contain a valid version string")
    given = document.get("Statement")
    statements = [given] if isinstance(given, dict) else given
    if not isinstance(statements, list) or not all(isinstance(item, dict) for item in statements):
        raise rules.refuse("Missing required field Statement")
    return statements


def _check_statement(statement: dict[str, Any], rules: Rules, resource: Callable[[str], bool] | None) -> None:
    if set(statement) - _ELEMENTS:
        raise rules.refuse(f"Unknown field {sorted(set(statement) - _ELEMENTS)[0]}")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise rules.refuse("Effect has to be Allow or Deny")
    actions = list(_texts(statement.get("Action", statement.get("NotAction"))))
    if not actions:
        raise rules.refuse("Policy statement must contain actions.")
    if rules.actions is not None and not all(
        (action == "*" and rules is BUCKET) or rules.actions(action.lower()) for action in actions
    ):
        raise rules.refuse(rules.action_message)
    _check_principal(statement, rules)
    resources = list(_texts(statement.get("Resource", statement.get("NotResource"))))
    if bool(resources) != rules.has_resource:
        raise rules.refuse(
            "Policy statement must contain resources." if rules.has_resource else "Has prohibited field Resource"
        )
    if resource is not None and not all(map(resource, resources)):
        raise rules.refuse("Policy has invalid resource")
    for operator in statement.get("Condition") or {}:
        bare = re.sub(r"^For(?:All|Any)Values?s?:|IfExists$", "", operator)
        if bare not in CONDITIONS:
            raise rules.refuse(f"Invalid Condition type : {operator}.")


def _check_principal(statement: dict[str, Any], rules: Rules) -> None:
    principal = statement.get("Principal", statement.get("NotPrincipal"))
    if not rules.has_principal:
        if principal is not None:
            raise rules.refuse("Policy document should not specify a principal.")
        return
    if principal is None:
        raise rules.refuse("Missing required field Principal")
    if principal == "*":
        return
    if (
        not isinstance(principal, dict)
        or not principal
        or set(principal) - {"AWS", "Service", "Federated", "CanonicalUser"}
    ):
        raise rules.refuse("Invalid principal in policy")
    named = [*_texts(principal.get("AWS"))]
    services = [*_texts(principal.get("Service"))]
    if not all(map(_AWS_PRINCIPAL.fullmatch, named)) or not all(map(_SERVICE.fullmatch, services)):
        raise rules.refuse("Invalid principal in policy")
    if rules is TOPIC and len(named) > 200:
        raise rules.refuse("Invalid parameter: Policy Error: more than 200 principals")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (str(item) for item in value)


def topic_policy(text: str, arn: str) -> None:
    """Raise what SNS would say to this policy of the topic `arn`."""
    check(text, TOPIC, lambda resource: resource == arn)


def queue_policy(text: str) -> None:
    """Raise what SQS would say to this policy."""
    check(text, QUEUE)


def bucket_policy(text: str, bucket: str) -> None:
    """Raise what S3 would say to this policy of the bucket."""

    def mine(resource: str) -> bool:
        return re.fullmatch(rf"arn:aws[a-z-]*:s3:::{re.escape(bucket)}(?:/.*)?", resource) is not None

    check(text, BUCKET, mine)
