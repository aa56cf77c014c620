"""One thing looked up by its name or ARN: whether it is there, whose it is, and how Pulumi imports it.

The ids are those of the "Import" section of each resource in the registry (https://www.pulumi.com/registry/packages/aws/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fedml_infra.aws.failures import code_of, is_absent, translate
from fedml_infra.aws.sessions import Access, client
from fedml_infra.model.sightings import Sighting, Sought

NOT_SET = frozenset(
    {
        "NoSuchTagSet",
        "OwnershipControlsNotFoundError",
        "NoSuchPublicAccessBlockConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
        "NoSuchLifecycleConfiguration",
        "NoSuchBucketPolicy",
        "AWS.SimpleQueueService.NonExistentQueue",
    }
)
"""Codes of S3 and SQS for "there is none" (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)."""

DEFAULT_POLICY = "__default_policy_ID"
"""The id of the policy that SNS gives a new topic."""


def look_up(access: Access, region: str, account: str, sought: Sought) -> Sighting | None:
    """The thing, where it is in `account`; None where there is none, or a bucket of that name is somebody else's.

    Changes nothing. Raises what `translate` tells.
    """
    look = _LOOKS.get(sought.type)
    if look is None:
        return None
    try:
        return look(_Where(access, region, account), sought)
    except Exception as error:
        if is_absent(error) or code_of(error) in NOT_SET:
            return None
        if code_of(error) in ("403", "AccessDenied") and ":s3/" in sought.type:
            return None
        raise translate(error, doing="look for", subject=sought.key) from None


class _Where:
    """Clients of one account and region."""

    def __init__(self, access: Access, region: str, account: str) -> None:
        self._access, self._region, self.account = access, region, account

    def __call__(self, service: str) -> Any:
        return client(service, self._access, self._region)  # type: ignore[call-overload]


def _topic(aws: _Where, sought: Sought) -> Sighting:
    sns = aws("sns")
    sns.get_topic_attributes(TopicArn=sought.key)
    return Sighting(sought.key, _listed(sns.list_tags_for_resource(ResourceArn=sought.key)["Tags"]))


def _topic_policy(aws: _Where, sought: Sought) -> Sighting | None:
    """A topic always has a policy; AWS's own, which the topic began with, is nobody's."""
    policy = aws("sns").get_topic_attributes(TopicArn=sought.key)["Attributes"].get("Policy", "")
    return None if not policy or DEFAULT_POLICY in policy else _topic(aws, sought)


def _subscription(aws: _Where, sought: Sought) -> Sighting | None:
    """Of the account's own subscriptions: a subscriber may not list those of another account's topic."""
    for page in aws("sns").get_paginator("list_subscriptions").paginate():
        for row in page["Subscriptions"]:
            same = row["TopicArn"] == sought.key and row["Endpoint"] == sought.part
            if same and row["SubscriptionArn"].startswith("arn:"):
                return Sighting(row["SubscriptionArn"])
    return None


def _queue(aws: _Where, sought: Sought) -> Sighting:
    sqs = aws("sqs")
    url = sqs.get_queue_url(QueueName=sought.key)["QueueUrl"]
    return Sighting(url, sqs.list_queue_tags(QueueUrl=url).get("Tags") or {})


def _queue_attribute(name: str) -> Callable[[_Where, Sought], Sighting | None]:
    def look(aws: _Where, sought: Sought) -> Sighting | None:
        queue = _queue(aws, sought)
        answer = aws("sqs").get_queue_attributes(QueueUrl=queue.id, AttributeNames=["All"])
        return queue if answer.get("Attributes", {}).get(name) else None

    return look


def _bucket(aws: _Where, sought: Sought) -> Sighting:
    s3, owner = aws("s3"), {"Bucket": sought.key, "ExpectedBucketOwner": aws.account}
    s3.head_bucket(**owner)
    inside = s3.list_object_versions(**owner, MaxKeys=1)
    return Sighting(
        sought.key, _bucket_tags(aws, sought.key), empty=not (inside.get("Versions") or inside.get("DeleteMarkers"))
    )


def _bucket_tags(aws: _Where, bucket: str) -> Mapping[str, str]:
    try:
        return _listed(aws("s3").get_bucket_tagging(Bucket=bucket, ExpectedBucketOwner=aws.account)["TagSet"])
    except Exception as error:
        if code_of(error) == "NoSuchTagSet":
            return {}
        raise


def _bucket_setting(call: str, *, with_owner: bool = False) -> Callable[[_Where, Sought], Sighting]:
    def look(aws: _Where, sought: Sought) -> Sighting:
        getattr(aws("s3"), call)(Bucket=sought.key, ExpectedBucketOwner=aws.account)
        identity = f"{sought.key},{aws.account}" if with_owner else sought.key
        return Sighting(identity, _bucket_tags(aws, sought.key))

    return look


def _role(aws: _Where, sought: Sought) -> Sighting:
    role = aws("iam").get_role(RoleName=sought.key)["Role"]
    return Sighting(sought.key, _listed(role.get("Tags")))


def _role_policy(aws: _Where, sought: Sought) -> Sighting:
    aws("iam").get_role_policy(RoleName=sought.key, PolicyName=sought.part)
    return Sighting(f"{sought.key}:{sought.part}", _role(aws, sought).tags)


def _policy(aws: _Where, sought: Sought) -> Sighting:
    policy = aws("iam").get_policy(PolicyArn=sought.key)["Policy"]
    tags = policy.get("Tags") or aws("iam").list_policy_tags(PolicyArn=sought.key)["Tags"]
    return Sighting(sought.key, _listed(tags))


def _attachment(aws: _Where, sought: Sought) -> Sighting | None:
    """Keyed by the policy, whose tags tell whose it is; the role is the organisation's own."""
    pages = aws("iam").get_paginator("list_attached_role_policies").paginate(RoleName=sought.part)
    if not any(row["PolicyArn"] == sought.key for page in pages for row in page["AttachedPolicies"]):
        return None
    return Sighting(f"{sought.part}/{sought.key}", _policy(aws, sought).tags)


def _parameter(aws: _Where, sought: Sought) -> Sighting | None:
    ssm = aws("ssm")
    filters = [{"Key": "Name", "Option": "Equals", "Values": [sought.key]}]
    if not ssm.describe_parameters(ParameterFilters=filters)["Parameters"]:
        return None
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=sought.key)["TagList"]
    return Sighting(sought.key, _listed(tags))


def _listed(tags: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


_LOOKS: Mapping[str, Callable[[_Where, Sought], Sighting | None]] = {
    "aws:sns/topic:Topic": _topic,
    "aws:sns/topicPolicy:TopicPolicy": _topic_policy,
    "aws:sns/topicSubscription:TopicSubscription": _subscription,
    "aws:sqs/queue:Queue": _queue,
    "aws:sqs/queuePolicy:QueuePolicy": _queue_attribute("Policy"),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": _queue_attribute("RedriveAllowPolicy"),
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _bucket_setting("get_bucket_ownership_controls"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _bucket_setting("get_public_access_block"),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _bucket_setting(
        "get_bucket_encryption", with_owner=True
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _bucket_setting(
        "get_bucket_lifecycle_configuration", with_owner=True
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _bucket_setting("get_bucket_policy"),
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:iam/policy:Policy": _policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _attachment,
    "aws:ssm/parameter:Parameter": _parameter,
}
