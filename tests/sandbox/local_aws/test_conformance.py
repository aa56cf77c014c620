"""What the project's claims rest on, asked of each local AWS; and where one falls short, that the table says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fedml_infra.sandbox.local_aws import Capabilities
from tests.sandbox.world import (
    DENIALS,
    HUB,
    MEMBER,
    OTHER,
    OUTSIDER,
    REGION,
    World,
    document,
    members_may,
    refusal,
    sns_may_send,
)

pytestmark = pytest.mark.story

NO_QUEUE = {"AWS.SimpleQueueService.NonExistentQueue"}


def denied_if(heeded: bool, call: Callable[[], Any]) -> None:
    """The call is denied where that is heeded, and answered where the table says that it is not."""
    code = refusal(call)
    assert (code in DENIALS) if heeded else (code is None), code


@pytest.fixture
def can(world: World) -> Capabilities:
    return world.aws.capabilities


def test_any_account_id_is_an_account(world: World) -> None:
    for account in ("000000000001", "123456789012", "999999999998"):
        assert world.client("sts", account).get_caller_identity()["Account"] == account


def test_accounts_do_not_see_each_others_queues(world: World) -> None:
    world.queue(MEMBER)
    assert not world.client("sqs", OTHER).list_queues(QueueNamePrefix=world.name).get("QueueUrls")


def test_queue_urls_are_those_of_the_endpoint(world: World) -> None:
    assert world.queue(MEMBER) == f"{world.aws.url}/{MEMBER}/{world.name}_q"


def test_a_member_publishes_to_a_queue_in_a_third_account(world: World) -> None:
    topic = world.topic()
    url = world.queue(OTHER, accepts=topic)
    world.subscribe(topic, OTHER)
    world.publish(topic, MEMBER, "hello", sender="a")
    (message,) = world.received(OTHER, url)
    assert (message["Body"], message["MessageAttributes"]["sender"]["StringValue"]) == ("hello", "a")


def test_an_outsider_may_not_publish(world: World, can: Capabilities) -> None:
    topic = world.topic()
    denied_if(can.policies, lambda: world.publish(topic, OUTSIDER, "forged"))


def test_an_outsider_may_not_subscribe(world: World, can: Capabilities) -> None:
    topic = world.topic()
    world.queue(OUTSIDER)
    denied_if(can.policies, lambda: world.subscribe(topic, OUTSIDER))


def test_a_member_that_may_only_publish_may_not_subscribe(world: World, can: Capabilities) -> None:
    arn = f"arn:aws:sns:{REGION}:{HUB}:{world.name}"
    topic = world.topic(members_may("sns:Publish", topic=arn, accounts=(MEMBER,)))
    world.queue(MEMBER)
    world.publish(topic, MEMBER, "allowed")
    denied_if(can.policies, lambda: world.subscribe(topic, MEMBER))


def test_a_member_may_not_administer_the_topic(world: World, can: Capabilities) -> None:
    topic = world.topic()
    change = {"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": document(members_may("*", topic=topic))}
    denied_if(can.policies, lambda: world.client("sns", MEMBER).set_topic_attributes(**change))


def test_nobody_speaks_to_a_topic_over_plain_http(world: World, can: Capabilities) -> None:
    """A Deny by aws:SecureTransport stops nobody over TLS: the same policy is what every federation has."""
    arn = f"arn:aws:sns:{REGION}:{HUB}:{world.name}"
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    topic = world.topic(members_may("sns:Publish", topic=arn), deny)
    world.publish(topic, MEMBER, "over TLS")
    deny["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}
    world.topic(members_may("sns:Publish", topic=arn), deny)
    denied_if(can.policies, lambda: world.publish(topic, MEMBER, "over TLS"))


def test_a_queue_takes_messages_of_its_topic_alone(world: World, can: Capabilities) -> None:
    topic = world.topic()
    url = world.queue(MEMBER, accepts=topic + "-other")
    world.subscribe(topic, MEMBER)
    world.publish(topic, OTHER, "one")
    assert world.bodies(MEMBER, url) == ([] if can.policies else ["one"])
    world.client("sqs", MEMBER).set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": sns_may_send(world.queue_arn(MEMBER), topic)}
    )
    world.publish(topic, OTHER, "two")
    assert world.bodies(MEMBER, url) == ["two"]


def test_an_outsider_may_not_send_past_the_topic(world: World, can: Capabilities) -> None:
    url = world.queue(MEMBER, accepts=world.topic())
    code = refusal(lambda: world.client("sqs", OUTSIDER).send_message(QueueUrl=url, MessageBody="forged"))
    assert code in (DENIALS if can.queues_across_accounts else NO_QUEUE)


def test_an_outsider_may_not_receive(world: World, can: Capabilities) -> None:
    url = world.queue(MEMBER, accepts=world.topic())
    code = refusal(lambda: world.client("sqs", OUTSIDER).receive_message(QueueUrl=url))
    assert code in (DENIALS if can.queues_across_accounts else NO_QUEUE)


def test_an_outsider_may_not_read_an_object(world: World, can: Capabilities) -> None:
    bucket = world.bucket(MEMBER)
    denied_if(can.policies, lambda: world.client("s3", OUTSIDER).get_object(Bucket=bucket, Key="mine"))


def test_a_bucket_that_denies_plain_http_is_read_over_tls(world: World) -> None:
    arn = f"arn:aws:s3:::{world.name}"
    bucket = world.bucket(
        MEMBER,
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )
    assert world.client("s3", MEMBER).get_object(Bucket=bucket, Key="mine")["Body"].read() == b"mine"


def test_a_reader_role_reads_and_does_nothing_else(world: World, can: Capabilities) -> None:
    bucket = world.bucket(MEMBER)
    s3 = world.assumed(OTHER, world.reader_role(MEMBER, OTHER, bucket))
    assert s3.get_object(Bucket=bucket, Key="mine")["Body"].read() == b"mine"
    denied_if(can.policies, lambda: s3.put_object(Bucket=bucket, Key="mine", Body=b"changed"))


def test_nobody_else_assumes_the_reader_role(world: World, can: Capabilities) -> None:
    role = world.reader_role(MEMBER, OTHER, world.bucket(MEMBER))
    denied_if(can.role_trust, lambda: world.assumed(OUTSIDER, role))


def test_a_role_that_does_not_exist_is_not_assumed(world: World, can: Capabilities) -> None:
    denied_if(can.role_trust, lambda: world.assumed(OTHER, f"arn:aws:iam::{MEMBER}:role/{world.name}-none"))


def test_credentials_for_one_object_read_no_other(world: World, can: Capabilities) -> None:
    bucket = world.bucket(MEMBER)
    role = world.reader_role(MEMBER, OTHER, bucket)
    one = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/mine"}
    s3 = world.assumed(OTHER, role, Policy=document(one))
    assert s3.get_object(Bucket=bucket, Key="mine")["Body"].read() == b"mine"
    denied_if(can.session_policies, lambda: s3.get_object(Bucket=bucket, Key="other"))


def test_a_user_without_a_policy_may_do_nothing(world: World, can: Capabilities) -> None:
    key, secret = _user(world)
    sqs = world.aws.session_with(key, secret, region=REGION).client("sqs")
    denied_if(can.policies, sqs.list_queues)


def test_a_wrong_signature_is_refused(world: World, can: Capabilities) -> None:
    key, _ = _user(world)
    sts = world.aws.session_with(key, "wrong", region=REGION).client("sts")
    code = refusal(sts.get_caller_identity)
    assert code == ("SignatureDoesNotMatch" if can.signatures else None)


def test_a_queue_keeps_its_policy_when_something_else_is_set(world: World, can: Capabilities) -> None:
    url = world.queue(MEMBER, accepts=world.topic())
    sqs = world.client("sqs", MEMBER)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5"})
    kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert ("Policy" in kept) is can.keeps_queue_policy


def test_a_dead_letter_queue_tells_who_may_use_it(world: World, can: Capabilities) -> None:
    allow = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [world.queue_arn(MEMBER)]})
    url = world.queue(MEMBER, "q_dlq", RedriveAllowPolicy=allow)
    told = world.client("sqs", MEMBER).get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert ("RedriveAllowPolicy" in told) is can.redrive_allow_policy


def test_a_message_that_is_not_taken_goes_to_the_dead_letter_queue(world: World) -> None:
    dead = world.queue(MEMBER, "q_dlq")
    redrive = json.dumps({"deadLetterTargetArn": world.queue_arn(MEMBER, "q_dlq"), "maxReceiveCount": 2})
    url = world.queue(MEMBER, RedrivePolicy=redrive, VisibilityTimeout="0")
    sqs = world.client("sqs", MEMBER)
    sqs.send_message(QueueUrl=url, MessageBody="bad")
    for _ in range(4):
        sqs.receive_message(QueueUrl=url)
    assert world.bodies(MEMBER, dead) == ["bad"]


def test_a_filter_keeps_a_senders_own_messages_away(world: World) -> None:
    topic = world.topic()
    url = world.queue(MEMBER, accepts=topic)
    world.subscribe(topic, MEMBER, FilterPolicy=json.dumps({"sender": [{"anything-but": ["me"]}]}))
    world.publish(topic, MEMBER, "mine", sender="me")
    world.publish(topic, OTHER, "theirs", sender="they")
    world.publish(topic, OTHER, "nobody's")
    assert world.bodies(MEMBER, url) == ["theirs"]


def _user(world: World) -> tuple[str, str]:
    iam = world.client("iam", MEMBER)
    iam.create_user(UserName=world.name)
    key = iam.create_access_key(UserName=world.name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]
