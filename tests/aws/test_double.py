"""What the double says that moto cannot: other accounts, denials, credentials for exactly one object."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from fedml_infra.aws.buckets import BucketKind, Gap
from fedml_infra.aws.double import InMemoryAws
from fedml_infra.aws.sessions import Access, Keys
from fedml_infra.aws.subscriptions import Receivers
from fedml_infra.errors import AuthenticationError, PolicyError, ResourceError

from .conftest import ACCOUNT, REGION
from .stack import TOPIC, node

ME, OTHER = Access(), Access(profile="other")
STRANGER = f"arn:aws:sqs:{REGION}:444444444444:cardio_gone"


@pytest.fixture
def aws() -> InMemoryAws:
    return InMemoryAws({ME: ACCOUNT, OTHER: "222222222222"})


def test_anothers_bucket_is_foreign(aws: InMemoryAws) -> None:
    aws.add_bucket("222222222222", REGION, "charite-fed")
    assert aws.bucket_state(ME, REGION, "charite-fed", account=ACCOUNT).kind is BucketKind.FOREIGN
    with pytest.raises(PolicyError):
        aws.put_payload(ME, node(), "x", b"")


def test_gaps_are_those_that_were_said(aws: InMemoryAws) -> None:
    gap = Gap("transport", "plain HTTP is not denied")
    aws.add_bucket(ACCOUNT, REGION, "b", gaps=(gap,))
    assert aws.hardening_gaps(ME, REGION, "b", account=ACCOUNT, retention_seconds=1) == (gap,)


def test_a_subscription_that_may_not_be_removed_is_named(aws: InMemoryAws) -> None:
    topic = aws.add_topic(ACCOUNT, REGION, "cardio")
    kept = aws.add_subscription(topic, STRANGER)
    aws.deny("sns:Unsubscribe", kept.arn)
    with pytest.raises(ResourceError, match="cardio_gone"):
        aws.remove_strangers(ME, REGION, topic, Receivers(federation="cardio"))
    assert aws.subscriptions(ME, REGION, topic) == (kept,)


def test_a_subscription_without_an_arn_is_reported(aws: InMemoryAws) -> None:
    topic = aws.add_topic(ACCOUNT, REGION, "cardio")
    row = aws.add_subscription(topic, "a@example.com", protocol="email", arn="PendingConfirmation")
    assert aws.remove_strangers(ME, REGION, topic, Receivers(federation="cardio")).pending == (row,)


@pytest.mark.parametrize("action", ["sns:Publish", "sns:ListSubscriptionsByTopic"])
def test_what_is_denied_is_denied(aws: InMemoryAws, action: str) -> None:
    topic = aws.add_topic(ACCOUNT, REGION, "cardio")
    aws.deny(action, topic)
    with pytest.raises(PolicyError, match=action):
        if action == "sns:Publish":
            aws.publish(ME, REGION, topic, "x")
        else:
            aws.subscriptions(ME, REGION, topic)


def test_receiving_may_be_denied(aws: InMemoryAws) -> None:
    url = aws.add_queue(ACCOUNT, REGION, "cardio_x")
    aws.deny("sqs:ReceiveMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:cardio_x")
    with pytest.raises(PolicyError):
        aws.receive_until(ME, REGION, url, bool, seconds=0)


def test_credentials_read_no_other_object(aws: InMemoryAws) -> None:
    aws.add_bucket(ACCOUNT, REGION, "charite-fed")
    aws.put_object("charite-fed", "updates/other", b"secret")
    mine = aws.reader_credentials(ME, node(), "updates/mine")
    with pytest.raises(PolicyError):
        aws.fetch_payload(replace(mine, key="updates/other"))


def test_made_up_credentials_read_nothing(aws: InMemoryAws) -> None:
    aws.add_bucket(ACCOUNT, REGION, "charite-fed")
    mine = aws.reader_credentials(ME, node(), "updates/mine")
    with pytest.raises(AuthenticationError):
        aws.fetch_payload(replace(mine, keys=Keys("a", "b")))


def test_receiving_waits_for_what_is_published_meanwhile(aws: InMemoryAws) -> None:
    topic = aws.add_topic(ACCOUNT, REGION, "cardio")
    url = aws.add_queue(ACCOUNT, REGION, "cardio_x")
    aws.add_subscription(topic, f"arn:aws:sqs:{REGION}:{ACCOUNT}:cardio_x")
    later = threading.Timer(0.05, aws.publish, (OTHER, REGION, TOPIC, "late"))
    later.start()
    assert aws.receive_until(ME, REGION, url, bool, seconds=10).messages[0].body == "late"
    later.join()


def test_a_queue_that_is_gone_receives_nothing(aws: InMemoryAws) -> None:
    url = aws.add_queue(ACCOUNT, REGION, "cardio_x")
    aws.delete_queue(url)
    with pytest.raises(ResourceError):
        aws.receive_until(ME, REGION, url, bool, seconds=0)
