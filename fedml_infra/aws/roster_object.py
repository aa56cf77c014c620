"""The roster's object in the hub's bucket: read by members, written by the hub, never over one that was not read."""

from __future__ import annotations

from dataclasses import dataclass, field

from fedml_infra.aws.failures import code_of, is_absent, status_of, translate
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import ResourceError
from fedml_infra.policies.bucket import ROSTER_KEY

LARGEST = 4 * 1024 * 1024
"""Bytes; a roster of 600 members has about 0.3 MB."""

_MISSED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


@dataclass(frozen=True)
class StoredRoster:
    """The object as it was read."""

    body: bytes = field(repr=False)
    etag: str
    """As S3 gives it; what `put_roster` replaces."""


class RosterChangedError(ResourceError):
    """Somebody else wrote the roster since it was read."""


def get_roster(access: Access, region: str, bucket: str, *, owner: str) -> StoredRoster | None:
    """The object; None where the bucket is there and has none. `owner` is the hub's account (ExpectedBucketOwner).

    Raises PolicyError where it may not be read, which is how S3 answers who is no member; ResourceError where there is
    no such bucket, or the object is larger than any roster.
    """
    s3 = client("s3", access, region)
    try:
        answer = s3.get_object(Bucket=bucket, Key=ROSTER_KEY, ExpectedBucketOwner=owner)
        body = answer["Body"].read(LARGEST + 1)
    except Exception as error:
        if is_absent(error) and code_of(error) != "NoSuchBucket":
            return None
        raise translate(error, doing="read", subject=f"{bucket}/{ROSTER_KEY}") from None
    if len(body) > LARGEST:
        raise ResourceError(
            f"{bucket}/{ROSTER_KEY} is larger than any roster", fix="Ask the administrator who has written to it."
        )
    return StoredRoster(body, answer["ETag"])


def put_roster(access: Access, region: str, bucket: str, body: bytes, *, account: str, replacing: str | None) -> None:
    """Writes the object in the account's own bucket: over the one of the ETag `replacing`, or where there is none.

    S3 decides, in one step (Amazon S3, "Conditional writes": If-Match and If-None-Match). Raises RosterChangedError
    where it was written meanwhile.
    """
    s3 = client("s3", access, region)
    condition = {"IfNoneMatch": "*"} if replacing is None else {"IfMatch": replacing}
    try:
        s3.put_object(
            Bucket=bucket,
            Key=ROSTER_KEY,
            Body=body,
            ContentType="application/json",
            ExpectedBucketOwner=account,
            **condition,  # type: ignore[arg-type]
        )
    except Exception as error:
        if code_of(error) in _MISSED or status_of(error) == 412 or (replacing is not None and is_absent(error)):
            raise RosterChangedError(
                f"{bucket}/{ROSTER_KEY} was written by another run meanwhile", fix="Run the same command again."
            ) from None
        raise translate(error, doing="write", subject=f"{bucket}/{ROSTER_KEY}") from None
