"""Whose a bucket is, and what an adopted one lacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from fedml_infra.aws.buckets import (
    BucketKind,
    bucket_state,
    denies_plain_http,
    hardening_gaps,
    has_objects,
    require_adoptable,
)
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import AuthenticationError, ConfigurationError, PolicyError, ResourceError
from fedml_infra.model.schedule import Schedule
from fedml_infra.policies.bucket import bucket_policy

from .conftest import ACCOUNT, REGION
from .stack import node

BUCKET = "charite-fed"
DAY = 86_400


@pytest.fixture
def s3(moto: None) -> Any:
    made = client("s3", Access(), REGION)
    made.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return made


@pytest.fixture
def stub(credentials: None) -> Iterator[Stubber]:
    with Stubber(client("s3", Access(), REGION)) as stubber:
        yield stubber


@pytest.fixture
def sts_knows_us(credentials: None) -> Iterator[None]:
    with Stubber(client("sts", Access(), REGION)) as stubber:
        stubber.add_response("get_caller_identity", {"Account": ACCOUNT})
        yield


def state(region: str = REGION) -> Any:
    return bucket_state(Access(), region, BUCKET, account=ACCOUNT)


def gaps(prefix: str = "updates", days: int = 14) -> list[str]:
    found = hardening_gaps(Access(), REGION, BUCKET, account=ACCOUNT, prefix=prefix, retention_seconds=days * DAY)
    return sorted({gap.aspect for gap in found})


def test_a_bucket_that_is_not_there(moto: None) -> None:
    assert state().kind is BucketKind.ABSENT


def test_an_own_bucket_and_its_region(s3: Any) -> None:
    assert (state().kind, state().region) == (BucketKind.OWN, REGION)


def test_an_own_bucket_seen_from_another_region(s3: Any) -> None:
    assert (state("us-east-1").kind, state("us-east-1").region) == (BucketKind.OWN, REGION)


def test_the_owner_is_always_named_to_s3(stub: Stubber) -> None:
    stub.add_response("head_bucket", {"BucketRegion": REGION}, {"Bucket": BUCKET, "ExpectedBucketOwner": ACCOUNT})
    assert state().kind is BucketKind.OWN


def test_anothers_bucket_is_foreign(stub: Stubber, sts_knows_us: None) -> None:
    headers = {"HTTPHeaders": {"x-amz-bucket-region": "eu-west-1"}}
    stub.add_client_error("head_bucket", "403", "Forbidden", 403, response_meta=headers)
    stub.add_response("list_buckets", {"Buckets": [{"Name": f"{BUCKET}-2"}]})
    found = state()
    assert (found.kind, found.region) == (BucketKind.FOREIGN, "eu-west-1")


def test_an_own_bucket_that_may_not_be_looked_at_is_own(stub: Stubber, sts_knows_us: None) -> None:
    stub.add_client_error("head_bucket", "403", "Forbidden", 403)
    stub.add_response("list_buckets", {"Buckets": [{"Name": BUCKET}]})
    assert state().kind is BucketKind.OWN


def test_where_buckets_may_not_be_listed_a_403_is_foreign(stub: Stubber, sts_knows_us: None) -> None:
    stub.add_client_error("head_bucket", "403", "Forbidden", 403)
    stub.add_client_error("list_buckets", "AccessDenied", http_status_code=403)
    assert state().kind is BucketKind.FOREIGN


@pytest.mark.parametrize("status", [400, 403])
def test_credentials_that_do_not_hold_are_not_taken_for_anothers_bucket(stub: Stubber, status: int) -> None:
    stub.add_client_error("head_bucket", str(status), "", status)
    with Stubber(client("sts", Access(), REGION)) as sts:
        sts.add_client_error("get_caller_identity", "ExpiredToken", http_status_code=403)
        with pytest.raises(AuthenticationError, match="have expired"):
            state()


def test_a_bucket_elsewhere_is_asked_where_it_is(stub: Stubber) -> None:
    headers = {"HTTPHeaders": {"x-amz-bucket-region": "eu-west-1"}}
    stub.add_client_error("head_bucket", "301", "Moved Permanently", 301, response_meta=headers)
    with Stubber(client("s3", Access(), "eu-west-1")) as there:
        there.add_response("head_bucket", {"BucketRegion": "eu-west-1"})
        assert state().region == "eu-west-1"


def test_a_redirect_to_nowhere_ends(stub: Stubber) -> None:
    stub.add_client_error("head_bucket", "301", "Moved Permanently", 301)
    with pytest.raises(ResourceError, match="could not look at bucket charite-fed"):
        state()


def test_a_fault_of_s3_is_told(stub: Stubber) -> None:
    stub.add_client_error("head_bucket", "500", "", 500)
    with pytest.raises(ResourceError, match="charite-fed"):
        state()


def test_objects_are_looked_for_under_the_prefix_only(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="updates2/x", Body=b"1")
    assert not has_objects(Access(), REGION, BUCKET, "updates", account=ACCOUNT)
    assert has_objects(Access(), REGION, BUCKET, account=ACCOUNT)
    s3.put_object(Bucket=BUCKET, Key="updates/x", Body=b"1")
    assert has_objects(Access(), REGION, BUCKET, "updates", account=ACCOUNT)


def test_what_was_deleted_but_is_kept_as_a_version_counts(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key="x", Body=b"1")
    s3.delete_object(Bucket=BUCKET, Key="x")
    assert has_objects(Access(), REGION, BUCKET, account=ACCOUNT)


def test_in_a_bucket_that_is_gone_nothing_lies(moto: None) -> None:
    assert not has_objects(Access(), REGION, BUCKET, account=ACCOUNT)


def harden(s3: Any) -> None:
    everything = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=everything)
    s3.put_bucket_ownership_controls(
        Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    s3.put_bucket_encryption(
        Bucket=BUCKET,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(bucket_policy(node(), ())))
    lifecycle(s3, {"Filter": {"Prefix": "updates/"}, "Expiration": {"Days": 14}})


def lifecycle(s3: Any, *rules: dict[str, Any]) -> None:
    abort = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    made = [{"ID": str(number), "Status": "Enabled", **abort, **rule} for number, rule in enumerate(rules)]
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": made})


def test_a_bucket_hardened_as_ours_lacks_nothing(s3: Any) -> None:
    harden(s3)
    assert gaps() == []


def test_a_bare_bucket_lacks_everything(s3: Any) -> None:
    assert gaps() == ["encryption", "lifecycle", "ownership", "public access", "transport"]


@pytest.mark.parametrize(
    ("undo", "lacks"),
    [
        (lambda s3: s3.delete_public_access_block(Bucket=BUCKET), "public access"),
        (lambda s3: s3.delete_bucket_ownership_controls(Bucket=BUCKET), "ownership"),
        (lambda s3: s3.delete_bucket_encryption(Bucket=BUCKET), "encryption"),
        (lambda s3: s3.delete_bucket_policy(Bucket=BUCKET), "transport"),
        (lambda s3: s3.delete_bucket_lifecycle(Bucket=BUCKET), "lifecycle"),
        (
            lambda s3: s3.put_public_access_block(
                Bucket=BUCKET, PublicAccessBlockConfiguration={"BlockPublicAcls": True}
            ),
            "public access",
        ),
        (
            lambda s3: s3.put_bucket_ownership_controls(
                Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
            ),
            "ownership",
        ),
    ],
)
def test_each_thing_that_is_undone_is_found(s3: Any, undo: Any, lacks: str) -> None:
    harden(s3)
    undo(s3)
    assert gaps() == [lacks]


def test_a_warning_names_the_bucket(s3: Any) -> None:
    found = hardening_gaps(Access(), REGION, BUCKET, account=ACCOUNT, retention_seconds=DAY)
    assert all(BUCKET in str(gap) for gap in found)


@pytest.mark.parametrize(
    "rule",
    [
        {"Filter": {"Prefix": "updates/x"}, "Expiration": {"Days": 14}},
        {"Filter": {"Prefix": "other/"}, "Expiration": {"Days": 14}},
        {"Filter": {"And": {"Prefix": "updates/", "Tags": [{"Key": "a", "Value": "b"}]}}, "Expiration": {"Days": 14}},
        {"Filter": {"Prefix": "updates/"}, "Status": "Disabled", "Expiration": {"Days": 14}},
        {"Filter": {"Prefix": "updates/"}, "Expiration": {"Days": 13}},
        {"Filter": {"Prefix": ""}, "Expiration": {"ExpiredObjectDeleteMarker": True}},
    ],
)
def test_a_lifecycle_rule_that_does_not_do(s3: Any, rule: dict[str, Any]) -> None:
    harden(s3)
    lifecycle(s3, rule)
    assert gaps() == ["lifecycle"]


@pytest.mark.parametrize("prefix", ["", "up", "updates", "updates/"])
def test_a_lifecycle_rule_of_the_prefix_or_wider_does(s3: Any, prefix: str) -> None:
    harden(s3)
    lifecycle(s3, {"Filter": {"Prefix": prefix}, "Expiration": {"Days": 30}})
    assert gaps() == []


def test_a_second_rule_that_deletes_too_early_is_found(s3: Any) -> None:
    harden(s3)
    lifecycle(
        s3,
        {"Filter": {"Prefix": "updates/"}, "Expiration": {"Days": 14}},
        {"Filter": {"Prefix": ""}, "Expiration": {"Days": 1}},
    )
    assert gaps() == ["lifecycle"]


def test_the_whole_bucket_needs_a_rule_for_the_whole_bucket(s3: Any) -> None:
    harden(s3)
    assert gaps(prefix="") == ["lifecycle"]


def refuse(operation: str, code: str) -> None:
    """Answers a call of the S3 client with an error, as S3 would, before anything is sent."""
    client("s3", Access(), REGION).meta.events.register(
        f"before-parameter-build.s3.{operation}", lambda **_: _raise(ClientError({"Error": {"Code": code}}, operation))
    )


def _raise(error: Exception) -> None:
    raise error


def test_settings_that_may_not_be_read_are_a_warning(s3: Any) -> None:
    harden(s3)
    refuse("GetBucketPolicy", "AccessDenied")
    found = hardening_gaps(Access(), REGION, BUCKET, account=ACCOUNT, prefix="updates", retention_seconds=14 * DAY)
    assert [str(gap) for gap in found] == [f"bucket {BUCKET}: its transport settings could not be read (access denied)"]


def test_any_other_failure_to_read_settings_is_an_error(s3: Any) -> None:
    refuse("GetBucketPolicy", "SlowDown")
    with pytest.raises(ResourceError, match="throttling"):
        gaps()


DENY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


@pytest.mark.parametrize(
    "statement",
    [
        DENY,
        {**DENY, "Principal": {"AWS": "*"}},
        {**DENY, "Resource": "*"},
        {**DENY, "Resource": [f"arn:aws-cn:s3:::{BUCKET}/*"]},
        {**DENY, "Condition": {"Bool": {"AWS:securetransport": [False]}}},
    ],
)
def test_a_policy_that_denies_plain_http(statement: dict[str, Any]) -> None:
    assert denies_plain_http({"Statement": statement}, BUCKET)


@pytest.mark.parametrize(
    "statement",
    [
        {**DENY, "Effect": "Allow"},
        {**DENY, "Principal": {"AWS": "arn:aws:iam::111111111111:root"}},
        {**DENY, "Action": "s3:GetObject"},
        {**DENY, "Resource": [f"arn:aws:s3:::{BUCKET}"]},
        {**DENY, "Resource": [f"arn:aws:s3:::{BUCKET}-2/*"]},
        {**DENY, "Resource": [f"arn:aws:s3:::{BUCKET}/updates/*"]},
        {**DENY, "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {**DENY, "Condition": {**DENY["Condition"], "StringEquals": {"aws:PrincipalAccount": ["1"]}}},
        {k: v for k, v in DENY.items() if k != "Condition"},
    ],
)
def test_a_policy_that_does_not(statement: dict[str, Any]) -> None:
    assert not denies_plain_http({"Statement": [statement]}, BUCKET)


RETENTION = Schedule("d", 14)


def test_adopting_a_hardened_own_bucket_warns_of_nothing(s3: Any) -> None:
    harden(s3)
    assert require_adoptable(Access(), node(), RETENTION) == ()


def test_adopting_reads_and_writes_nothing(s3: Any) -> None:
    called: list[str] = []
    events = client("s3", Access(), REGION).meta.events
    events.register("before-call.s3", lambda model, **_: called.append(model.name))
    require_adoptable(Access(), node(), RETENTION)
    assert len(called) == 6
    assert all(name.startswith(("Get", "Head")) for name in called)


def test_adopting_a_bare_bucket_warns(s3: Any) -> None:
    assert any("plain HTTP" in warning for warning in require_adoptable(Access(), node(), RETENTION))


def test_adopting_a_bucket_of_another_region_warns(moto: None) -> None:
    client("s3", Access(), "us-east-1").create_bucket(Bucket=BUCKET)
    assert "is in us-east-1" in require_adoptable(Access(), node(), RETENTION)[0]


def test_adopting_a_bucket_that_is_not_there_is_refused(moto: None) -> None:
    with pytest.raises(ConfigurationError, match="no bucket charite-fed to adopt"):
        require_adoptable(Access(), node(), RETENTION)


def test_adopting_anothers_bucket_is_refused(stub: Stubber, sts_knows_us: None) -> None:
    stub.add_client_error("head_bucket", "403", "Forbidden", 403)
    stub.add_response("list_buckets", {"Buckets": []})
    with pytest.raises(ConfigurationError, match=f"is not of account {ACCOUNT}"):
        require_adoptable(Access(), node(), RETENTION)


def test_a_denied_listing_of_objects_is_told(stub: Stubber) -> None:
    stub.add_client_error("list_object_versions", "AccessDenied", http_status_code=403)
    with pytest.raises(PolicyError, match=BUCKET):
        has_objects(Access(), REGION, BUCKET, account=ACCOUNT)
