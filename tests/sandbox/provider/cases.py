"""Every resource type: a good one, how it may change, what replaces it, how it drifts behind our back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fedml_infra.sandbox.provider.wire import Props
from tests.sandbox.provider.conftest import REGION, Lab

REMOVED = object()
"""An update that takes the property out."""


def document(*statements: Props) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(sid: str, actions: str | list[str], resource: str, principal: Any = "*") -> Props:
    return {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": actions, "Resource": resource}


def may(action: str, resource: str = "*") -> str:
    return document({"Effect": "Allow", "Action": action, "Resource": resource})


@dataclass(frozen=True)
class Made:
    """A case in an account: inputs, and what to do with them there."""

    inputs: Props
    updates: Mapping[str, Any] = field(default_factory=dict)
    replaces: Mapping[str, Any] = field(default_factory=dict)
    drifts: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    """By the input that shows it."""
    remove: Callable[[], Any] | None = None
    """Take the thing away behind the provider's back."""


def topic(lab: Lab) -> Made:
    sns, arn = lab.boto("sns"), f"arn:aws:sns:{REGION}:{lab.account}:{lab.name}"

    def set_(name: str, value: str) -> Callable[[], Any]:
        return lambda: sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)

    policy = document(allow("One", "sns:Publish", arn))
    return Made(
        {"name": lab.name, "displayName": "one", "policy": policy, "tags": {"a": "1"}},
        updates={
            "displayName": "two",
            "tags": {"a": "2", "b": "3"},
            "policy": document(allow("Two", "sns:Subscribe", arn)),
            "tracingConfig": "Active",
            "signatureVersion": 2,
            "kmsMasterKeyId": "alias/aws/sns",
            "deliveryPolicy": json.dumps({"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}}}),
        },
        replaces={"name": lab.name + "x"},
        drifts={
            "displayName": set_("DisplayName", "by hand"),
            "policy": set_("Policy", document(allow("Hand", "sns:Publish", arn))),
            "tags": lambda: sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "by", "Value": "hand"}]),
        },
        remove=lambda: sns.delete_topic(TopicArn=arn),
    )


def a_topic(lab: Lab) -> str:
    return str(lab.boto("sns").create_topic(Name=lab.name)["TopicArn"])


def topic_policy(lab: Lab) -> Made:
    arn, sns = a_topic(lab), lab.boto("sns")
    other = sns.create_topic(Name=lab.name + "x")["TopicArn"]
    hand = document(allow("Hand", "sns:Publish", arn))
    return Made(
        {"arn": arn, "policy": document(allow("One", "sns:Publish", arn))},
        updates={"policy": document(allow("Two", ["sns:Publish", "sns:Subscribe"], arn))},
        replaces={"arn": other},
        drifts={
            "policy": lambda: sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=hand),
        },
        remove=lambda: sns.delete_topic(TopicArn=arn),
    )


