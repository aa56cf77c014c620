"""Buckets that nobody outside the account can reach by accident: no public access, no ACLs, encrypted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fedml_infra.gitops.policy_pack.seen import BUCKETS, UNKNOWN, Finding, Resource, Stack, reaching

_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
_ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
)
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_OPEN_ACLS = frozenset({"public-read", "public-read-write", "authenticated-read"})
_EVERYBODY = ("/global/AllUsers", "/global/AuthenticatedUsers")


def blocks_public_access(resource: Resource) -> Iterator[Finding]:
    """A public-access block blocks all four ways."""
    if resource.kind != _BLOCK:
        return
    open_ways = [name for name in _BLOCKS if resource.get(name) not in (True, "true", UNKNOWN)]
    if open_ways:
        yield resource.wrong(
            f"leaves public access open by {', '.join(open_ways)}", f"Set all of {', '.join(_BLOCKS)} to true"
        )
    elif any(resource.get(name) is UNKNOWN for name in _BLOCKS):
        yield resource.unsure("what it blocks")


def enforces_ownership(resource: Resource) -> Iterator[Finding]:
    """Ownership controls turn ACLs off."""
    rule = resource.get("rule")
    if resource.kind != _OWNERSHIP:
        return
    owner = rule.get("objectOwnership") if isinstance(rule, Mapping) else rule
    if owner is UNKNOWN:
        yield resource.unsure("its objectOwnership")
    elif owner != "BucketOwnerEnforced":
        yield resource.wrong(
            f"leaves ACLs on: objectOwnership is {owner}",
            "Set rule.objectOwnership to BucketOwnerEnforced, so that policies alone decide",
        )


def no_open_acl(resource: Resource) -> Iterator[Finding]:
    """No ACL, of a bucket or an object, opens it to everybody."""
    if not resource.kind.startswith("aws:s3/"):
        return
    fix = "Take the ACL out: with BucketOwnerEnforced there is none, and a policy says who may read"
    acl = resource.get("acl")
    if acl is UNKNOWN:
        yield resource.unsure("its acl")
    elif acl in _OPEN_ACLS:
        yield resource.wrong(f"is open to everybody by its acl {acl}", fix)
    opened = sorted({uri.rpartition("/")[2] for uri in _texts(_grants(resource)) if uri.endswith(_EVERYBODY)})
    if opened:
        yield resource.wrong(f"is open to {', '.join(opened)} by its ACL", fix)


def is_complete(stack: Stack) -> Iterator[Finding]:
    """Every bucket has a public-access block, ownership controls and stated encryption."""
    wanted = (
        ((_BLOCK,), None, "no public-access block", "Add a BucketPublicAccessBlock with all four set to true"),
        (
            (_OWNERSHIP,),
            None,
            "no ownership controls, so ACLs count",
            "Add BucketOwnershipControls with rule.objectOwnership BucketOwnerEnforced",
        ),
        (
            _ENCRYPTION,
            "serverSideEncryptionConfiguration",
            "no encryption stated",
            "Add a BucketServerSideEncryptionConfiguration with AES256 or aws:kms",
        ),
    )
    for bucket in stack.of(*BUCKETS):
        for kinds, inline, what, fix in wanted:
            reach = reaching(stack, kinds, "bucket", bucket, "bucket", "id")
            if reach.found or (inline is not None and bucket.get(inline)):
                continue
            if reach.perhaps:
                yield bucket.unsure(f"whether it has {kinds[0].rpartition(':')[2]}")
            else:
                yield bucket.wrong(f"has {what}", fix)


def _grants(resource: Resource) -> Any:
    policy = resource.get("accessControlPolicy")
    return [resource.get("grants"), policy]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
