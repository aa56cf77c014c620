"""One thing looked up by its name: whether it is there, whose it is, how it is imported."""

from __future__ import annotations

import json

import boto3
import pytest

from fedml_infra.aws.lookup import look_up
from fedml_infra.aws.sessions import Access
from fedml_infra.aws.state_bucket import delete_state_object
from fedml_infra.engine.recovery import OWNER_OF
from fedml_infra.errors import ResourceError
from fedml_infra.model.sightings import Sighting, Sought
from tests.aws.conftest import ACCOUNT, REGION

TAGS = {"fedml:federation": "cardio"}
LISTED = [{"Key": key, "Value": value} for key, value in TAGS.items()]
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
NAMES = (
    "sns/topic:Topic sqs/queue:Queue s3/bucket:Bucket iam/role:Role iam/policy:Policy ssm/parameter:Parameter "
    "sns/topicSubscription:TopicSubscription"
)
ALL = [*(f"aws:{name}" for name in NAMES.split()), *OWNER_OF]


def client(service: str):
    return boto3.client(service, region_name=REGION)


def look(kind: str, key: str, part: str = "") -> Sighting | None:
    return look_up(Access(), REGION, ACCOUNT, Sought(kind, key, part))


@pytest.mark.parametrize("kind", ALL)
def test_what_is_not_there_is_none(moto: None, kind: str) -> None:
    key = "not-there"
    if "sns" in kind:
        key = f"arn:aws:sns:{REGION}:{ACCOUNT}:not-there"
    elif kind.endswith((":Policy", "Attachment")):
        key = f"arn:aws:iam::{ACCOUNT}:policy/not-there"
    assert look(kind, key, "part") is None


def test_a_topic_is_imported_by_its_arn(moto: None) -> None:
    arn = client("sns").create_topic(Name="cardio", Tags=LISTED)["TopicArn"]
    assert look("aws:sns/topic:Topic", arn) == Sighting(arn, TAGS)


def test_the_policy_that_a_topic_begins_with_is_nobodys(moto: None) -> None:
    arn = client("sns").create_topic(Name="cardio", Tags=LISTED)["TopicArn"]
    assert look("aws:sns/topicPolicy:TopicPolicy", arn) is None
    policy = json.dumps({"Version": "2012-10-17", "Id": "cardio", "Statement": []})
    client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    assert look("aws:sns/topicPolicy:TopicPolicy", arn) == Sighting(arn, TAGS)


def test_a_subscription_is_found_by_topic_and_endpoint(moto: None) -> None:
    sns, sqs = client("sns"), client("sqs")
    topic = sns.create_topic(Name="cardio")["TopicArn"]
    sqs.create_queue(QueueName="cardio_a")
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:cardio_a"
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    assert look("aws:sns/topicSubscription:TopicSubscription", topic, queue) == Sighting(arn)
    assert look("aws:sns/topicSubscription:TopicSubscription", topic, queue + "b") is None


def test_a_queue_is_imported_by_its_url_and_its_policy_with_it(moto: None) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="cardio_a", tags=TAGS)["QueueUrl"]
    assert look("aws:sqs/queue:Queue", "cardio_a") == Sighting(url, TAGS)
    assert look("aws:sqs/queuePolicy:QueuePolicy", "cardio_a") is None
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": DOCUMENT})
    assert look("aws:sqs/queuePolicy:QueuePolicy", "cardio_a") == Sighting(url, TAGS)


def test_a_bucket_tells_whether_anything_lies_in_it(moto: None) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="cardio-a", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert look("aws:s3/bucket:Bucket", "cardio-a") == Sighting("cardio-a", {})
    s3.put_object(Bucket="cardio-a", Key="k", Body=b"1")
    assert look("aws:s3/bucket:Bucket", "cardio-a") == Sighting("cardio-a", {}, empty=False)


def test_settings_that_name_an_owner_are_imported_with_it(moto: None) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="cardio-a", CreateBucketConfiguration={"LocationConstraint": REGION})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket="cardio-a", ServerSideEncryptionConfiguration={"Rules": [rule]})
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    assert look(kind, "cardio-a") == Sighting(f"cardio-a,{ACCOUNT}", {})


def test_an_inline_policy_has_its_roles_tags(moto: None) -> None:
    iam = client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, Tags=LISTED)
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=DOCUMENT)
    assert look("aws:iam/role:Role", "r") == Sighting("r", TAGS)
    assert look("aws:iam/rolePolicy:RolePolicy", "r", "p") == Sighting("r:p", TAGS)


def test_an_attachment_has_its_policys_tags(moto: None) -> None:
    iam = client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    arn = iam.create_policy(PolicyName="p", PolicyDocument=DOCUMENT, Tags=LISTED)["Policy"]["Arn"]
    kind = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    assert look(kind, arn, "r") is None
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    assert look(kind, arn, "r") == Sighting(f"r/{arn}", TAGS)
    assert look("aws:iam/policy:Policy", arn) == Sighting(arn, TAGS)


def test_a_parameter_is_imported_by_its_name_and_its_value_is_not_read(moto: None) -> None:
    client("ssm").put_parameter(Name="/fedml/cardio/a", Value="x", Type="SecureString", Tags=LISTED)
    assert look("aws:ssm/parameter:Parameter", "/fedml/cardio/a") == Sighting("/fedml/cardio/a", TAGS)


def test_a_lock_in_a_bucket_is_deleted_and_nothing_else_can_be(moto: None) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="states")
    lock, state = ".pulumi/locks/organization/fedml-infra/cardio/1.json", ".pulumi/stacks/fedml-infra/cardio.json"
    for key in (lock, state):
        s3.put_object(Bucket="states", Key=key, Body=b"{}")
    delete_state_object(f"s3://states/{lock}?region=us-east-1")
    with pytest.raises(ResourceError, match="is no lock"):
        delete_state_object(f"s3://states/{state}?region=us-east-1")
    assert [row["Key"] for row in s3.list_objects_v2(Bucket="states")["Contents"]] == [state]
