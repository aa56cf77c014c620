"""What real AWS refuses and a local one takes is refused here, with AWS's code."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest

from tests.sandbox.provider import cases
from tests.sandbox.provider.cases import allow, document, may, trust
from tests.sandbox.provider.conftest import REGION, Lab
from tests.sandbox.provider.driver import RefusedError, WrongInputsError

TOPIC, TOPIC_POLICY = "aws:sns/topic:Topic", "aws:sns/topicPolicy:TopicPolicy"
QUEUE, QUEUE_POLICY = "aws:sqs/queue:Queue", "aws:sqs/queuePolicy:QueuePolicy"
BUCKET, BUCKET_POLICY = "aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
ROLE, ROLE_POLICY, POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy"
PARAMETER = "aws:ssm/parameter:Parameter"


def refused(lab: Lab, type_: str, inputs: dict[str, Any]) -> str:
    with pytest.raises(RefusedError) as caught:
        lab.driver.create(type_, inputs)
    assert caught.value.code == grpc.StatusCode.FAILED_PRECONDITION
    return str(caught.value)


# -- names that are taken


@pytest.mark.parametrize("region", [REGION, "us-east-1"])
def test_one_s_own_bucket_is_not_made_again_in_any_region(lab: Lab, region: str) -> None:
    lab.driver.create(BUCKET, {"bucket": lab.name, "region": region})
    assert refused(lab, BUCKET, {"bucket": lab.name, "region": region}).startswith(
        "CreateBucket: BucketAlreadyOwnedByYou: "
    )


def test_a_bucket_of_someone_else_is_not_made(lab: Lab) -> None:
    lab.boto("s3", lab.neighbour, "us-east-1").create_bucket(Bucket=lab.name)
    assert refused(lab, BUCKET, {"bucket": lab.name}).startswith("CreateBucket: BucketAlreadyExists: ")


def test_a_bucket_of_someone_else_that_may_be_read_is_not_made(lab: Lab) -> None:
    s3 = lab.boto("s3", lab.neighbour, "us-east-1")
    s3.create_bucket(Bucket=lab.name)
    principal = {"AWS": f"arn:aws:iam::{lab.account}:root"}
    s3.put_bucket_policy(
        Bucket=lab.name,
        Policy=document(allow("Read", "s3:ListBucket", f"arn:aws:s3:::{lab.name}", principal)),
    )
    assert refused(lab, BUCKET, {"bucket": lab.name}).startswith("CreateBucket: BucketAlreadyExists: ")


def test_a_queue_that_exists_with_other_attributes_is_not_made(lab: Lab) -> None:
    lab.boto("sqs").create_queue(QueueName=lab.name, Attributes={"DelaySeconds": "3"})
    message = refused(lab, QUEUE, {"name": lab.name, "delaySeconds": 4})
    assert message.startswith("CreateQueue: QueueNameExists: ")
    assert "DelaySeconds" in message


def test_a_queue_that_exists_without_the_attribute_asked_for_is_not_made(lab: Lab) -> None:
    cases.a_queue(lab)
    redrive = json.dumps(
        {"deadLetterTargetArn": cases.queue_arn(lab, cases.a_queue(lab, "_dlq")), "maxReceiveCount": 5}
    )
    assert refused(lab, QUEUE, {"name": lab.name, "redrivePolicy": redrive}).startswith("CreateQueue: QueueNameExists")


def test_a_queue_that_exists_just_as_asked_for_is_taken_as_aws_does(lab: Lab) -> None:
    url = lab.boto("sqs").create_queue(QueueName=lab.name, Attributes={"DelaySeconds": "3"})["QueueUrl"]
    assert lab.driver.create(QUEUE, {"name": lab.name, "delaySeconds": 3}).id == url


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"displayName": "b", "tags": {"k": "1"}}, "Invalid parameter: Attributes Reason: Topic already exists"),
        ({"displayName": "a", "tags": {"k": "2"}}, "Invalid parameter: Tags Reason: Topic already exists"),
    ],
)
def test_a_topic_that_exists_and_is_different_is_not_made(lab: Lab, asked: dict[str, Any], message: str) -> None:
    lab.driver.create(TOPIC, {"name": lab.name, "displayName": "a", "tags": {"k": "1"}})
    assert refused(lab, TOPIC, {"name": lab.name, **asked}).startswith(f"CreateTopic: InvalidParameter: {message}")


def test_a_topic_that_exists_just_as_asked_for_is_taken_as_aws_does(lab: Lab) -> None:
    inputs = {"name": lab.name, "displayName": "a", "tags": {"k": "1"}}
    assert lab.driver.create(TOPIC, inputs).id == lab.driver.create(TOPIC, inputs).id


@pytest.mark.parametrize(
    ("type_", "inputs", "code"),
    [
        (ROLE, {"assumeRolePolicy": trust("222222222222")}, "CreateRole: EntityAlreadyExists: "),
        (POLICY, {"policy": may("s3:GetObject")}, "CreatePolicy: EntityAlreadyExists: "),
        (PARAMETER, {"type": "SecureString", "value": "vvv"}, "PutParameter: ParameterAlreadyExists: "),
    ],
)
def test_a_name_that_is_taken_is_an_error(lab: Lab, type_: str, inputs: dict[str, Any], code: str) -> None:
    lab.driver.create(type_, {"name": lab.name, **inputs})
    assert refused(lab, type_, {"name": lab.name, **inputs}).startswith(code)


def test_a_parameter_is_overwritten_only_when_it_says_so(lab: Lab) -> None:
    inputs = {"name": lab.name, "type": "String", "insecureValue": "one", "tags": {"a": "1"}}
    lab.driver.create(PARAMETER, inputs)
    again = lab.driver.create(PARAMETER, {**inputs, "insecureValue": "two", "overwrite": True, "tags": {"b": "2"}})
    assert again.outputs["version"] == 2
    assert again.outputs["tagsAll"] == {"a": "1", "b": "2"}


# -- policy documents

LONG = "x" * 10_000
BAD_STATEMENTS: list[tuple[str, dict[str, Any]]] = [
    ("no effect", {"Action": "sns:Publish"}),
    ("a wrong effect", {"Effect": "Maybe"}),
    ("an unknown element", {"Resources": "*"}),
    ("no action", {"Action": []}),
    ("a principal that is none", {"Principal": {"AWS": "somebody"}}),
    ("a principal of a kind that is none", {"Principal": {"Aws": "*"}}),
    ("an unknown condition", {"Condition": {"StringEqual": {"aws:PrincipalAccount": "1"}}}),
]


@pytest.mark.parametrize("action", ["sns:*", "*", "sns:Unsubscribe", "sqs:SendMessage", "sns:Pub*"])
def test_an_action_out_of_scope_in_a_topic_policy_is_refused(lab: Lab, action: str) -> None:
    arn = cases.a_topic(lab)
    message = refused(lab, TOPIC_POLICY, {"arn": arn, "policy": document(allow("A", action, arn))})
    assert message == (
        "SetTopicAttributes: InvalidParameter: Invalid parameter: Policy statement action out of service scope!"
    )


def test_a_topic_policy_for_another_resource_is_refused(lab: Lab) -> None:
    arn = cases.a_topic(lab)
    assert "InvalidParameter" in refused(
        lab, TOPIC_POLICY, {"arn": arn, "policy": document(allow("A", "sns:Publish", "*"))}
    )


def test_a_topic_policy_with_two_statements_of_one_name_is_refused(lab: Lab) -> None:
    arn = cases.a_topic(lab)
    policy = document(allow("A", "sns:Publish", arn), allow("A", "sns:Subscribe", arn))
    assert "unique" in refused(lab, TOPIC_POLICY, {"arn": arn, "policy": policy})


@pytest.mark.parametrize(("what", "wrong"), BAD_STATEMENTS)
def test_a_malformed_topic_policy_is_refused(lab: Lab, what: str, wrong: dict[str, Any]) -> None:
    arn = cases.a_topic(lab)
    statement = {**allow("A", "sns:Publish", arn), **wrong}
    if what == "no effect":
        del statement["Effect"]
    assert refused(lab, TOPIC_POLICY, {"arn": arn, "policy": document(statement)}).startswith(
        "SetTopicAttributes: InvalidParameter: "
    )


def test_a_topic_policy_over_30_kb_is_refused(lab: Lab) -> None:
    arn = cases.a_topic(lab)
    accounts = {"StringEquals": {"aws:PrincipalAccount": [f"{n:012}" for n in range(2_200)]}}
    policy = document({**allow("A", "sns:Publish", arn), "Condition": accounts})
    assert "30720" in refused(lab, TOPIC_POLICY, {"arn": arn, "policy": policy})


def test_a_refused_policy_leaves_the_old_one(lab: Lab) -> None:
    arn = cases.a_topic(lab)
    good = {"arn": arn, "policy": document(allow("A", "sns:Publish", arn))}
    resource = lab.driver.create(TOPIC_POLICY, good)
    with pytest.raises(RefusedError):
        lab.driver.update(resource, {"arn": arn, "policy": document(allow("A", "sns:*", arn))})
    now = lab.driver.refresh(resource)
    assert now is not None
    assert now.inputs == good


def test_a_queue_policy_over_8_kb_is_refused(lab: Lab) -> None:
    url = cases.a_queue(lab)
    statement = {**allow("A", "sqs:SendMessage", cases.queue_arn(lab, url)), "Condition": {"StringLike": {"x": LONG}}}
    assert "OverLimit" in refused(lab, QUEUE_POLICY, {"queueUrl": url, "policy": document(statement)})


def test_a_queue_policy_of_more_than_20_statements_is_refused(lab: Lab) -> None:
    url = cases.a_queue(lab)
    statements = [allow(f"S{n}", "sqs:SendMessage", cases.queue_arn(lab, url)) for n in range(21)]
    assert "OverLimit" in refused(lab, QUEUE_POLICY, {"queueUrl": url, "policy": document(*statements)})


def test_a_queue_policy_with_another_service_s_action_is_refused(lab: Lab) -> None:
    url = cases.a_queue(lab)
    policy = document(allow("A", "sns:Publish", cases.queue_arn(lab, url)))
    assert "InvalidAttributeValue" in refused(lab, QUEUE_POLICY, {"queueUrl": url, "policy": policy})


def test_a_bucket_policy_for_another_bucket_is_refused(lab: Lab) -> None:
    bucket = cases.a_bucket(lab)
    policy = document(allow("A", "s3:GetObject", f"arn:aws:s3:::{bucket}x/*"))
    assert refused(lab, BUCKET_POLICY, {"bucket": bucket, "policy": policy}) == (
        "PutBucketPolicy: MalformedPolicy: Policy has invalid resource"
    )


def test_a_bucket_policy_over_20_kb_is_refused(lab: Lab) -> None:
    bucket = cases.a_bucket(lab)
    statement = {**allow("A", "s3:GetObject", f"arn:aws:s3:::{bucket}/*"), "Condition": {"StringLike": {"x": LONG * 3}}}
    assert "MalformedPolicy" in refused(lab, BUCKET_POLICY, {"bucket": bucket, "policy": document(statement)})


def test_a_trust_policy_over_2048_characters_is_refused(lab: Lab) -> None:
    principals = [f"arn:aws:iam::{n:012}:root" for n in range(80)]
    policy = document({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "sts:AssumeRole"})
    assert "ACLSizePerRole: 2048" in refused(lab, ROLE, {"name": lab.name, "assumeRolePolicy": policy})


def test_white_space_does_not_count_in_iam(lab: Lab) -> None:
    spaced = json.dumps(json.loads(may("s3:GetObject")), indent=4000)
    assert lab.driver.create(POLICY, {"name": lab.name, "policy": spaced}).id


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (may(LONG), "CreatePolicy: LimitExceeded"),
        (document(allow("A", "s3:GetObject", "*")), "CreatePolicy: MalformedPolicyDocument"),
        (document({"Effect": "Allow", "Action": "s3:GetObject"}), "CreatePolicy: MalformedPolicyDocument"),
        (json.dumps({"Version": "2020-01-01", "Statement": []}), "CreatePolicy: MalformedPolicyDocument"),
        (json.dumps(["no", "policy"]), "CreatePolicy: MalformedPolicyDocument"),
    ],
)
def test_a_bad_managed_policy_is_refused(lab: Lab, policy: str, code: str) -> None:
    assert refused(lab, POLICY, {"name": lab.name, "policy": policy}).startswith(code)


@pytest.mark.parametrize(
    ("type_", "inputs", "name"),
    [
        (TOPIC_POLICY, {"arn": "arn:aws:sns:eu-central-1:1:t"}, "policy"),
        (QUEUE, {"name": "q"}, "redrivePolicy"),
        (BUCKET_POLICY, {"bucket": "b"}, "policy"),
        (ROLE, {"name": "r"}, "assumeRolePolicy"),
    ],
)
def test_what_is_no_json_is_seen_before_anything_is_asked_of_aws(
    lab: Lab, type_: str, inputs: dict[str, Any], name: str
) -> None:
    with pytest.raises(WrongInputsError) as caught:
        lab.driver.check(type_, {**inputs, name: "{"})
    assert "is not JSON" in caught.value.failures[name]


# -- buckets' settings


@pytest.mark.parametrize("type_", [LIFECYCLE, ENCRYPTION])
def test_a_wrong_expected_owner_is_refused_and_changes_nothing(lab: Lab, type_: str) -> None:
    case = cases.CASES[type_](lab)
    message = refused(lab, type_, {**case.inputs, "expectedBucketOwner": lab.neighbour})
    assert "AccessDenied" in message
    assert lab.driver.import_(LIFECYCLE, case.inputs["bucket"]) is None


def test_someone_else_s_bucket_is_not_of_the_account_that_was_expected(lab: Lab) -> None:
    lab.boto("s3", lab.neighbour, "us-east-1").create_bucket(Bucket=lab.name)
    rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    inputs = {"bucket": lab.name, "expectedBucketOwner": lab.account, "rules": rules}
    assert "403" in refused(lab, ENCRYPTION, inputs) or "AccessDenied" in refused(lab, ENCRYPTION, inputs)


RULE = {"id": "a", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 1}}


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ([{k: v for k, v in RULE.items() if k != "filter"}], "MalformedXML"),
        ([{k: v for k, v in RULE.items() if k != "expiration"}], "InvalidRequest"),
        ([RULE, RULE], "InvalidArgument"),
        ([], "MalformedXML"),
    ],
)
def test_a_bad_lifecycle_is_refused(lab: Lab, rules: list[Any], code: str) -> None:
    bucket = cases.a_bucket(lab)
    assert refused(lab, LIFECYCLE, {"bucket": bucket, "rules": rules}).startswith(
        f"PutBucketLifecycleConfiguration: {code}: "
    )


def test_a_bucket_with_objects_is_deleted_only_when_it_says_so(lab: Lab) -> None:
    resource = lab.driver.create(BUCKET, {"bucket": lab.name})
    lab.boto("s3").put_bucket_versioning(Bucket=lab.name, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        lab.boto("s3").put_object(Bucket=lab.name, Key="k", Body=body)
    lab.boto("s3").delete_object(Bucket=lab.name, Key="k")
    with pytest.raises(RefusedError, match="BucketNotEmpty"):
        lab.driver.delete(resource)
    lab.driver.delete(lab.driver.update(resource, {"bucket": lab.name, "forceDestroy": True}))
    assert lab.driver.refresh(resource) is None


def test_a_role_in_use_is_deleted_only_when_it_says_so(lab: Lab) -> None:
    inputs = {"name": lab.name, "assumeRolePolicy": trust(lab.account)}
    resource = lab.driver.create(ROLE, inputs)
    lab.boto("iam").attach_role_policy(RoleName=lab.name, PolicyArn=cases.a_policy(lab))
    lab.boto("iam").put_role_policy(RoleName=lab.name, PolicyName="p", PolicyDocument=may("s3:GetObject"))
    with pytest.raises(RefusedError, match="DeleteConflict"):
        lab.driver.delete(resource)
    lab.driver.delete(lab.driver.update(resource, {**inputs, "forceDetachPolicies": True}))
    assert lab.driver.refresh(resource) is None


def test_the_sixth_version_of_a_policy_takes_the_place_of_the_oldest(lab: Lab) -> None:
    resource = lab.driver.create(POLICY, {"name": lab.name, "policy": may("s3:Get0")})
    for n in range(1, 8):
        resource = lab.driver.update(resource, {"name": lab.name, "policy": may(f"s3:Get{n}")})
    assert len(lab.boto("iam").list_policy_versions(PolicyArn=resource.id)["Versions"]) == 5
    assert resource.outputs["policy"] == may("s3:Get7")


@pytest.mark.parametrize(
    ("type_", "inputs", "wrong"),
    [
        (QUEUE, {"visibilityTimeoutSeconds": 50_000}, "visibilityTimeoutSeconds"),
        (QUEUE, {"name": "a.b"}, "name"),
        (QUEUE, {"name": "q" * 81}, "name"),
        (QUEUE, {"contentBasedDeduplication": True}, "contentBasedDeduplication"),
        (TOPIC, {"name": "a/b"}, "name"),
        (TOPIC, {"name": "t", "fifoTopic": True}, "name"),
        (TOPIC, {"contentBasedDeduplication": True}, "contentBasedDeduplication"),
        (QUEUE, {"messageRetentionSeconds": 59}, "messageRetentionSeconds"),
        (QUEUE, {"sqsManagedSseEnabled": True, "kmsMasterKeyId": "k"}, "kmsMasterKeyId"),
        (PARAMETER, {"type": "Secret", "value": "v"}, "type"),
        (PARAMETER, {"type": "String"}, "value"),
        (PARAMETER, {"type": "String", "value": "v", "insecureValue": "v"}, "value"),
        (PARAMETER, {"type": "SecureString", "insecureValue": "v"}, "insecureValue"),
        (PARAMETER, {"type": "String", "value": "v", "keyId": "k"}, "keyId"),
        (TOPIC, {"archivePolicy": "{}"}, "archivePolicy"),
        (ROLE, {}, "assumeRolePolicy"),
    ],
)
def test_inputs_that_can_be_seen_to_be_wrong_are_named(
    lab: Lab, type_: str, inputs: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(WrongInputsError) as caught:
        lab.driver.check(type_, {"name": lab.name, **inputs})
    assert list(caught.value.failures) == [wrong]


@pytest.mark.parametrize(("tier", "most"), [("Standard", 4096), ("Advanced", 8192)])
def test_a_parameter_s_size_is_limited_by_its_tier(lab: Lab, tier: str, most: int) -> None:
    inputs = {"name": lab.name, "type": "SecureString", "tier": tier}
    assert "ValidationException" in refused(lab, PARAMETER, {**inputs, "value": "v" * (most + 1)})
    assert lab.driver.create(PARAMETER, {**inputs, "value": "v" * most}).id == lab.name


def test_an_advanced_parameter_is_replaced_by_a_standard_one(lab: Lab) -> None:
    inputs = {"name": lab.name, "type": "SecureString", "value": "vvv"}
    resource = lab.driver.create(PARAMETER, {**inputs, "tier": "Advanced"})
    assert list(lab.driver.diff(resource, {**inputs, "tier": "Standard"}).replaces) == ["tier"]


def test_a_type_that_is_not_there_is_named(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="does not have aws:ec2/vpc:Vpc"):
        lab.driver.check("aws:ec2/vpc:Vpc", {})
    with pytest.raises(RefusedError, match="does not have aws:ec2/getVpc:getVpc"):
        lab.driver.invoke("aws:ec2/getVpc:getVpc")