def subscription(lab: Lab) -> Made:
    arn, queue = a_topic(lab), queue_arn(lab, a_queue(lab, "q"))
    other = queue_arn(lab, a_queue(lab, "q2"))
    sns = lab.boto("sns")
    other_topic = sns.create_topic(Name=lab.name + "x")["TopicArn"]

    def mine() -> str:
        return str(sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"][0]["SubscriptionArn"])

    def set_(name: str, value: str) -> Callable[[], Any]:
        return lambda: sns.set_subscription_attributes(SubscriptionArn=mine(), AttributeName=name, AttributeValue=value)

    return Made(
        {
            "topic": arn,
            "protocol": "sqs",
            "endpoint": queue,
            "rawMessageDelivery": True,
            "filterPolicy": json.dumps({"sender": [{"anything-but": ["me"]}]}),
        },
        updates={
            "rawMessageDelivery": REMOVED,
            "filterPolicy": json.dumps({"sender": ["you"]}),
            "redrivePolicy": json.dumps({"deadLetterTargetArn": other}),
        },
        replaces={"endpoint": other, "topic": other_topic, "protocol": "firehose"},
        drifts={
            "rawMessageDelivery": set_("RawMessageDelivery", "false"),
            "filterPolicy": set_("FilterPolicy", json.dumps({"sender": ["someone"]})),
        },
        remove=lambda: sns.unsubscribe(SubscriptionArn=mine()),
    )


def a_queue(lab: Lab, suffix: str = "") -> str:
    return str(lab.boto("sqs").create_queue(QueueName=lab.name + suffix)["QueueUrl"])


def queue_arn(lab: Lab, url: str) -> str:
    return f"arn:aws:sqs:{REGION}:{lab.account}:{url.rsplit('/', 1)[-1]}"


def queue(lab: Lab) -> Made:
    sqs = lab.boto("sqs")
    dead = queue_arn(lab, a_queue(lab, "_dlq"))

    def url() -> str:
        return str(sqs.get_queue_url(QueueName=lab.name)["QueueUrl"])

    def set_(name: str, value: str) -> Callable[[], Any]:
        return lambda: sqs.set_queue_attributes(QueueUrl=url(), Attributes={name: value})

    return Made(
        {
            "name": lab.name,
            "visibilityTimeoutSeconds": 40,
            "receiveWaitTimeSeconds": 20,
            "messageRetentionSeconds": 1_209_600,
            "sqsManagedSseEnabled": True,
            "redrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 5}),
            "tags": {"a": "1"},
        },
        updates={
            "visibilityTimeoutSeconds": 41,
            "receiveWaitTimeSeconds": REMOVED,
            "messageRetentionSeconds": 60,
            "delaySeconds": 3,
            "maxMessageSize": 2048,
            "redrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 6}),
            "tags": {"b": "2"},
            "policy": document(
                allow("S", "sqs:SendMessage", f"arn:aws:sqs:{REGION}:{lab.account}:{lab.name}", {"AWS": lab.account})
            ),
            "sqsManagedSseEnabled": False,
        },
        replaces={"name": lab.name + "x"},
        drifts={
            "visibilityTimeoutSeconds": set_("VisibilityTimeout", "77"),
            "delaySeconds": set_("DelaySeconds", "9"),
            "redrivePolicy": set_("RedrivePolicy", ""),
            "sqsManagedSseEnabled": set_("SqsManagedSseEnabled", "false"),
            "tags": lambda: sqs.tag_queue(QueueUrl=url(), Tags={"by": "hand"}),
        },
        remove=lambda: sqs.delete_queue(QueueUrl=url()),
    )


def queue_policy(lab: Lab) -> Made:
    url, other, sqs = a_queue(lab), a_queue(lab, "x"), lab.boto("sqs")
    arn = queue_arn(lab, url)
    hand = document(allow("Hand", "sqs:SendMessage", arn))
    return Made(
        {"queueUrl": url, "policy": document(allow("One", "sqs:SendMessage", arn, {"Service": "sns.amazonaws.com"}))},
        updates={"policy": document(allow("Two", "sqs:SendMessage", arn, {"Service": "sns.amazonaws.com"}))},
        replaces={"queueUrl": other},
        drifts={"policy": lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": hand})},
        remove=lambda: sqs.delete_queue(QueueUrl=url),
    )


def redrive_allow_policy(lab: Lab) -> Made:
    url, other, sqs = a_queue(lab), a_queue(lab, "x"), lab.boto("sqs")
    one = {"redrivePermission": "byQueue", "sourceQueueArns": [queue_arn(lab, other)]}
    deny = json.dumps({"redrivePermission": "denyAll"})
    return Made(
        {"queueUrl": url, "redriveAllowPolicy": json.dumps(one)},
        updates={"redriveAllowPolicy": json.dumps({"redrivePermission": "allowAll"})},
        replaces={"queueUrl": other},
        drifts={
            "redriveAllowPolicy": lambda: sqs.set_queue_attributes(
                QueueUrl=url, Attributes={"RedriveAllowPolicy": deny}
            ),
        },
        remove=lambda: sqs.delete_queue(QueueUrl=url),
    )


def bucket(lab: Lab) -> Made:
    s3 = lab.boto("s3")
    tags = {"TagSet": [{"Key": "by", "Value": "hand"}]}
    return Made(
        {"bucket": lab.name, "forceDestroy": True, "tags": {"a": "1"}},
        updates={"tags": {"b": "2"}, "forceDestroy": False},
        replaces={"bucket": lab.name + "x", "objectLockEnabled": True},
        drifts={"tags": lambda: s3.put_bucket_tagging(Bucket=lab.name, Tagging=tags)},
        remove=lambda: s3.delete_bucket(Bucket=lab.name),
    )


def a_bucket(lab: Lab, suffix: str = "") -> str:
    name = lab.name + suffix
    lab.boto("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


def bucket_policy(lab: Lab) -> Made:
    name, other, s3 = a_bucket(lab), a_bucket(lab, "x"), lab.boto("s3")
    objects = f"arn:aws:s3:::{name}/*"
    root = {"AWS": f"arn:aws:iam::{lab.account}:root"}
    return Made(
        {"bucket": name, "policy": document(allow("One", "s3:GetObject", objects, root))},
        updates={"policy": document(allow("Two", "s3:PutObject", objects, root))},
        replaces={"bucket": other},
        drifts={
            "policy": lambda: s3.put_bucket_policy(
                Bucket=name, Policy=document(allow("Hand", "s3:GetObject", objects, root))
            ),
        },
        remove=lambda: s3.delete_bucket_policy(Bucket=name),
    )


def access_block(lab: Lab) -> Made:
    name, other, s3 = a_bucket(lab), a_bucket(lab, "x"), lab.boto("s3")
    blocks = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

    def open_(block: str) -> Callable[[], Any]:
        wanted = {b[0].upper() + b[1:]: b != block for b in blocks}
        return lambda: s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=wanted)

    return Made(
        {"bucket": name, **dict.fromkeys(blocks, True)},
        updates={**dict.fromkeys(blocks, False), "skipDestroy": True},
        replaces={"bucket": other},
        drifts={block: open_(block) for block in blocks},
        remove=lambda: s3.delete_public_access_block(Bucket=name),
    )


def ownership(lab: Lab) -> Made:
    name, other, s3 = a_bucket(lab), a_bucket(lab, "x"), lab.boto("s3")
    return Made(
        {"bucket": name, "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        updates={"rule": {"objectOwnership": "BucketOwnerPreferred"}},
        replaces={"bucket": other},
        drifts={
            "rule": lambda: s3.put_bucket_ownership_controls(
                Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
            ),
        },
        remove=lambda: s3.delete_bucket_ownership_controls(Bucket=name),
    )


def encryption(lab: Lab) -> Made:
    name, other, s3 = a_bucket(lab), a_bucket(lab, "x"), lab.boto("s3")
    kms = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "alias/k"}}
    by_hand = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
    return Made(
        {
            "bucket": name,
            "expectedBucketOwner": lab.account,
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        },
        updates={"rules": [{**kms, "bucketKeyEnabled": True}]},
        replaces={"bucket": other, "expectedBucketOwner": REMOVED},
        drifts={
            "rules": lambda: s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=by_hand),
        },
    )


