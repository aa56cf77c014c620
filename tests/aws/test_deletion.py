"""The deletion of payloads: all of a prefix, and nothing beside it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from fedml_infra.aws.buckets import has_objects
from fedml_infra.aws.deletion import delete_objects
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import PolicyError, ResourceError

from .conftest import ACCOUNT, REGION

BUCKET = "charite-fed"


@pytest.fixture
def s3(moto: None) -> Any:
    made = client("s3", Access(), REGION)
    made.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return made


def delete(prefix: str = "") -> int:
    return delete_objects(Access(), REGION, BUCKET, prefix, account=ACCOUNT)


def test_an_empty_bucket(s3: Any) -> None:
    assert delete() == 0


def test_everything_under_the_prefix_goes_and_its_neighbours_stay(s3: Any) -> None:
    for key in ("updates/a", "updates/b/c", "updates-2/a", "updates", "other"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    assert delete("updates") == 2
    left = [row["Key"] for row in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert left == ["other", "updates", "updates-2/a"]


def test_old_versions_and_delete_markers_go_too(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket=BUCKET, Key="x", Body=body)
    s3.delete_object(Bucket=BUCKET, Key="x")
    assert delete() == 3
    assert not has_objects(Access(), REGION, BUCKET, account=ACCOUNT)


def test_each_page_is_deleted_and_the_owner_named_every_time(credentials: None) -> None:
    row = {"Key": "updates/x", "VersionId": "v1"}
    listed = {"Bucket": BUCKET, "Prefix": "updates/", "ExpectedBucketOwner": ACCOUNT}
    deleted = {"Bucket": BUCKET, "Delete": {"Objects": [row], "Quiet": True}, "ExpectedBucketOwner": ACCOUNT}
    more = {"IsTruncated": True, "NextKeyMarker": "updates/x", "NextVersionIdMarker": "v1"}
    with Stubber(client("s3", Access(), REGION)) as stub:
        stub.add_response("list_object_versions", {"Versions": [row], **more}, listed)
        stub.add_response("delete_objects", {}, deleted)
        next_page = {**listed, "KeyMarker": "updates/x", "VersionIdMarker": "v1"}
        stub.add_response("list_object_versions", {"Versions": [row], "IsTruncated": False}, next_page)
        stub.add_response("delete_objects", {}, deleted)
        assert delete("updates") == 2
        stub.assert_no_pending_responses()


def test_an_object_that_s3_keeps_is_named(credentials: None) -> None:
    row = {"Key": "x", "VersionId": "v1"}
    with Stubber(client("s3", Access(), REGION)) as stub:
        stub.add_response("list_object_versions", {"Versions": [row], "IsTruncated": False})
        stub.add_response("delete_objects", {"Errors": [{"Key": "x", "Code": "AccessDenied"}]})
        with pytest.raises(ResourceError, match="could not delete charite-fed/x: S3 answered AccessDenied"):
            delete()


def test_another_accounts_bucket_is_refused_before_anything_is_deleted(credentials: None) -> None:
    with Stubber(client("s3", Access(), REGION)) as stub:
        stub.add_client_error("list_object_versions", "AccessDenied", http_status_code=403)
        with pytest.raises(PolicyError, match=BUCKET):
            delete()
