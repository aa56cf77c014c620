"""Who is a stranger on a topic, and how it is taken off."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.stub import Stubber

from fedml_infra.aws.sessions import Access, client
from fedml_infra.aws.subscriptions import Receivers, Subscription, receivers, remove_strangers, strangers, subscriptions
from fedml_infra.errors import PolicyError, ResourceError

from .conftest import ACCOUNT, REGION
from .stack import TOPIC, hub

MEMBER, NAMED, REMOVED = "222222222222", "333333333333", "444444444444"
OWN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:cardio_charite"
ALLOWED = Receivers(
    federation="cardio",
    any_queue=frozenset({MEMBER}),
    queues=frozenset({(NAMED, "cardio_insel")}),
    own=frozenset({OWN}),
)


def queue(account: str, name: str, region: str = REGION, partition: str = "aws") -> str:
    return f"arn:{partition}:sqs:{region}:{account}:{name}"


def row(endpoint: str, *, protocol: str = "sqs", owner: str | None = None, arn: str = f"{TOPIC}:1") -> Subscription:
    account = owner if owner is not None else endpoint.split(":")[4]
    return Subscription(arn=arn, protocol=protocol, endpoint=endpoint, owner=account, topic_arn=TOPIC)


@pytest.mark.parametrize(
    "admitted",
    [
        row(OWN),
        row(queue(MEMBER, "cardio_anything")),
        row(queue(MEMBER, "cardio_anything", "us-east-1")),
        row(queue(NAMED, "cardio_insel")),
        row(queue(NAMED, "cardio_insel", "eu-west-1")),
        row(queue(MEMBER, "cardio_x"), owner=ACCOUNT),
        row(queue(MEMBER, "cardio_x"), owner=""),
    ],
    ids=str,
)
def test_a_receiving_members_queue_is_no_stranger(admitted: Subscription) -> None:
    assert strangers([admitted], ALLOWED).admitted == (admitted,)


@pytest.mark.parametrize(
    "stranger",
    [
        row(queue(REMOVED, "cardio_gone")),
        row(queue(ACCOUNT, "cardio_other")),
        row(queue(ACCOUNT, "cardio_charite", "us-east-1")),
        row(queue(NAMED, "cardio_other")),
        row(queue(NAMED, "cardio_insel_dlq")),
        row(queue(MEMBER, "cardioo_x")),
        row(queue(MEMBER, "cardio")),
        row(queue(MEMBER, "other_x")),
        row(queue(MEMBER, "cardio_x", "cn-north-1", "aws-cn")),
        row(f"arn:aws:lambda:{REGION}:{MEMBER}:function:cardio_x", protocol="lambda"),
        row(queue(MEMBER, "cardio_x"), protocol="firehose"),
        row(f"arn:aws:sns:{REGION}:{MEMBER}:cardio_x"),
        row("https://example.com/cardio_x", protocol="https", owner=MEMBER),
        row("someone@example.com", protocol="email", owner=ACCOUNT),
        row("not an arn", owner=MEMBER),
    ],
    ids=str,
)
def test_everything_else_is_a_stranger(stranger: Subscription) -> None:
    assert strangers([stranger], ALLOWED).strangers == (stranger,)


def test_what_a_removed_account_subscribed_is_a_stranger_even_to_a_members_queue() -> None:
    found = row(queue(MEMBER, "cardio_x"), owner=REMOVED)
    assert strangers([found], ALLOWED).strangers == (found,)


@pytest.mark.parametrize("arn", ["PendingConfirmation", "Deleted", "pending confirmation", ""])
def test_what_has_no_arn_is_reported_and_nothing_else(arn: str) -> None:
    found = row("someone@example.com", protocol="email", owner=REMOVED, arn=arn)
    told = strangers([found], ALLOWED)
    assert (told.pending, told.strangers, told.admitted) == ((found,), (), ())


def test_receivers_of_a_stack_file() -> None:
    config = hub(members=[{"aws_id": MEMBER}, {"aws_id": NAMED, "nodes": ["insel"]}])
    assert receivers(config, [OWN]) == ALLOWED


def test_a_member_that_only_publishes_has_no_receiving_queue() -> None:
    config = hub(members=[{"aws_id": MEMBER, "rights": ["publish"]}])
    assert receivers(config, []) == Receivers(federation="cardio")


def test_in_a_centralized_federation_members_do_not_receive() -> None:
    config = hub(topology="centralized", members=[{"aws_id": MEMBER, "nodes": ["insel"]}])
    assert receivers(config, [OWN]) == Receivers(federation="cardio", own=frozenset({OWN}))


def topic_with(*endpoints: str) -> None:
    sns = client("sns", Access(), REGION)
    sns.create_topic(Name="cardio")
    for endpoint in endpoints:
        sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=endpoint)


def test_subscriptions_are_listed_past_the_first_page(moto: None) -> None:
    topic_with(*(queue(MEMBER, f"cardio_{number}") for number in range(130)))
    assert len(subscriptions(Access(), REGION, TOPIC)) == 130


def test_a_topic_that_is_not_there(moto: None) -> None:
    with pytest.raises(ResourceError, match=r"could not list the subscriptions of .*:cardio: AWS answered NotFound"):
        subscriptions(Access(), REGION, TOPIC)


def test_strangers_are_removed_and_members_stay(moto: None) -> None:
    topic_with(OWN, queue(MEMBER, "cardio_x"), queue(REMOVED, "cardio_gone"))
    report = remove_strangers(Access(), REGION, TOPIC, ALLOWED)
    assert [gone.endpoint for gone in report.removed] == [queue(REMOVED, "cardio_gone")]
    assert report.admitted == 2
    assert {left.endpoint for left in subscriptions(Access(), REGION, TOPIC)} == {OWN, queue(MEMBER, "cardio_x")}


def test_a_second_run_finds_nothing_to_do(moto: None) -> None:
    topic_with(OWN, queue(REMOVED, "cardio_gone"))
    remove_strangers(Access(), REGION, TOPIC, ALLOWED)
    assert remove_strangers(Access(), REGION, TOPIC, ALLOWED).removed == ()


def rows(count: int) -> dict[str, Any]:
    return {
        "Subscriptions": [
            {
                "SubscriptionArn": f"{TOPIC}:{number}",
                "Owner": REMOVED,
                "Protocol": "sqs",
                "Endpoint": queue(REMOVED, f"cardio_{number}"),
                "TopicArn": TOPIC,
            }
            for number in range(count)
        ]
    }


def test_one_that_someone_else_removed_meanwhile_is_fine(credentials: None) -> None:
    with Stubber(client("sns", Access(), REGION)) as stub:
        stub.add_response("list_subscriptions_by_topic", rows(1))
        stub.add_client_error("unsubscribe", "NotFound", http_status_code=404)
        report = remove_strangers(Access(), REGION, TOPIC, ALLOWED)
    assert (len(report.gone), report.removed) == (1, ())


def test_those_that_cannot_be_removed_are_named_and_the_others_are_removed_all_the_same(credentials: None) -> None:
    with Stubber(client("sns", Access(), REGION)) as stub:
        stub.add_response("list_subscriptions_by_topic", rows(3))
        stub.add_response("unsubscribe", {}, {"SubscriptionArn": f"{TOPIC}:0"})
        stub.add_client_error("unsubscribe", "AuthorizationError", expected_params={"SubscriptionArn": f"{TOPIC}:1"})
        stub.add_response("unsubscribe", {}, {"SubscriptionArn": f"{TOPIC}:2"})
        with pytest.raises(ResourceError) as caught:
            remove_strangers(Access(), REGION, TOPIC, ALLOWED, at_once=1)
        stub.assert_no_pending_responses()
    assert "cardio_1" in caught.value.what
    assert "AuthorizationError" in caught.value.what
    assert "cardio_0" not in caught.value.what
    assert "cardio_2" not in caught.value.what


def test_of_many_that_cannot_be_removed_ten_are_named_and_the_rest_counted(credentials: None) -> None:
    with Stubber(client("sns", Access(), REGION)) as stub:
        stub.add_response("list_subscriptions_by_topic", rows(12))
        for _ in range(12):
            stub.add_client_error("unsubscribe", "AuthorizationError")
        with pytest.raises(ResourceError, match="and 2 more"):
            remove_strangers(Access(), REGION, TOPIC, ALLOWED, at_once=1)


def test_who_may_not_list_is_told(credentials: None) -> None:
    with Stubber(client("sns", Access(), REGION)) as stub:
        stub.add_client_error("list_subscriptions_by_topic", "AuthorizationError")
        with pytest.raises(PolicyError, match=TOPIC):
            remove_strangers(Access(), REGION, TOPIC, ALLOWED)


def test_unsubscribe_calls_in_flight_are_bounded(moto: None) -> None:
    topic_with(*(queue(REMOVED, f"cardio_{number}") for number in range(12)))
    barrier, lock, now, most = threading.Barrier(3), threading.Lock(), 0, 0

    def on_call(**_: Any) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        barrier.wait(60)
        with lock:
            now -= 1

    client("sns", Access(), REGION).meta.events.register("before-call.sns.Unsubscribe", on_call)
    assert len(remove_strangers(Access(), REGION, TOPIC, ALLOWED, at_once=3).removed) == 12
    assert most == 3
