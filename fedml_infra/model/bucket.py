"""Where a node keeps its payloads: a bucket, and possibly a prefix in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from fedml_infra.model.mistake import MistakeError, text

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
# No *, ? or $: the prefix becomes part of ARN patterns, where those mean something.
_PREFIX = re.compile(r"[A-Za-z0-9!_.()=@+-]+(/[A-Za-z0-9!_.()=@+-]+)*")
_PREFIX_LIMIT = 512


@dataclass(frozen=True)
class BucketLocation:
    """A bucket and the prefix of a node's objects in it, without slashes around; "" where the whole bucket is it."""

    bucket: str
    prefix: str = ""

    @classmethod
    def parse(cls, given: str) -> BucketLocation:
        """`bucket` or `bucket/prefix`. MistakeError (a ValueError) otherwise."""
        if given.startswith(("s3://", "arn:")):
            bare = given.removeprefix("s3://").rsplit(":", 1)[-1].rstrip("/*")
            raise MistakeError(f"{given!r} is an address, not a bucket", f"write {bare}")
        bucket, slash, prefix = given.partition("/")
        location = cls(bucket_name(bucket), prefix.removesuffix("/") if slash else "")
        if location.prefix:
            _check_prefix(location.prefix)
        return location

    @property
    def objects(self) -> str:
        """The pattern of its objects as an ARN ends: `<bucket>/<prefix>/*` or `<bucket>/*`."""
        return f"{self}/*"

    def overlaps(self, other: BucketLocation) -> bool:
        """Whether an object can lie in both: the same bucket, and one prefix is the other or a folder above it."""
        if self.bucket != other.bucket:
            return False
        mine, theirs = self.prefix.split("/"), other.prefix.split("/")
        if not self.prefix or not other.prefix:
            return True
        shorter = min(len(mine), len(theirs))
        return mine[:shorter] == theirs[:shorter]

    def __str__(self) -> str:
        return f"{self.bucket}/{self.prefix}" if self.prefix else self.bucket


def bucket_name(given: str) -> str:
    """A name that S3 accepts (Amazon S3, "General purpose bucket naming rules"). MistakeError otherwise."""
    refused = f"{given!r} is not a bucket name"
    if not 3 <= len(given) <= 63:
        raise MistakeError(f"{refused}: it has {len(given)} characters", "use 3 to 63")
    if not _NAME.fullmatch(given):
        suggestion = re.sub(r"[^a-z0-9.-]", "-", given.lower()).strip("-.")
        fix = "use lower-case letters, digits, hyphens and dots; begin and end with a letter or digit"
        raise MistakeError(refused, f"{fix}, as {suggestion}" if _NAME.fullmatch(suggestion) else fix)
    if ".." in given or _ADDRESS.fullmatch(given):
        raise MistakeError(refused, "it may hold no two dots in a row and look like no IP address")
    if given.startswith(_RESERVED_STARTS) or given.endswith(_RESERVED_ENDS):
        raise MistakeError(f"{refused}: S3 keeps such beginnings and ends for itself", "choose another")
    return given


def bucket_location(value: object) -> BucketLocation:
    """A BucketLocation of a value in a stack file. MistakeError where it is none."""
    return value if isinstance(value, BucketLocation) else BucketLocation.parse(text(value))


def _check_prefix(prefix: str) -> None:
    if not _PREFIX.fullmatch(prefix):
        raise MistakeError(
            f"{prefix!r} is not a usable prefix",
            "use letters, digits and !_.()=@+- between single slashes, as bucket/updates/site-1",
        )
    if any(part in {".", ".."} for part in prefix.split("/")):
        raise MistakeError(f"{prefix!r} is not a usable prefix", "leave out . and ..")
    if len(prefix) > _PREFIX_LIMIT:
        raise MistakeError(f"the prefix has {len(prefix)} characters", f"use at most {_PREFIX_LIMIT}")


BucketText = Annotated[
    BucketLocation,
    BeforeValidator(bucket_location),
    WithJsonSchema({"type": "string", "pattern": r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.()=@+-]+)*/?$"}),
]
BucketName = Annotated[
    str,
    BeforeValidator(lambda value: bucket_name(text(value))),
    WithJsonSchema({"type": "string", "pattern": r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"}),
]
