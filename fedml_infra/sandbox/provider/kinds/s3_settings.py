"""S3: what is set on a bucket: policy, public access block, ownership, encryption, lifecycle, versioning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from fedml_infra.sandbox.provider import documents
from fedml_infra.sandbox.provider.context import Context
from fedml_infra.sandbox.provider.kind import Change, Kind, OneOf
from fedml_infra.sandbox.provider.kinds.s3 import owns_bucket
from fedml_infra.sandbox.provider.kinds.shared import camel, document_on, pascal
from fedml_infra.sandbox.provider.refusals import AwsError, is_gone
from fedml_infra.sandbox.provider.wire import Props

SPELLING = {
    "id": "ID",
    "sseAlgorithm": "SSEAlgorithm",
    "kmsMasterKeyId": "KMSMasterKeyID",
    "mfaDelete": "MFADelete",
}

NOT_SET = (
    "NoSuchBucketPolicy",
    "OwnershipControlsNotFoundError",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchLifecycleConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
)
"""Codes that mean: the bucket is there, this setting is not."""

ACCESS_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


# -- the owner that is expected


def split(identity: str) -> tuple[str, Props]:
    """Bucket, and the owner expected, of an id `bucket` or `bucket,owner`."""
    bucket, _, owner = identity.partition(",")
    return bucket, ({"expectedBucketOwner": owner} if owner else {})


def expecting(context: Context, operation: str, bucket: str, owner: str | None) -> Props:
    """The arguments that name the bucket and its owner. Raises AccessDenied for a wrong owner, as S3 does.

    Source: S3's "Verifying bucket ownership with bucket owner condition".
    """
    if not owner:
        return {"Bucket": bucket}
    if (owner == context.account) != owns_bucket(context, bucket):
        context.client("s3").head_bucket(Bucket=bucket)  # one that is not there says so instead
        raise AwsError(operation, "AccessDenied", f"Access Denied: bucket {bucket} is not of account {owner}")
    return {"Bucket": bucket, "ExpectedBucketOwner": owner}


def setting(
    type_: str,
    prop: str,
    what: str,
    argument: str,
    to_aws: Callable[[Any], Any],
    from_aws: Callable[[Mapping[str, Any]], Any],
    *,
    delete: str | None,
    inputs: Iterable[str] = (),
    extra: Mapping[str, str] | None = None,
    sets: Iterable[str] = (),
    defaults: Mapping[str, Any] | None = None,
    computed: Iterable[str] = (),
    drop: Callable[[Context, str, Props], None] | None = None,
) -> Kind:
    """A setting of a bucket: `put_bucket_<what>`, `get_bucket_<what>` and the call `delete`.

    `extra` are further properties that are arguments of the same call.
    """
    extra = extra or {}

    def put(context: Context, properties: Props) -> None:
        owner = expecting(context, f"PutBucket{argument}", properties["bucket"], properties.get("expectedBucketOwner"))
        more = {name: properties[key] for key, name in extra.items() if properties.get(key)}
        call = getattr(context.client("s3"), f"put_bucket_{what}")
        value = {argument: to_aws(properties[prop])}
        context.retry(lambda: call(**owner, **value, **more))

    def create(context: Context, inputs: Props) -> str:
        put(context, inputs)
        owner = inputs.get("expectedBucketOwner")
        return f"{inputs['bucket']},{owner}" if owner else str(inputs["bucket"])

    def read(context: Context, identity: str, last: Props) -> Props | None:
        del last
        bucket, owner = split(identity)
        try:
            answer = getattr(context.client("s3"), f"get_bucket_{what}")(Bucket=bucket)
        except Exception as error:
            if is_gone(error, *NOT_SET):
                return None
            raise
        if (value := from_aws(answer)) is None:
            return None
        more = {key: answer[name] for key, name in extra.items() if name in answer}
        return {"bucket": bucket, prop: value, **owner, **more}

    def remove(context: Context, identity: str, state: Props) -> None:
        if drop is not None:
            drop(context, identity, state)
        elif delete is not None:
            bucket, owner = split(identity)
            arguments = expecting(context, delete, bucket, owner.get("expectedBucketOwner"))
            context.retry(lambda: getattr(context.client("s3"), delete)(**arguments))

    return Kind(
        type=type_,
        inputs=frozenset({"bucket", prop, *inputs}),
        create=create,
        read=read,
        update=lambda context, _identity, change: put(context, change.new),
        delete=remove,
        gone=frozenset(NOT_SET),
        replaces=frozenset({"bucket", *({"expectedBucketOwner"} & set(inputs))}),
        sets=frozenset(sets),
        defaults=defaults or {},
        computed=frozenset(computed),
    )


# -- lifecycle


def lifecycle_to_aws(rules: list[Props]) -> Props:
    """Rules as S3 wants them. Raises what S3 would say to wrong ones."""
    refuse = "PutBucketLifecycleConfiguration"
    actions = {
        "expiration",
        "abortIncompleteMultipartUpload",
        "noncurrentVersionExpiration",
        "noncurrentVersionTransitions",
        "transitions",
    }
    if not rules or any((rule.get("filter") is None) == (rule.get("prefix") is None) for rule in rules):
        raise AwsError(
            refuse,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema "
            "(each rule needs a filter; filter: {prefix: ''} is the whole bucket)",
        )
    if not all(actions & {name for name, value in rule.items() if value} for rule in rules):
        raise AwsError(refuse, "InvalidRequest", "At least one action needs to be specified in a rule")
    identities = [rule.get("id") for rule in rules]
    if len(identities) != len(set(identities)):
        raise AwsError(refuse, "InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
    return {"Rules": [pascal({**rule, **_filter_to_aws(rule)}, SPELLING) for rule in rules]}


def _filter_to_aws(rule: Props) -> Props:
    if rule.get("filter") is None:
        return {}
    chosen = {name: value for name, value in rule["filter"].items() if value not in (None, {})}
    if "and" in chosen and "tags" in chosen["and"]:
        tags = [{"key": key, "value": value} for key, value in chosen["and"]["tags"].items()]
        chosen["and"] = {**chosen["and"], "tags": tags}
    return {"filter": chosen or {"prefix": ""}}


def lifecycle_from_aws(answer: Mapping[str, Any]) -> list[Props]:
    """Rules as Pulumi has them."""
    rules: list[Props] = camel(_dates_as_text(answer["Rules"]), SPELLING)
    for rule in rules:
        both = (rule.get("filter") or {}).get("and")
        if both and "tags" in both:
            both["tags"] = {tag["key"]: tag["value"] for tag in both["tags"]}
    return rules


def _dates_as_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, dict):
        return {key: _dates_as_text(item) for key, item in value.items()}
    return [_dates_as_text(item) for item in value] if isinstance(value, list) else value


# -- versioning


def suspend_versioning(context: Context, identity: str, state: Props) -> None:
    """Versioning cannot be taken off a bucket that had it, only suspended."""
    if (state.get("versioningConfiguration") or {}).get("status") == "Enabled":
        bucket, owner = split(identity)
        arguments = expecting(context, "PutBucketVersioning", bucket, owner.get("expectedBucketOwner"))
        context.client("s3").put_bucket_versioning(**arguments, VersioningConfiguration={"Status": "Suspended"})


# -- public access block


def put_access_block(context: Context, inputs: Props) -> str:
    """Set all four; what is not asked for is off."""
    blocks = pascal({name: bool(inputs.get(name)) for name in ACCESS_BLOCKS}, {})
    context.retry(
        lambda: context.client("s3").put_public_access_block(
            Bucket=inputs["bucket"], PublicAccessBlockConfiguration=blocks
        )
    )
    return str(inputs["bucket"])


def read_access_block(context: Context, bucket: str, last: Props) -> Props | None:
    """The four blocks as they are."""
    del last
    try:
        blocks = context.client("s3").get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except Exception as error:
        if is_gone(error, *NOT_SET):
            return None
        raise
    return {"bucket": bucket, **{name: bool(blocks.get(name[0].upper() + name[1:])) for name in ACCESS_BLOCKS}}


def update_access_block(context: Context, bucket: str, change: Change) -> None:
    """Set all four again."""
    del bucket
    put_access_block(context, change.new)


def delete_access_block(context: Context, bucket: str, state: Props) -> None:
    """Take it off, unless the bucket is to keep it."""
    if not state.get("skipDestroy"):
        context.client("s3").delete_public_access_block(Bucket=bucket)


# -- policy


def _put_policy(context: Context, bucket: str, text: str) -> None:
    documents.bucket_policy(text, bucket)
    context.retry(lambda: context.client("s3").put_bucket_policy(Bucket=bucket, Policy=text))


def _get_policy(context: Context, bucket: str, last: Props) -> str | None:
    del last
    policy: str | None = context.client("s3").get_bucket_policy(Bucket=bucket).get("Policy")
    return policy


def _drop_policy(context: Context, bucket: str) -> None:
    context.client("s3").delete_bucket_policy(Bucket=bucket)


KINDS = (
    document_on(
        "aws:s3/bucketPolicy:BucketPolicy",
        "bucket",
        "policy",
        put=_put_policy,
        get=_get_policy,
        drop=_drop_policy,
        gone=NOT_SET,
    ),
    Kind(
        type="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        inputs=frozenset({"bucket", "skipDestroy", *ACCESS_BLOCKS}),
        create=put_access_block,
        read=read_access_block,
        update=update_access_block,
        delete=delete_access_block,
        gone=frozenset(NOT_SET),
        replaces=frozenset({"bucket"}),
        defaults=dict.fromkeys(ACCESS_BLOCKS, False),
        local={"skipDestroy": False},
    ),
    setting(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "rule",
        "ownership_controls",
        "OwnershipControls",
        lambda rule: {"Rules": [pascal(rule, SPELLING)]},
        lambda answer: camel(answer["OwnershipControls"]["Rules"][0], SPELLING),
        delete="delete_bucket_ownership_controls",
    ),
    setting(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "rules",
        "encryption",
        "ServerSideEncryptionConfiguration",
        lambda rules: {"Rules": pascal(rules, SPELLING)},
        lambda answer: camel(answer["ServerSideEncryptionConfiguration"]["Rules"], SPELLING),
        delete="delete_bucket_encryption",
        inputs=("expectedBucketOwner",),
    ),
    setting(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "rules",
        "lifecycle_configuration",
        "LifecycleConfiguration",
        lifecycle_to_aws,
        lifecycle_from_aws,
        delete="delete_bucket_lifecycle",
        inputs=("expectedBucketOwner", "transitionDefaultMinimumObjectSize"),
        extra={"transitionDefaultMinimumObjectSize": "TransitionDefaultMinimumObjectSize"},
        sets=("rules",),
        computed=("expectedBucketOwner", "transitionDefaultMinimumObjectSize"),
        defaults={"transitionDefaultMinimumObjectSize": OneOf(("all_storage_classes_128K", ""))},
    ),
    setting(
        "aws:s3/bucketVersioning:BucketVersioning",
        "versioningConfiguration",
        "versioning",
        "VersioningConfiguration",
        lambda configuration: pascal(configuration, SPELLING),
        lambda answer: {"status": answer["Status"]} if answer.get("Status") else None,
        delete=None,
        drop=suspend_versioning,
        inputs=("expectedBucketOwner",),
    ),
)