def lifecycle(lab: Lab) -> Made:
    name, other, s3 = a_bucket(lab), a_bucket(lab, "x"), lab.boto("s3")
    abort = {
        "id": "abort",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
    }
    expire = {"id": "expire", "status": "Enabled", "filter": {"prefix": "p/"}, "expiration": {"days": 15}}
    tagged = {
        "id": "tagged",
        "status": "Enabled",
        "filter": {"and": {"prefix": "q/", "tags": {"k": "v"}}},
        "noncurrentVersionExpiration": {"noncurrentDays": 3},
        "transitions": [{"days": 30, "storageClass": "GLACIER"}],
    }
    by_hand = {"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": "p/"}, "Expiration": {"Days": 3}}]}
    return Made(
        {"bucket": name, "expectedBucketOwner": lab.account, "rules": [abort, expire]},
        updates={"rules": [abort, {**expire, "expiration": {"days": 16}}, tagged]},
        replaces={"bucket": other, "expectedBucketOwner": lab.neighbour},
        drifts={
            "rules": lambda: s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=by_hand),
        },
        remove=lambda: s3.delete_bucket_lifecycle(Bucket=name),
    )


def versioning(lab: Lab) -> Made:
    name, other, s3 = a_bucket(lab), a_bucket(lab, "x"), lab.boto("s3")
    return Made(
        {"bucket": name, "versioningConfiguration": {"status": "Enabled"}},
        updates={"versioningConfiguration": {"status": "Suspended"}},
        replaces={"bucket": other, "expectedBucketOwner": lab.account},
        drifts={
            "versioningConfiguration": lambda: s3.put_bucket_versioning(
                Bucket=name, VersioningConfiguration={"Status": "Suspended"}
            ),
        },
        remove=lambda: s3.delete_bucket(Bucket=name),
    )


