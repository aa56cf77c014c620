"""S3: Bucket."""

from __future__ import annotations

from fedml_infra.model.regions import dns_suffix
from fedml_infra.sandbox.provider.context import Context
from fedml_infra.sandbox.provider.kind import Change, Kind
from fedml_infra.sandbox.provider.kinds.shared import TAGS_ARE, tag_dict, tag_list
from fedml_infra.sandbox.provider.lost_answers import made_once
from fedml_infra.sandbox.provider.refusals import AwsError, error_code, is_gone
from fedml_infra.sandbox.provider.wire import Props


def owns_bucket(context: Context, bucket: str) -> bool:
    """Whether the bucket is of this account."""
    return any(entry["Name"] == bucket for entry in context.client("s3").list_buckets()["Buckets"])


def create_bucket(context: Context, inputs: Props) -> str:
    """Make the bucket. One that exists, anywhere, is refused: in us-east-1 S3 would answer 200 for one's own."""
    s3, bucket = context.client("s3"), inputs["bucket"]
    with context.lock(bucket):
        _refuse_a_taken_name(context, bucket)
        arguments: Props = {"Bucket": bucket}
        if context.region != "us-east-1":
            arguments["CreateBucketConfiguration"] = {"LocationConstraint": context.region}
        if inputs.get("objectLockEnabled"):
            arguments["ObjectLockEnabledForBucket"] = True

        def create() -> bool:
            s3.create_bucket(**arguments)
            return True

        # Nobody had the name a moment ago: where it is this account's now, an answer was lost.
        made_once(create, "BucketAlreadyOwnedByYou", lambda _: True if owns_bucket(context, bucket) else None)
    return str(bucket)


def _refuse_a_taken_name(context: Context, bucket: str) -> None:
    try:
        context.client("s3").head_bucket(Bucket=bucket)
    except Exception as error:
        if is_gone(error):
            return
        if error_code(error) not in ("403", "AccessDenied", "301", "PermanentRedirect"):
            raise
    if owns_bucket(context, bucket):
        raise AwsError(
            "CreateBucket",
            "BucketAlreadyOwnedByYou",
            f"Your previous request to create the named bucket succeeded and you already own it: {bucket}",
        )
    raise AwsError(
        "CreateBucket",
        "BucketAlreadyExists",
        f"The requested bucket name is not available: {bucket}. The bucket namespace is shared by all users of the "
        "system. Please select a different name and try again.",
    )


def tag_bucket(context: Context, bucket: str, inputs: Props) -> None:
    """Bring the bucket's tags in step."""
    s3 = context.client("s3")
    if tags := context.all_tags(inputs):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_list(tags)})
    else:
        s3.delete_bucket_tagging(Bucket=bucket)


def finish_bucket(context: Context, bucket: str, inputs: Props) -> None:
    """Tags take a second call."""
    if context.all_tags(inputs):
        tag_bucket(context, bucket, inputs)


def read_bucket(context: Context, bucket: str, last: Props) -> Props | None:
    """The bucket as it is."""
    del last
    s3 = context.client("s3")
    try:
        region = s3.get_bucket_location(Bucket=bucket).get("LocationConstraint") or "us-east-1"
        tags = tag_dict(s3.get_bucket_tagging(Bucket=bucket)["TagSet"])
    except Exception as error:
        if is_gone(error):
            return None
        if error_code(error) != "NoSuchTagSet":
            raise
        tags = {}
    return {**addresses(context, bucket, region), "bucket": bucket, "tagsAll": tags}


def addresses(context: Context, bucket: str, region: str) -> Props:
    """What follows from a bucket's name and region."""
    suffix = dns_suffix(context.partition)
    return {
        "arn": f"arn:{context.partition}:s3:::{bucket}",
        "bucketDomainName": f"{bucket}.s3.{suffix}",
        "bucketRegion": region,
        "bucketRegionalDomainName": f"{bucket}.s3.{region}.{suffix}",
    }


def update_bucket(context: Context, bucket: str, change: Change) -> None:
    """Only tags change in place."""
    if "tags" in change.names:
        tag_bucket(context, bucket, change.new)


def delete_bucket(context: Context, bucket: str, state: Props) -> None:
    """Delete it, and what is in it only if `forceDestroy` says so."""
    s3 = context.client("s3")
    if state.get("forceDestroy"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in versions]
            if objects:
                answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
                for failed in answer.get("Errors", ()):
                    raise AwsError("DeleteObjects", failed["Code"], f"{failed['Key']}: {failed.get('Message', '')}")
    s3.delete_bucket(Bucket=bucket)


KINDS = (
    Kind(
        type="aws:s3/bucket:Bucket",
        inputs=frozenset({"bucket", "bucketPrefix", "forceDestroy", "objectLockEnabled", "tags"}),
        create=create_bucket,
        finish=finish_bucket,
        read=read_bucket,
        update=update_bucket,
        delete=delete_bucket,
        replaces=frozenset({"bucket", "bucketPrefix", "objectLockEnabled"}),
        name="bucket",
        prefix="bucketPrefix",
        name_limit=63,
        local={"forceDestroy": False, "objectLockEnabled": False},
        computed=frozenset({"objectLockEnabled"}),
        untold=frozenset({"hostedZoneId", "websiteDomain", "websiteEndpoint"}),
        derived={
            **TAGS_ARE,
            "arn": ("bucket", "bucketPrefix"),
            "bucketDomainName": ("bucket", "bucketPrefix"),
            "bucketRegionalDomainName": ("bucket", "bucketPrefix"),
        },
    ),
)
