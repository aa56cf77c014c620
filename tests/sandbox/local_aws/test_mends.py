"""What is mended in the local AWSs: that it holds, and that it holds for those only whom AWS lets do it.

Where a mend is asked of both kinds, one of them may do it right by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from fedml_infra.sandbox.local_aws import LocalAws, ministack, moto
from tests.sandbox.world import DENIALS, HUB, MEMBER, OTHER, OUTSIDER, REGION, World, document, members_may, refusal

pytestmark = pytest.mark.story


def own(world: World, account: str) -> list[str]:
    """The ARNs that ListSubscriptions tells an account, of this test's topics."""
    pages = world.client("sns", account).get_paginator("list_subscriptions").paginate()
    rows = [row for page in pages for row in page["Subscriptions"]]
    return [row["SubscriptionArn"] for row in rows if f":{world.name}" in row["TopicArn"]]


def by_topic(world: World, topic: str) -> list[str]:
    pages = world.client("sns", HUB).get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    return [row["SubscriptionArn"] for page in pages for row in page["Subscriptions"]]


def joined(world: World, account: str = MEMBER) -> tuple[str, str, str]:
    """A topic, a member's queue URL, and its subscription."""
    topic = world.topic()
    url = world.queue(account, accepts=topic)
    return topic, url, world.subscribe(topic, account)


# Unsubscribe


def test_the_topics_owner_ends_a_members_subscription(world: World) -> None:
    topic, url, subscription = joined(world)
    world.client("sns", HUB).unsubscribe(SubscriptionArn=subscription)
    world.publish(topic, OTHER, "after")
    assert by_topic(world, topic) == []
    assert own(world, MEMBER) == []
    assert world.bodies(MEMBER, url) == []


def test_a_subscriber_ends_its_own(world: World) -> None:
    topic, _, subscription = joined(world)
    world.client("sns", MEMBER).unsubscribe(SubscriptionArn=subscription)
    assert by_topic(world, topic) == []


@pytest.mark.parametrize("account", [OTHER, OUTSIDER])
def test_nobody_else_ends_a_subscription(world: World, account: str) -> None:
    topic, url, subscription = joined(world)
    code = refusal(lambda: world.client("sns", account).unsubscribe(SubscriptionArn=subscription))
    world.publish(topic, OTHER, "still")
    assert code in DENIALS if world.aws.enforces_policies else code is None
    assert world.bodies(MEMBER, url) == ["still"]


def test_a_subscription_that_is_not_there_cannot_be_ended(ministack: LocalAws) -> None:
    sns = ministack.session(HUB, REGION).client("sns")
    none = f"arn:aws:sns:{REGION}:{HUB}:none:00000000-0000-0000-0000-000000000000"
    assert refusal(lambda: sns.unsubscribe(SubscriptionArn=none)) == "NotFound"


def test_a_subscription_can_be_made_again(world: World) -> None:
    topic, url, subscription = joined(world)
    world.client("sns", HUB).unsubscribe(SubscriptionArn=subscription)
    world.subscribe(topic, MEMBER)
    world.publish(topic, OTHER, "again")
    assert world.bodies(MEMBER, url) == ["again"]


# ListSubscriptions


def test_an_account_lists_its_own_subscriptions(world: World) -> None:
    _, _, subscription = joined(world)
    assert own(world, MEMBER) == [subscription]


@pytest.mark.parametrize("account", [HUB, OTHER])
def test_an_account_lists_nobody_elses(world: World, account: str) -> None:
    joined(world)
    assert own(world, account) == []


def test_own_subscriptions_are_listed_past_the_first_page(world: World) -> None:
    topic = world.topic()
    made = {world.subscribe(topic, OTHER, f"q{number}") for number in range(105)}
    listed = own(world, OTHER)
    assert set(listed) == made
    assert len(listed) == len(made)


def test_the_topics_owner_lists_every_accounts(world: World) -> None:
    topic, _, first = joined(world)
    world.queue(OTHER, "p")
    second = world.subscribe(topic, OTHER, "p")
    assert set(by_topic(world, topic)) == {first, second}


def test_a_topic_takes_its_subscriptions_with_it(world: World) -> None:
    topic, _, _ = joined(world)
    world.client("sns", HUB).delete_topic(TopicArn=topic)
    assert own(world, MEMBER) == []


# Conditions of Subscribe


def only_own_queues(world: World) -> str:
    """A topic that denies every subscription but of an SQS queue of its own name."""
    arn = f"arn:aws:sns:{REGION}:{HUB}:{world.name}"

    def deny(operator: str, key: str, value: str) -> dict[str, Any]:
        condition = {operator: {key: value}}
        return {"Effect": "Deny", "Principal": "*", "Action": "sns:Subscribe", "Resource": arn, "Condition": condition}

    return world.topic(
        members_may("sns:Publish", "sns:Subscribe", topic=arn),
        deny("StringNotEquals", "sns:Protocol", "sqs"),
        deny("StringNotLike", "sns:Endpoint", f"arn:aws:sqs:*:*:{world.name}_*"),
    )


