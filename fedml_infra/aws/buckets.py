"""What a bucket is before anything is done to it, and what an adopted one lacks.

Adopted buckets are read here and never written to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fedml_infra.aws.failures import code_of, is_absent, is_denied, status_of, translate, translating
from fedml_infra.aws.parallel import each
from fedml_infra.aws.sessions import Access, client, still_valid
from fedml_infra.errors import ConfigurationError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

    from fedml_infra.model.resources import NodeResources
    from fedml_infra.model.schedule import Schedule

DAY = 86_400
"""Seconds."""


class BucketKind(StrEnum):
    """Whose a bucket is."""

    ABSENT = "absent"
    OWN = "own"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class BucketState:
    """Whether a bucket exists, whose it is and where."""

    bucket: str
    kind: BucketKind
    region: str | None = None
    """Told by AWS for every bucket that exists, also for another's."""


@dataclass(frozen=True)
class Gap:
    """One thing that a bucket made by us has and this one lacks."""

    aspect: str
    warning: str

    def __str__(self) -> str:
        return self.warning


def bucket_state(access: Access, region: str, bucket: str, *, account: str) -> BucketState:
    """Whose the bucket is: HeadBucket with ExpectedBucketOwner, as `account`.

    S3 answers 404 where there is none, 403 where it is another account's (or these credentials may not look), and 301
    where it is in another region, which is then asked.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
    Raises what `translate` tells; a HEAD has no body, so a 400 is explained by asking STS.
    """
    try:
        head = client("s3", access, region).head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
        return BucketState(bucket, BucketKind.OWN, head.get("BucketRegion") or _region_in(head))
    except Exception as error:
        status, where = status_of(error), _region_in(getattr(error, "response", None))
        if status == 404:
            return BucketState(bucket, BucketKind.ABSENT)
        if status == 301 and where is not None and where != region:
            return bucket_state(access, where, bucket, account=account)
        if status == 403:
            # Credentials that are not valid are answered with 403 as well: STS tells.
            still_valid(access, region)
            mine = _lists_bucket(access, region, bucket)
            return BucketState(bucket, BucketKind.OWN if mine else BucketKind.FOREIGN, where)
        if status == 400:
            still_valid(access, region)
        with translating("look at bucket", bucket):
            raise


def has_objects(access: Access, region: str, bucket: str, prefix: str = "", *, account: str) -> bool:
    """Whether anything lies under the prefix ("" is the whole bucket); old versions count, as they stop a deletion.

    In a bucket that is gone nothing lies: a `destroy` that was cut off may have deleted it already.
    """
    s3 = client("s3", access, region)
    under = f"{prefix}/" if prefix else ""
    try:
        found = s3.list_object_versions(Bucket=bucket, Prefix=under, MaxKeys=1, ExpectedBucketOwner=account)
    except Exception as error:
        if is_absent(error):
            return False
        raise translate(error, doing="list the objects of bucket", subject=bucket) from None
    return bool(found.get("Versions") or found.get("DeleteMarkers"))


def hardening_gaps(
    access: Access, region: str, bucket: str, *, account: str, prefix: str = "", retention_seconds: int
) -> tuple[Gap, ...]:
    """What an adopted bucket lacks of what a made one has, a readable warning each; nothing is changed.

    What these credentials may not read is a warning as well.
    """
    s3 = client("s3", access, region)
    asked: tuple[tuple[str, Callable[[], Iterable[Gap]]], ...] = (
        ("public access", lambda: _public_access(s3, bucket, account)),
        ("ownership", lambda: _ownership(s3, bucket, account)),
        ("encryption", lambda: _encryption(s3, bucket, account)),
        ("transport", lambda: _transport(s3, bucket, account)),
        ("lifecycle", lambda: _lifecycle(s3, bucket, account, prefix, retention_seconds)),
    )
    gaps: list[Gap] = []
    for outcome in each(lambda entry: tuple(entry[1]()), asked):
        aspect = outcome.item[0]
        if outcome.error is None:
            gaps.extend(outcome.unwrap())
        elif is_denied(outcome.error):
            gaps.append(Gap(aspect, f"bucket {bucket}: its {aspect} settings could not be read (access denied)"))
        else:
            raise translate(outcome.error, doing=f"read the {aspect} settings of bucket", subject=bucket) from None
    return tuple(gaps)


def require_adoptable(access: Access, node: NodeResources, retention: Schedule) -> tuple[str, ...]:
    """Makes sure that a node's `adopt_bucket` names a bucket of its own account; returns what the bucket lacks.

    Reads only. Raises ConfigurationError where there is no such bucket, or it is another account's.
    """
    state = bucket_state(access, node.region, node.bucket, account=node.account)
    if state.kind is BucketKind.ABSENT:
        raise ConfigurationError(
            f"node {node.pid}: there is no bucket {node.bucket} to adopt",
            fix="Check s3_bucket, or take adopt_bucket out, so that the bucket is made.",
        )
    if state.kind is BucketKind.FOREIGN:
        raise ConfigurationError(
            f"node {node.pid}: bucket {node.bucket} is not of account {node.account}, or these credentials may not "
            "look at it",
            fix="Choose a bucket of the node's own account, or give whoever runs the stack s3:ListBucket on it.",
        )
    warnings = []
    if state.region is not None and state.region != node.region:
        warnings.append(
            f"bucket {node.bucket} is in {state.region}, its node in {node.region}: AWS charges for what goes across"
        )
    gaps = hardening_gaps(
        access,
        state.region or node.region,
        node.bucket,
        account=node.account,
        prefix=node.prefix,
        retention_seconds=retention.seconds,
    )
    return (*warnings, *map(str, gaps))


