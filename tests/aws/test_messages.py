"""Messages over the topic, payloads by credentials for one object."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from botocore.stub import Stubber

from fedml_infra.aws.messages import publish, receive_until
from fedml_infra.aws.payloads import fetch_payload, put_payload, reader_credentials
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import AuthenticationError, ConfigurationError, PolicyError, ResourceError
from fedml_infra.policies.node import reader_session_policy

from .conftest import ACCOUNT, REGION
from .stack import TOPIC, node


@pytest.fixture
def queue(moto: None) -> str:
    """A queue that is subscribed, raw, to the topic."""
    url = client("sqs", Access(), REGION).create_queue(QueueName="cardio_charite")["QueueUrl"]
    sns = client("sns", Access(), REGION)
    sns.create_topic(Name="cardio")
    sns.subscribe(
        TopicArn=TOPIC,
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:cardio_charite",
        Attributes={"RawMessageDelivery": "true"},
    )
    return url


def test_a_message_arrives_raw_with_its_attributes(queue: str) -> None:
    publish(Access(), REGION, TOPIC, "hello", {"sender": "insel"})
    came = receive_until(Access(), REGION, queue, lambda all_of: len(all_of) == 1, seconds=60)
    assert came.enough
    assert (came.messages[0].body, came.messages[0].attributes) == ("hello", {"sender": "insel"})


def test_what_was_received_is_deleted(queue: str) -> None:
    publish(Access(), REGION, TOPIC, "hello")
    receive_until(Access(), REGION, queue, lambda all_of: len(all_of) == 1, seconds=60)
    counts = client("sqs", Access(), REGION).get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_receiving_goes_on_past_one_batch(queue: str) -> None:
    for number in range(12):
        publish(Access(), REGION, TOPIC, str(number))
    came = receive_until(Access(), REGION, queue, lambda all_of: len(all_of) == 12, seconds=60)
    assert sorted(int(message.body) for message in came.messages) == list(range(12))


def test_it_waits_for_what_is_published_meanwhile(queue: str) -> None:
    later = threading.Timer(0.1, publish, (Access(), REGION, TOPIC, "late"))
    later.start()
    came = receive_until(Access(), REGION, queue, lambda all_of: len(all_of) == 1, seconds=60)
    later.join()
    assert [message.body for message in came.messages] == ["late"]


def test_the_time_is_up_and_what_came_is_told(queue: str) -> None:
    publish(Access(), REGION, TOPIC, "only one")
    start = time.monotonic()
    came = receive_until(Access(), REGION, queue, lambda all_of: len(all_of) == 2, seconds=0.5)
    assert (len(came.messages), came.enough) == (1, False)
    assert 0.5 <= time.monotonic() - start < 30


def test_nothing_is_asked_where_nothing_is_wanted(credentials: None) -> None:
    with Stubber(client("sqs", Access(), REGION)):
        assert receive_until(Access(), REGION, "u", lambda _: True, seconds=60).messages == ()


def test_it_polls_long(credentials: None) -> None:
    with Stubber(client("sqs", Access(), REGION)) as stub:
        wanted = {
            "QueueUrl": "u",
            "MaxNumberOfMessages": 10,
            "WaitTimeSeconds": 20,
            "MessageAttributeNames": ["All"],
        }
        row = {"MessageId": "1", "Body": "b", "ReceiptHandle": "h"}
        stub.add_response("receive_message", {"Messages": [row]}, wanted)
        stub.add_response("delete_message_batch", {"Successful": [], "Failed": []})
        receive_until(Access(), REGION, "u", bool, seconds=60)


@pytest.mark.parametrize(("code", "kind"), [("AccessDenied", PolicyError), ("QueueDoesNotExist", ResourceError)])
def test_a_refused_receive_is_told(credentials: None, code: str, kind: type[Exception]) -> None:
    with Stubber(client("sqs", Access(), REGION)) as stub:
        stub.add_client_error("receive_message", code)
        with pytest.raises(kind, match="could not receive from u"):
            receive_until(Access(), REGION, "u", bool, seconds=60)


def test_a_refused_publish_is_told(credentials: None) -> None:
    with Stubber(client("sns", Access(), REGION)) as stub:
        stub.add_client_error("publish", "AuthorizationError")
        with pytest.raises(PolicyError, match=f"could not publish to {TOPIC}"):
            publish(Access(), REGION, TOPIC, "x")


def test_ten_attributes_go_and_eleven_are_refused(queue: str) -> None:
    publish(Access(), REGION, TOPIC, "x", {f"a{number}": "v" for number in range(10)})
    with pytest.raises(ConfigurationError, match="11 attributes"):
        publish(Access(), REGION, TOPIC, "x", {f"a{number}": "v" for number in range(11)})


@pytest.fixture
def bucket(moto: None) -> None:
    client("s3", Access(), REGION).create_bucket(
        Bucket="charite-fed", CreateBucketConfiguration={"LocationConstraint": REGION}
    )


def test_a_payload_lies_under_the_nodes_prefix(bucket: None) -> None:
    assert put_payload(Access(), node(), "round-1", b"weights") == "updates/round-1"


def test_the_owner_of_the_bucket_is_named_when_putting(credentials: None) -> None:
    with Stubber(client("s3", Access(), REGION)) as stub:
        stub.add_client_error("put_object", "AccessDenied", http_status_code=403)
        asked: list[str] = []
        client("s3", Access(), REGION).meta.events.register(
            "provide-client-params.s3.PutObject", lambda params, **_: asked.append(params["ExpectedBucketOwner"])
        )
        with pytest.raises(PolicyError, match="could not put charite-fed/updates/x"):
            put_payload(Access(), node(), "x", b"")
    assert asked == [ACCOUNT]


def test_the_reader_role_is_assumed_for_exactly_one_object(bucket: None) -> None:
    asked: list[dict[str, Any]] = []
    client("sts", Access(), REGION).meta.events.register(
        "provide-client-params.sts.AssumeRole", lambda params, **_: asked.append(params)
    )
    reader_credentials(Access(), node(), "updates/round-1")
    assert asked[0]["RoleArn"] == node().reader_role_arn
    assert json.loads(asked[0]["Policy"]) == reader_session_policy(node(), "updates/round-1")
    assert asked[0]["DurationSeconds"] == 3600


def test_a_payload_is_read_with_those_credentials_and_no_others(bucket: None) -> None:
    key = put_payload(Access(), node(), "round-1", b"weights")
    credentials = reader_credentials(Access(), node(), key)
    used: list[str] = []
    client("s3", Access(keys=credentials.keys), REGION).meta.events.register(
        "before-send.s3.GetObject", lambda request, **_: used.append(str(request.headers["Authorization"]))
    )
    assert fetch_payload(credentials, via=Access(profile="someone")) == b"weights"
    assert credentials.keys.access_key_id in used[0]


def test_the_credentials_are_not_printed(bucket: None) -> None:
    credentials = reader_credentials(Access(), node(), "updates/round-1")
    assert credentials.keys.secret_access_key not in repr(credentials)
    assert str(credentials.keys.session_token) not in repr(credentials)


def test_a_node_that_shares_by_bucket_policy_has_no_reader_role(credentials: None) -> None:
    with pytest.raises(ConfigurationError, match="no reader role"):
        reader_credentials(Access(), node(sharing="bucket_policy"), "updates/x")


def test_a_role_that_may_not_be_assumed_is_told(credentials: None) -> None:
    with Stubber(client("sts", Access(), REGION)) as stub:
        stub.add_client_error("assume_role", "AccessDenied", http_status_code=403)
        with pytest.raises(PolicyError, match="could not assume arn:aws:iam::"):
            reader_credentials(Access(), node(), "updates/x")


@pytest.mark.parametrize(("code", "kind"), [("AccessDenied", PolicyError), ("ExpiredToken", AuthenticationError)])
def test_a_payload_that_may_not_be_read_is_told(bucket: None, code: str, kind: type[Exception]) -> None:
    credentials = reader_credentials(Access(), node(), "updates/x")
    with Stubber(client("s3", Access(keys=credentials.keys), REGION)) as stub:
        stub.add_client_error("get_object", code, http_status_code=403)
        with pytest.raises(kind, match="charite-fed/updates/x"):
            fetch_payload(credentials)