def test_a_queue_of_the_federations_name_may_subscribe(world: World) -> None:
    topic = only_own_queues(world)
    world.queue(MEMBER)
    assert world.subscribe(topic, MEMBER).startswith(topic)


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [("email", "someone@example.com"), ("https", "https://example.com/"), ("sqs", f"arn:aws:sqs:{REGION}:{MEMBER}:x")],
)
def test_nothing_else_may_subscribe(ministack: LocalAws, protocol: str, endpoint: str) -> None:
    world = World(ministack, f"only-{protocol}")
    topic = only_own_queues(world)
    call = {"TopicArn": topic, "Protocol": protocol, "Endpoint": endpoint}
    assert refusal(lambda: world.client("sns", MEMBER).subscribe(**call)) in DENIALS


def a_user(world: World, account: str) -> Any:
    """An SNS client of a user who may do everything in the account."""
    iam = world.client("iam", account)
    iam.create_user(UserName=world.name)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_user_policy(UserName=world.name, PolicyName="all", PolicyDocument=document(everything))
    made = iam.create_access_key(UserName=world.name)["AccessKey"]
    return world.aws.session_with(made["AccessKeyId"], made["SecretAccessKey"], region=REGION).client("sns")


@pytest.mark.parametrize("account", [HUB, MEMBER])
def test_a_user_of_an_account_subscribes_as_its_root_does(ministack: LocalAws, account: str) -> None:
    """A user is judged at the door too, where the topic's policy counts as well."""
    world = World(ministack, f"user-{account}")
    topic = only_own_queues(world)
    world.queue(account)
    user = a_user(world, account)
    call = {"TopicArn": topic, "Protocol": "sqs"}
    assert refusal(lambda: user.subscribe(**call, Endpoint=world.queue_arn(account))) is None
    assert refusal(lambda: user.subscribe(**call, Endpoint=f"arn:aws:sqs:{REGION}:{account}:x")) in DENIALS


def test_what_one_call_asked_does_not_count_for_the_next(ministack: LocalAws) -> None:
    """Publish is judged without the keys of a Subscribe before it."""
    world = World(ministack, "keys-forgotten")
    topic = only_own_queues(world)
    world.queue(MEMBER)
    world.subscribe(topic, MEMBER)
    assert refusal(lambda: world.publish(topic, MEMBER, "hello")) is None


# Condition keys


def a_role(world: World, account: str, name: str, trusted: dict[str, Any], path: str = "/") -> str:
    """The ARN of a role that may assume any other."""
    iam = world.client("iam", account)
    made = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=document(trusted))["Role"]
    may = {"Effect": "Allow", "Action": ["sts:AssumeRole", "s3:GetObject"], "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=document(may))
    return str(made["Arn"])


def trust(account: str, **condition: Any) -> dict[str, Any]:
    said = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    return {**said, "Condition": condition} if condition else said


def as_role(world: World, role: str, account: str, service: str) -> Any:
    """A client with the credentials of a role that `account` assumes."""
    answer = world.client("sts", account).assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    session = world.aws.session_with(
        answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"], region=REGION
    )
    return session.client(service)


@pytest.mark.parametrize("path", ["/", "/federations/cardio/"])
def test_the_principal_of_a_session_is_its_role(ministack: LocalAws, path: str) -> None:
    world = World(ministack, f"principal-{len(path)}")
    node = a_role(world, OTHER, f"{world.name}-node", trust(OTHER), path)
    stranger = a_role(world, OTHER, f"{world.name}-stranger", trust(OTHER), path)
    only_node = trust(OTHER, ArnEquals={"aws:PrincipalArn": node})
    reader = a_role(world, MEMBER, f"{world.name}-reader", only_node)
    call = {"RoleArn": reader, "RoleSessionName": "read"}
    assert refusal(lambda: as_role(world, node, OTHER, "sts").assume_role(**call)) is None
    assert refusal(lambda: as_role(world, stranger, OTHER, "sts").assume_role(**call)) in DENIALS
    assert refusal(lambda: world.client("sts", OTHER).assume_role(**call)) in DENIALS


@pytest.mark.parametrize(("owner", "denied"), [(MEMBER, False), (OTHER, True)])
def test_the_account_of_a_bucket_is_its_owners(ministack: LocalAws, owner: str, denied: bool) -> None:
    """The bucket is MEMBER's, whoever asks; a policy that names another owner opens nothing."""
    world = World(ministack, f"owner-of-bucket-{owner}")
    arn = f"arn:aws:s3:::{world.name}/*"
    shared = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, "Action": "s3:GetObject"}
    bucket = world.bucket(MEMBER, {**shared, "Resource": arn})
    role = world.reader_role(OTHER, OTHER, bucket)
    narrowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": arn}
    narrowed["Condition"] = {"StringEquals": {"aws:ResourceAccount": owner}}
    s3 = world.assumed(OTHER, role, Policy=document(narrowed))
    code = refusal(lambda: s3.get_object(Bucket=bucket, Key="mine"))
    assert code in DENIALS if denied else code is None


