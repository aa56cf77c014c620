"""A bucket that nobody outside the account can reach by accident: what every bucket made here has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from fedml_infra.policies.document import Document, render

ABORT_UPLOADS_AFTER_DAYS = 1


@dataclass(frozen=True)
class BucketSpec:
    """What one bucket is to be. `expire_after_days` of None keeps objects for ever; `prefix` "" is the whole bucket."""

    bucket: str
    account: str
    region: str
    policy: Document
    tags: Mapping[str, str]
    prefix: str = ""
    expire_after_days: int | None = None
    kms_key_arn: str | None = None
    force_destroy: bool = False


def hardened_bucket(
    name: str,
    spec: BucketSpec,
    *,
    parent: pulumi.Resource,
    provider: aws.Provider | None,
    policy_after: Sequence[pulumi.Input[pulumi.Resource]] = (),
) -> aws.s3.Bucket:
    """Declare a bucket with its settings: owner enforced, no public access, encrypted, TLS only, expiring.

    `policy_after` are resources that have to be in place before the bucket's policy is written.
    Every call names the owner it expects, so that a bucket which changed hands is never written to
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html).
    """
    options = pulumi.ResourceOptions(parent=parent, provider=provider)
    bucket = aws.s3.Bucket(
        name,
        bucket=spec.bucket,
        region=spec.region,
        force_destroy=spec.force_destroy,
        tags=dict(spec.tags),
        opts=options,
    )
    owner = aws.s3.BucketOwnershipControls(
        name,
        bucket=bucket.bucket,
        region=spec.region,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=options,
    )
    private = aws.s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.bucket,
        region=spec.region,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=options,
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        name,
        bucket=bucket.bucket,
        region=spec.region,
        expected_bucket_owner=spec.account,
        rules=[_encryption(spec.kms_key_arn)],
        opts=options,
    )
    aws.s3.BucketLifecycleConfiguration(
        name,
        bucket=bucket.bucket,
        region=spec.region,
        expected_bucket_owner=spec.account,
        rules=_lifecycle(spec),
        opts=options,
    )
    # S3 refuses two settings of one bucket at the same moment (OperationAborted); the policy comes last.
    aws.s3.BucketPolicy(
        name,
        bucket=bucket.bucket,
        region=spec.region,
        policy=render(spec.policy),
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[owner, private, *policy_after])),
    )
    return bucket


def _encryption(kms_key_arn: str | None) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgs:
    default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms" if kms_key_arn else "AES256", kms_master_key_id=kms_key_arn
    )
    return aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=default,
        # One data key for the bucket, not one KMS call for each object.
        bucket_key_enabled=True if kms_key_arn else None,
    )


def _lifecycle(spec: BucketSpec) -> list[aws.s3.BucketLifecycleConfigurationRuleArgs]:
    rules = [
        aws.s3.BucketLifecycleConfigurationRuleArgs(
            id="abort-uploads",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            abort_incomplete_multipart_upload=(
                aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                    days_after_initiation=ABORT_UPLOADS_AFTER_DAYS
                )
            ),
        )
    ]
    if spec.expire_after_days is not None:
        rules.append(
            aws.s3.BucketLifecycleConfigurationRuleArgs(
                id="expire-payloads",
                status="Enabled",
                filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(
                    prefix=f"{spec.prefix}/" if spec.prefix else ""
                ),
                expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=spec.expire_after_days),
            )
        )
    return rules