def trust(account: str, sid: str = "One") -> str:
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    return document({"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


def a_policy(lab: Lab, suffix: str = "p") -> str:
    answer = lab.boto("iam").create_policy(PolicyName=lab.name + suffix, PolicyDocument=may("s3:GetObject"))
    return str(answer["Policy"]["Arn"])


def a_role(lab: Lab, suffix: str = "") -> str:
    lab.boto("iam").create_role(RoleName=lab.name + suffix, AssumeRolePolicyDocument=trust(lab.account))
    return lab.name + suffix


def role(lab: Lab) -> Made:
    iam, boundary = lab.boto("iam"), a_policy(lab)
    return Made(
        {
            "name": lab.name,
            "path": "/fed/",
            "description": "one",
            "assumeRolePolicy": trust(lab.account),
            "tags": {"a": "1"},
        },
        updates={
            "description": "two",
            "assumeRolePolicy": trust(lab.account, "Two"),
            "maxSessionDuration": 7200,
            "permissionsBoundary": boundary,
            "forceDetachPolicies": True,
            "tags": {"b": "2"},
        },
        replaces={"name": lab.name + "x", "path": "/other/"},
        drifts={
            "description": lambda: iam.update_role(RoleName=lab.name, Description="hand", MaxSessionDuration=3600),
            "maxSessionDuration": lambda: iam.update_role(
                RoleName=lab.name, Description="one", MaxSessionDuration=4000
            ),
            "assumeRolePolicy": lambda: iam.update_assume_role_policy(
                RoleName=lab.name, PolicyDocument=trust("999999999999")
            ),
            "permissionsBoundary": lambda: iam.put_role_permissions_boundary(
                RoleName=lab.name, PermissionsBoundary=boundary
            ),
            "tags": lambda: iam.tag_role(RoleName=lab.name, Tags=[{"Key": "by", "Value": "hand"}]),
        },
        remove=lambda: iam.delete_role(RoleName=lab.name),
    )


def role_policy(lab: Lab) -> Made:
    role_name, other, iam = a_role(lab), a_role(lab, "x"), lab.boto("iam")
    return Made(
        {"role": role_name, "name": "read", "policy": may("s3:GetObject")},
        updates={"policy": may("s3:PutObject")},
        replaces={"role": other, "name": "write"},
        drifts={
            "policy": lambda: iam.put_role_policy(RoleName=role_name, PolicyName="read", PolicyDocument=may("s3:*")),
        },
        remove=lambda: iam.delete_role_policy(RoleName=role_name, PolicyName="read"),
    )


def policy(lab: Lab) -> Made:
    iam, arn = lab.boto("iam"), f"arn:aws:iam::{lab.account}:policy/fed/{lab.name}"
    return Made(
        {"name": lab.name, "path": "/fed/", "description": "d", "policy": may("s3:GetObject"), "tags": {"a": "1"}},
        updates={"policy": may("s3:PutObject"), "tags": {"b": "2"}},
        replaces={"name": lab.name + "x", "path": "/", "description": "e"},
        drifts={
            "policy": lambda: iam.create_policy_version(PolicyArn=arn, PolicyDocument=may("s3:*"), SetAsDefault=True),
            "tags": lambda: iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "by", "Value": "hand"}]),
        },
        remove=lambda: iam.delete_policy(PolicyArn=arn),
    )


def attachment(lab: Lab) -> Made:
    role_name, other, arn, other_arn = a_role(lab), a_role(lab, "x"), a_policy(lab), a_policy(lab, "p2")
    return Made(
        {"role": role_name, "policyArn": arn},
        replaces={"role": other, "policyArn": other_arn},
        remove=lambda: lab.boto("iam").detach_role_policy(RoleName=role_name, PolicyArn=arn),
    )


def parameter(lab: Lab) -> Made:
    ssm, name = lab.boto("ssm"), f"/fedml/{lab.name}/a"
    return Made(
        {"name": name, "type": "SecureString", "value": "hush-hush", "description": "d", "tags": {"a": "1"}},
        updates={
            "value": "hush-hush-2",
            "description": "e",
            "tags": {"b": "2"},
            "tier": "Advanced",
            "keyId": "alias/mine",
            "allowedPattern": "hush.*",
        },
        replaces={"name": name + "x", "dataType": "aws:ssm:integration"},
        drifts={
            "value": lambda: ssm.put_parameter(Name=name, Value="by-hand", Type="SecureString", Overwrite=True),
            "type": lambda: ssm.put_parameter(Name=name, Value="hush-hush", Type="String", Overwrite=True),
            "description": lambda: ssm.put_parameter(
                Name=name, Value="hush-hush", Description="hand", Type="SecureString", Overwrite=True
            ),
            "tags": lambda: ssm.add_tags_to_resource(
                ResourceType="Parameter", ResourceId=name, Tags=[{"Key": "by", "Value": "hand"}]
            ),
        },
        remove=lambda: ssm.delete_parameter(Name=name),
    )


CASES: Mapping[str, Callable[[Lab], Made]] = {
    "aws:sns/topic:Topic": topic,
    "aws:sns/topicPolicy:TopicPolicy": topic_policy,
    "aws:sns/topicSubscription:TopicSubscription": subscription,
    "aws:sqs/queue:Queue": queue,
    "aws:sqs/queuePolicy:QueuePolicy": queue_policy,
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": redrive_allow_policy,
    "aws:s3/bucket:Bucket": bucket,
    "aws:s3/bucketPolicy:BucketPolicy": bucket_policy,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": access_block,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ownership,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": encryption,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": lifecycle,
    "aws:s3/bucketVersioning:BucketVersioning": versioning,
    "aws:iam/role:Role": role,
    "aws:iam/rolePolicy:RolePolicy": role_policy,
    "aws:iam/policy:Policy": policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": attachment,
    "aws:ssm/parameter:Parameter": parameter,
}