# Batches


@pytest.mark.parametrize(("action", "denied"), [("sqs:SendMessage", False), ("sqs:ReceiveMessage", True)])
def test_a_batch_needs_the_right_of_the_single_call(ministack: LocalAws, action: str, denied: bool) -> None:
    world = World(ministack, f"batch-{action[4:]}")
    url = world.queue(MEMBER)
    iam = world.client("iam", MEMBER)
    iam.create_user(UserName=world.name)
    may = {"Effect": "Allow", "Action": action, "Resource": world.queue_arn(MEMBER)}
    iam.put_user_policy(UserName=world.name, PolicyName="may", PolicyDocument=document(may))
    key = iam.create_access_key(UserName=world.name)["AccessKey"]
    sqs = ministack.session_with(key["AccessKeyId"], key["SecretAccessKey"], region=REGION).client("sqs")
    entries = [{"Id": "1", "MessageBody": "one"}]
    code = refusal(lambda: sqs.send_message_batch(QueueUrl=url, Entries=entries))
    assert code in DENIALS if denied else code is None


# Fan-out


def test_a_message_reaches_every_queue_past_the_first_hundred(world: World) -> None:
    topic = world.topic()
    for number in range(103):
        world.subscribe(topic, MEMBER, f"none{number}")
    url = world.queue(MEMBER, "last", accepts=topic)
    world.subscribe(topic, MEMBER, "last")
    world.publish(topic, OTHER, "to all")
    assert world.bodies(MEMBER, url) == ["to all"]


def test_a_queue_that_is_gone_does_not_fail_the_publish(world: World) -> None:
    topic, gone, _ = joined(world)
    world.client("sqs", MEMBER).delete_queue(QueueUrl=gone)
    url = world.queue(OTHER, "there", accepts=topic)
    world.subscribe(topic, OTHER, "there")
    world.publish(topic, MEMBER, "to one")
    assert world.bodies(OTHER, url) == ["to one"]


def test_a_message_reaches_a_queue_in_the_publishers_own_account_once(world: World) -> None:
    topic, url, _ = joined(world)
    world.publish(topic, MEMBER, "to myself")
    assert world.bodies(MEMBER, url) == ["to myself"]


# Bucket policies


def test_moto_keeps_a_bucket_policy(moto: LocalAws) -> None:
    world = World(moto, "kept-policy")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{world.name}/*"}
    bucket = world.bucket(MEMBER, deny)
    kept = json.loads(world.client("s3", MEMBER).get_bucket_policy(Bucket=bucket)["Policy"])
    assert kept["Statement"] == [deny]


# Accounts by access key


def answered(environ: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def app(given: dict[str, Any], _start: Any) -> Iterable[bytes]:
        seen.update(given)
        return []

    list(moto.account_by_key(app)(environ, lambda *_: None))
    return seen


def test_a_key_of_twelve_digits_is_the_account() -> None:
    signed = {"HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=222222222222/20260101/us-east-1/sqs/aws4_request"}
    assert answered(signed)["HTTP_X_MOTO_ACCOUNT_ID"] == MEMBER


def test_a_presigned_url_of_such_a_key_is_the_account() -> None:
    signed = {"QUERY_STRING": "X-Amz-Algorithm=x&X-Amz-Credential=222222222222%2F20260101%2Fus-east-1%2Fs3"}
    assert answered(signed)["HTTP_X_MOTO_ACCOUNT_ID"] == MEMBER


@pytest.mark.parametrize("key", ["AKIAIOSFODNN7EXAMPLE", "22222222222", "2222222222222", "22222222222a"])
def test_any_other_key_is_left_to_moto(key: str) -> None:
    signed = {"HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/sqs/aws4_request"}
    assert "HTTP_X_MOTO_ACCOUNT_ID" not in answered(signed)


def test_an_account_that_the_client_named_itself_is_kept() -> None:
    signed = {"HTTP_AUTHORIZATION": "Credential=222222222222/x", "HTTP_X_MOTO_ACCOUNT_ID": OTHER}
    assert answered(signed)["HTTP_X_MOTO_ACCOUNT_ID"] == OTHER


# Nothing but loopback


def test_ministack_binds_nothing_of_its_own() -> None:
    told = ministack.environment(1)
    assert told["IOT_MTLS_ENABLED"] == "0"
    assert told["DOCKER_HOST"].startswith("unix:///nonexistent")


# An answer without a body


def test_an_answer_without_a_body_is_told_as_it_is(world: World) -> None:
    assert refusal(lambda: world.client("s3", MEMBER).head_bucket(Bucket=f"{world.name}-nobodys")) == "404"
