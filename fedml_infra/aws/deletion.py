"""The deletion of payloads, which nothing but `destroy --delete-data` does."""

from __future__ import annotations

from fedml_infra.aws.failures import translating
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import ResourceError


def delete_objects(access: Access, region: str, bucket: str, prefix: str = "", *, account: str) -> int:
    """Delete everything under the prefix ("" is the whole bucket), old versions too; the number of versions deleted.

    1,000 a call, S3's most (API_DeleteObjects). Raises ResourceError that names the first object that S3 kept, and
    what `translate` tells; what was deleted by then stays deleted, and the same call goes on.
    """
    s3 = client("s3", access, region)
    under = f"{prefix}/" if prefix else ""
    deleted = 0
    with translating("delete the objects of bucket", bucket):
        pages = s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix=under, ExpectedBucketOwner=account
        )
        for page in pages:
            rows = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if not rows:
                continue
            answer = s3.delete_objects(
                Bucket=bucket,
                Delete={"Objects": [{"Key": row["Key"], "VersionId": row["VersionId"]} for row in rows], "Quiet": True},
                ExpectedBucketOwner=account,
            )
            for refused in answer.get("Errors", []):
                raise ResourceError(
                    f"could not delete {bucket}/{refused.get('Key')}: S3 answered {refused.get('Code')}",
                    fix="Whoever runs this needs s3:DeleteObject and s3:DeleteObjectVersion on the bucket; "
                    "a retention lock has to run out.",
                )
            deleted += len(rows)
    return deleted
