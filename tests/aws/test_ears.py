"""A queue of the probe's own: as the node's, subscribed to what it is to hear, and gone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from moto.sqs.models import sqs_backends

from fedml_infra.aws.ears import make_ear, remove_ear, stale_ears, subscribe_ear
from fedml_infra.aws.links import own_subscription, parameter_text, queue_links
from fedml_infra.aws.messages import publish, receive_until
from fedml_infra.aws.sessions import Access, client
from fedml_infra.policies.queue import queue_policy

from .conftest import ACCOUNT, REGION
from .stack import TOPIC, node

ME = Access()
NODE = node()


@pytest.fixture
def topic(moto: None) -> str:
    name = TOPIC.rpartition(":")[2]
    assert client("sns", ME, REGION).create_topic(Name=name)["TopicArn"] == NODE.topic_arn
    return NODE.topic_arn


def test_it_hears_what_matches_and_nothing_else(topic: str) -> None:
    ear = subscribe_ear(ME, make_ear(ME, NODE, "0123"), {"probe": ["0123"]})
    publish(ME, REGION, topic, "for another", {"probe": "4567"})
    publish(ME, REGION, topic, "for it", {"probe": "0123"})
    came = receive_until(ME, REGION, ear.url, lambda came: len(came) > 1, seconds=0.5).messages
    assert [message.body for message in came] == ["for it"]


def test_its_policy_is_the_node_s_for_its_own_name(topic: str) -> None:
    ear = make_ear(ME, NODE, "0123")
    found = queue_links(ME, REGION, ear.name)
    assert found is not None
    assert found.policy is not None
    wanted = json.loads(json.dumps(queue_policy(NODE)).replace(str(NODE.queue_arn), ear.arn))
    assert found.policy == wanted


def test_nothing_of_it_is_left(topic: str) -> None:
    ear = subscribe_ear(ME, make_ear(ME, NODE, "0123"), {"probe": ["0123"]})
    remove_ear(ME, ear)
    assert queue_links(ME, REGION, ear.name) is None
    assert own_subscription(ME, REGION, topic, ear.arn) is None
    remove_ear(ME, ear)


def test_a_subscription_whose_answer_was_lost_goes_too(topic: str) -> None:
    made = make_ear(ME, NODE, "0123")
    subscribe_ear(ME, made, {"probe": ["0123"]})
    remove_ear(ME, made)
    assert own_subscription(ME, REGION, topic, made.arn) is None


def test_what_a_killed_probe_left_is_found_after_an_hour(topic: str) -> None:
    old, new = make_ear(ME, NODE, "0123"), make_ear(ME, NODE, "4567")
    created = (datetime.now(UTC) - timedelta(hours=2)).timestamp()
    sqs_backends[ACCOUNT][REGION].queues[old.name].created_timestamp = created
    assert [ear.name for ear in stale_ears(ME, NODE)] == [old.name]
    remove_ear(ME, stale_ears(ME, NODE)[0])
    assert queue_links(ME, REGION, new.name) is not None


def test_a_parameter_s_text_does_not_print_itself(moto: None) -> None:
    client("ssm", ME, REGION).put_parameter(Name="/fedml/cardio/x", Value="s3cret", Type="SecureString")
    found = parameter_text(ME, REGION, "/fedml/cardio/x")
    assert found is not None
    assert found.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(found)
    assert parameter_text(ME, REGION, "/fedml/cardio/y") is None
