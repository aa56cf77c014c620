"""The roster's object: S3 decides who writes, and a reader learns which of three things is so."""

from __future__ import annotations

import pytest

from fedml_infra.aws.roster_object import LARGEST, RosterChangedError, get_roster, put_roster
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import ResourceError
from tests.aws.conftest import ACCOUNT, REGION

BUCKET = "fedml-cardio-roster"


@pytest.fixture
def bucket(moto: None) -> str:
    client("s3", Access(), REGION).create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return BUCKET


def put(body: bytes, replacing: str | None) -> None:
    put_roster(Access(), REGION, BUCKET, body, account=ACCOUNT, replacing=replacing)


def test_what_is_put_comes_back(bucket: str) -> None:
    assert get_roster(Access(), REGION, bucket, owner=ACCOUNT) is None
    put(b"one", None)
    first = get_roster(Access(), REGION, bucket, owner=ACCOUNT)
    assert first is not None and first.body == b"one"
    put(b"two", first.etag)
    second = get_roster(Access(), REGION, bucket, owner=ACCOUNT)
    assert second is not None and second.body == b"two"


def test_a_first_roster_is_not_written_over_another(bucket: str) -> None:
    put(b"one", None)
    with pytest.raises(RosterChangedError):
        put(b"two", None)


def test_a_roster_that_was_not_read_is_not_written_over(bucket: str) -> None:
    put(b"one", None)
    old = get_roster(Access(), REGION, bucket, owner=ACCOUNT)
    assert old is not None
    put(b"two", old.etag)
    with pytest.raises(RosterChangedError):
        put(b"three", old.etag)


def test_no_bucket_is_not_no_roster(moto: None) -> None:
    with pytest.raises(ResourceError):
        get_roster(Access(), REGION, BUCKET, owner=ACCOUNT)


def test_what_is_too_large_is_no_roster(bucket: str) -> None:
    client("s3", Access(), REGION).put_object(Bucket=bucket, Key="roster.json", Body=b"x" * (LARGEST + 1))
    with pytest.raises(ResourceError, match="larger than any roster"):
        get_roster(Access(), REGION, bucket, owner=ACCOUNT)