def _region_in(response: Any) -> str | None:
    headers = (response or {}).get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region")
    return str(region) if region else None


def _lists_bucket(access: Access, region: str, bucket: str) -> bool:
    """Whether the bucket is in the account's own list: then HeadBucket was refused for want of s3:ListBucket only."""
    try:
        pages = client("s3", access, region).get_paginator("list_buckets").paginate(Prefix=bucket)
        return any(row.get("Name") == bucket for page in pages for row in page.get("Buckets", []))
    except Exception as error:
        if is_denied(error):
            return False
        raise translate(error, doing="list the buckets of", subject=str(access)) from None


def _unless_absent(read: Callable[[], Mapping[str, Any]], *absent: str) -> Mapping[str, Any]:
    """What a setting is, {} where AWS says it was never set."""
    try:
        return read()
    except Exception as error:
        if code_of(error) in absent:
            return {}
        raise


def _public_access(s3: S3Client, bucket: str, account: str) -> Iterable[Gap]:
    settings = _unless_absent(
        lambda: s3.get_public_access_block(Bucket=bucket, ExpectedBucketOwner=account),
        "NoSuchPublicAccessBlockConfiguration",
    ).get("PublicAccessBlockConfiguration", {})
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    if off := [name for name in names if not settings.get(name)]:
        yield Gap(
            "public access",
            f"bucket {bucket}: public access is not blocked by the bucket itself ({', '.join(off)} off); "
            "whether the account blocks it is not looked at",
        )


def _ownership(s3: S3Client, bucket: str, account: str) -> Iterable[Gap]:
    rules = (
        _unless_absent(
            lambda: s3.get_bucket_ownership_controls(Bucket=bucket, ExpectedBucketOwner=account),
            "OwnershipControlsNotFoundError",
        )
        .get("OwnershipControls", {})
        .get("Rules", [])
    )
    if not any(rule.get("ObjectOwnership") == "BucketOwnerEnforced" for rule in rules):
        yield Gap("ownership", f"bucket {bucket}: ACLs are in force; set its object ownership to BucketOwnerEnforced")


def _encryption(s3: S3Client, bucket: str, account: str) -> Iterable[Gap]:
    rules = (
        _unless_absent(
            lambda: s3.get_bucket_encryption(Bucket=bucket, ExpectedBucketOwner=account),
            "ServerSideEncryptionConfigurationNotFoundError",
        )
        .get("ServerSideEncryptionConfiguration", {})
        .get("Rules", [])
    )
    if not any(rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules):
        yield Gap("encryption", f"bucket {bucket}: objects are not encrypted by default; set SSE-S3 or SSE-KMS")


def _transport(s3: S3Client, bucket: str, account: str) -> Iterable[Gap]:
    text = _unless_absent(
        lambda: s3.get_bucket_policy(Bucket=bucket, ExpectedBucketOwner=account), "NoSuchBucketPolicy"
    ).get("Policy")
    if not text or not denies_plain_http(json.loads(text), bucket):
        yield Gap("transport", f"bucket {bucket}: its policy does not deny plain HTTP (aws:SecureTransport)")


def denies_plain_http(policy: Mapping[str, Any], bucket: str) -> bool:
    """Whether a bucket policy refuses everybody everything over plain HTTP: one Deny under that condition alone."""
    for statement in _several(policy.get("Statement")):
        condition = statement.get("Condition", {})
        wanted = {"aws:securetransport": ["false"]}
        said = {
            operator: {key.lower(): [str(v).lower() for v in _several(value)] for key, value in keys.items()}
            for operator, keys in condition.items()
        }
        resources = set(_several(statement.get("Resource")))
        if (
            statement.get("Effect") == "Deny"
            and statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
            and {"s3:*", "*"} & set(_several(statement.get("Action")))
            and any(r == "*" or (r.startswith("arn:") and r.endswith(f":::{bucket}/*")) for r in resources)
            and any(said == {operator: wanted} for operator in ("Bool", "BoolIfExists"))
        ):
            return True
    return False


def _lifecycle(s3: S3Client, bucket: str, account: str, prefix: str, retention: int) -> Iterable[Gap]:
    rules = _unless_absent(
        lambda: s3.get_bucket_lifecycle_configuration(Bucket=bucket, ExpectedBucketOwner=account),
        "NoSuchLifecycleConfiguration",
    ).get("Rules", [])
    where = f"{bucket}/{prefix}/" if prefix else bucket
    covering = [rule for rule in rules if rule.get("Status") == "Enabled" and _covers(rule, prefix)]
    days = sorted(rule["Expiration"]["Days"] for rule in covering if rule.get("Expiration", {}).get("Days"))
    if not days:
        yield Gap("lifecycle", f"bucket {bucket}: no lifecycle rule ever deletes the payloads under {where}")
    elif days[0] * DAY < retention:
        yield Gap(
            "lifecycle",
            f"bucket {bucket}: a lifecycle rule deletes what is under {where} after {days[0]} days, sooner than "
            f"messages that name it are kept ({-(-retention // DAY)} days)",
        )
    if not any(rule.get("AbortIncompleteMultipartUpload") for rule in covering):
        yield Gap("lifecycle", f"bucket {bucket}: unfinished multipart uploads under {where} are never cleaned up")


def _covers(rule: Mapping[str, Any], prefix: str) -> bool:
    """Whether a rule holds for every object of the prefix: no tag or size asked for, and no longer prefix."""
    chosen: Mapping[str, Any] = rule.get("Filter") or {}
    chosen = chosen.get("And") or chosen
    if set(chosen) - {"Prefix"}:
        return False
    return (f"{prefix}/" if prefix else "").startswith(chosen.get("Prefix") or rule.get("Prefix") or "")


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
