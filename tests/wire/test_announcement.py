"""Only who has the key of an epoch can say so."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from fedml_infra.wire.v2.announcement import Announcement, attributes, read_announcement, write_announcement

TOPIC = "arn:aws:sns:us-east-1:111111111111:cardio"
KEY, OTHER_KEY = SecretStr("MDEyMzQ1Njc4OWFiY2RlZg=="), SecretStr("AAAAAAAAAAAAAAAAAAAAAA==")
SAID = Announcement("222222222222", 3)
BODY = write_announcement(SAID, topic_arn=TOPIC, key=KEY)


def test_what_is_said_is_read() -> None:
    assert read_announcement(BODY, topic_arn=TOPIC, key=KEY) == SAID


def test_who_has_another_key_says_nothing() -> None:
    assert read_announcement(BODY, topic_arn=TOPIC, key=OTHER_KEY) is None


@pytest.mark.parametrize(("name", "value"), [("aws_id", "333333333333"), ("epoch", 4), ("mac", "AAAA")])
def test_nothing_of_it_can_be_changed(name: str, value: object) -> None:
    assert read_announcement(json.dumps({**json.loads(BODY), name: value}), topic_arn=TOPIC, key=KEY) is None


def test_it_is_not_taken_for_another_federation_s() -> None:
    assert read_announcement(BODY, topic_arn=TOPIC.replace("cardio", "neuro"), key=KEY) is None


@pytest.mark.parametrize(
    "body",
    ["", "hello", "[]", "{}", '{"aws_id": "1", "epoch": "x", "mac": "AA"}', '{"aws_id": 1, "epoch": null}', "\ud800"],
)
def test_what_is_no_announcement_is_none(body: str) -> None:
    assert read_announcement(body, topic_arn=TOPIC, key=KEY) is None


def test_its_attributes_keep_it_out_of_the_nodes_queues() -> None:
    assert attributes(3, "insel") == {"probe": "sync", "epoch": "3", "sender": "insel"}


def test_the_key_is_not_in_it() -> None:
    assert KEY.get_secret_value() not in BODY
