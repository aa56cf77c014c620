"""What operations may rely on, of AWS and of the double alike."""

from __future__ import annotations

import pytest

from fedml_infra.aws.buckets import BucketKind
from fedml_infra.aws.inventory import Place
from fedml_infra.aws.queues import QueueKind
from fedml_infra.aws.sessions import Access
from fedml_infra.aws.subscriptions import Receivers
from fedml_infra.errors import AuthenticationError, ConfigurationError, ResourceError
from fedml_infra.model.names import reader_role_name, roster_bucket_name
from fedml_infra.model.tags import ownership_tags

from .conftest import ACCOUNT, REGION
from .stack import TOPIC, node
from .worlds import Memory, Moto, World, endpoints

ME = Access()
OWN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:cardio_charite"
STRANGER = f"arn:aws:sqs:{REGION}:444444444444:cardio_gone"
ALLOWED = Receivers(federation="cardio", own=frozenset({OWN}))
TAGS = ownership_tags("cardio", "charite")


@pytest.fixture(params=[Memory, Moto], ids=["memory", "moto"])
def world(request: pytest.FixtureRequest, moto: None) -> World:
    made: World = request.param()
    return made


def test_whose_credentials(world: World) -> None:
    assert world.aws.account_of(ME, REGION) == ACCOUNT


def test_credentials_that_are_not_there(world: World) -> None:
    with pytest.raises(AuthenticationError):
        world.aws.account_of(Access(profile="not-there"), REGION)


def test_credentials_of_another_account(world: World) -> None:
    world.aws.expect_account(ME, REGION, ACCOUNT, where="node insel")
    with pytest.raises(AuthenticationError, match="but node insel is in account 333333333333"):
        world.aws.expect_account(ME, REGION, "333333333333", where="node insel")


def test_a_topics_subscriptions(world: World) -> None:
    topic = world.topic("cardio")
    assert world.aws.subscriptions(ME, REGION, topic) == ()
    world.subscribe(topic, OWN)
    world.subscribe(topic, STRANGER)
    rows = world.aws.subscriptions(ME, REGION, topic)
    assert endpoints(rows) == {OWN, STRANGER}
    assert all(row.settled and row.topic_arn == topic and row.protocol == "sqs" for row in rows)


def test_a_topic_that_is_not_there(world: World) -> None:
    with pytest.raises(ResourceError, match="NotFound"):
        world.aws.subscriptions(ME, REGION, TOPIC)


def test_strangers_go_and_receivers_stay_and_a_second_run_does_nothing(world: World) -> None:
    topic = world.topic("cardio")
    world.subscribe(topic, OWN)
    world.subscribe(topic, STRANGER)
    first = world.aws.remove_strangers(ME, REGION, topic, ALLOWED)
    second = world.aws.remove_strangers(ME, REGION, topic, ALLOWED)
    assert (endpoints(first.removed), first.admitted, second.removed) == ({STRANGER}, 1, ())
    assert endpoints(world.aws.subscriptions(ME, REGION, topic)) == {OWN}


def test_buckets(world: World) -> None:
    assert world.aws.bucket_state(ME, REGION, "charite-fed", account=ACCOUNT).kind is BucketKind.ABSENT
    world.bucket("charite-fed", {})
    found = world.aws.bucket_state(ME, REGION, "charite-fed", account=ACCOUNT)
    assert (found.kind, found.region) == (BucketKind.OWN, REGION)


def test_objects_under_a_prefix(world: World) -> None:
    world.bucket("charite-fed", {})
    assert not world.aws.has_objects(ME, REGION, "charite-fed", account=ACCOUNT)
    world.put("charite-fed", "updates-2/x")
    assert not world.aws.has_objects(ME, REGION, "charite-fed", "updates", account=ACCOUNT)
    assert world.aws.has_objects(ME, REGION, "charite-fed", account=ACCOUNT)


def test_in_a_bucket_that_is_not_there_nothing_lies(world: World) -> None:
    assert not world.aws.has_objects(ME, REGION, "nowhere-to-be-found", account=ACCOUNT)


def test_queues(world: World) -> None:
    def kind(pid: str) -> QueueKind:
        return world.aws.queue_state(ME, REGION, "cardio_charite", federation="cardio", pid=pid).kind

    assert kind("charite") is QueueKind.ABSENT
    world.queue("cardio_charite", TAGS)
    assert kind("charite") is QueueKind.OURS
    assert kind("insel") is QueueKind.FOREIGN


def test_an_inventory_of_nothing(world: World) -> None:
    assert world.aws.inventory([Place(ME, ACCOUNT, REGION)], "cardio").empty


def test_an_inventory(world: World) -> None:
    world.subscribe(world.topic("cardio"), OWN)
    world.queue("cardio_charite", TAGS)
    world.queue("cardio_by-hand", {})
    world.bucket("charite-fed", TAGS)
    world.bucket("named", {})
    world.bucket(roster_bucket_name("cardio", ACCOUNT, REGION), {})
    world.role(reader_role_name("cardio", "charite"), TAGS)
    world.parameter("/fedml/cardio/charite")
    for other in ("cardio_2", "card"):
        world.topic(other)
        world.queue(f"{other}_x", ownership_tags(other, "x"))
        world.role(reader_role_name(other, "x"), ownership_tags(other, "x"))
        world.parameter(f"/fedml/{other}/x")
    found = world.aws.inventory([Place(ME, ACCOUNT, REGION)], "cardio", buckets=["named"])
    assert found.unseen == ()
    assert sorted((str(row.kind), row.name) for row in found.found) == [
        ("bucket", "charite-fed"),
        ("bucket", roster_bucket_name("cardio", ACCOUNT, REGION)),
        ("bucket", "named"),
        ("parameter", "/fedml/cardio/charite"),
        ("queue", "cardio_by-hand"),
        ("queue", "cardio_charite"),
        ("role", reader_role_name("cardio", "charite")),
        ("subscription", OWN),
        ("topic", "cardio"),
    ]


def test_an_inventory_says_what_it_could_not_see(world: World) -> None:
    found = world.aws.inventory([Place(Access(profile="not-there"), ACCOUNT, REGION)], "cardio")
    assert found.unseen
    assert not found.empty


def test_another_region_is_not_looked_at(world: World) -> None:
    world.topic("cardio")
    assert world.aws.inventory([Place(ME, ACCOUNT, "us-east-1")], "cardio").empty


def test_a_message_reaches_each_subscribed_queue_once(world: World) -> None:
    topic = world.topic("cardio")
    charite, other = world.queue("cardio_charite", {}), world.queue("cardio_other", {})
    world.subscribe(topic, OWN)
    world.aws.publish(ME, REGION, topic, "hello", {"sender": "insel"})
    came = world.aws.receive_until(ME, REGION, charite, lambda all_of: len(all_of) == 1, seconds=60)
    assert [(message.body, dict(message.attributes)) for message in came.messages] == [("hello", {"sender": "insel"})]
    for queue in (charite, other):
        assert not world.aws.receive_until(ME, REGION, queue, bool, seconds=0.2).messages


def test_publishing_to_a_topic_that_is_not_there(world: World) -> None:
    with pytest.raises(ResourceError):
        world.aws.publish(ME, REGION, TOPIC, "hello")


def test_receiving_from_a_queue_that_is_not_there(world: World) -> None:
    with pytest.raises(ResourceError):
        world.aws.receive_until(ME, REGION, f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/no", bool, seconds=1)


def test_eleven_attributes(world: World) -> None:
    topic = world.topic("cardio")
    with pytest.raises(ConfigurationError, match="11 attributes"):
        world.aws.publish(ME, REGION, topic, "x", {str(number): "v" for number in range(11)})


def test_a_payload_is_read_with_credentials_for_it(world: World) -> None:
    world.bucket("charite-fed", {})
    key = world.aws.put_payload(ME, node(), "round-1", b"weights")
    assert key == "updates/round-1"
    assert world.aws.fetch_payload(world.aws.reader_credentials(ME, node(), key)) == b"weights"


def test_a_payload_that_is_not_there(world: World) -> None:
    world.bucket("charite-fed", {})
    credentials = world.aws.reader_credentials(ME, node(), "updates/none")
    with pytest.raises(ResourceError, match="NoSuchKey"):
        world.aws.fetch_payload(credentials)


def test_a_node_that_shares_by_bucket_policy(world: World) -> None:
    with pytest.raises(ConfigurationError, match="no reader role"):
        world.aws.reader_credentials(ME, node(sharing="bucket_policy"), "updates/x")
