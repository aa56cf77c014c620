"""What AWS needs a moment for is waited out, said beside the resource, and given up when the run is."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2_grpc

from fedml_infra.sandbox.provider.connections import IDLE_SECONDS, Connections
from tests.sandbox.provider import cases
from tests.sandbox.provider.cases import allow, document
from tests.sandbox.provider.conftest import REGION, Lab, served
from tests.sandbox.provider.driver import Driver, RefusedError

SUBSCRIPTION, QUEUE = "aws:sns/topicSubscription:TopicSubscription", "aws:sqs/queue:Queue"


class Engine(engine_pb2_grpc.EngineServicer):
    """The engine's log, which tells when a line comes."""

    def __init__(self) -> None:
        self.lines: list[Any] = []
        self.came = threading.Event()

    def Log(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        self.lines.append(request)
        self.came.set()
        return empty_pb2.Empty()


@pytest.fixture
def engine() -> Iterator[tuple[Engine, str]]:
    servicer, server = Engine(), grpc.server(futures.ThreadPoolExecutor(2))
    engine_pb2_grpc.add_EngineServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"127.0.0.1:{port}"
    server.stop(0).wait(5)


def closed_topic(lab: Lab) -> str:
    """A topic of the neighbour that allows nobody."""
    return str(lab.boto("sns", lab.neighbour).create_topic(Name=lab.name)["TopicArn"])


def open_topic(lab: Lab, arn: str) -> None:
    policy = document(allow("A", "sns:Subscribe", arn, {"AWS": f"arn:aws:iam::{lab.account}:root"}))
    lab.boto("sns", lab.neighbour).set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)


def wanted(lab: Lab, topic: str) -> dict[str, str]:
    return {"topic": topic, "protocol": "sqs", "endpoint": cases.queue_arn(lab, cases.a_queue(lab))}


def configured(driver: Driver, lab: Lab, address: str) -> Driver:
    driver.attach(address)
    key, secret = lab.aws.credentials(lab.account)
    return driver.configure(accessKey=key, secretKey=secret, region=REGION)


def test_a_subscription_that_is_not_allowed_yet_is_made_as_soon_as_it_is(
    lab: Lab, environment: dict[str, str], engine: tuple[Engine, str]
) -> None:
    topic = closed_topic(lab)
    log, address = engine
    with served({**environment, "FEDML_INFRA_SANDBOX_SUBSCRIBE_SECONDS": "20"}) as (_, opened):
        driver = configured(opened(), lab, address)
        with futures.ThreadPoolExecutor(1) as pool:
            result = pool.submit(driver.create, SUBSCRIPTION, wanted(lab, topic))
            assert log.came.wait(60)
            open_topic(lab, topic)
            assert result.result(20).outputs["topic"] == topic
    line = log.lines[0]
    assert "waiting for the topic's policy to allow the subscription" in line.message
    assert line.ephemeral
    assert line.urn.endswith("::r")


def test_a_subscription_that_stays_forbidden_is_refused_in_aws_s_words(lab: Lab) -> None:
    topic = closed_topic(lab)
    began = time.monotonic()
    with pytest.raises(RefusedError, match="Subscribe: AuthorizationError"):
        lab.driver.create(SUBSCRIPTION, wanted(lab, topic))
    assert 0.4 < time.monotonic() - began < 60


def test_a_cancelled_run_gives_up_the_wait_at_once(
    lab: Lab, environment: dict[str, str], engine: tuple[Engine, str]
) -> None:
    topic = closed_topic(lab)
    log, address = engine
    with served({**environment, "FEDML_INFRA_SANDBOX_SUBSCRIBE_SECONDS": "60"}) as (connections, opened):
        driver = configured(opened(), lab, address)
        with futures.ThreadPoolExecutor(1) as pool:
            result = pool.submit(driver.create, SUBSCRIPTION, wanted(lab, topic))
            assert log.came.wait(60)
            began = time.monotonic()
            driver.call("Cancel", empty_pb2.Empty())
            # Cancel is answered once the call has ended, and the provider is forgotten.
            assert len(connections) == 0
            with pytest.raises(RefusedError, match="given up: the run was cancelled"):
                result.result(60)
            assert time.monotonic() - began < 30


def test_cancel_waits_for_calls_under_way() -> None:
    connections = Connections({})
    connection = connections.of("peer")
    inside, leave = threading.Event(), threading.Event()

    def call() -> None:
        with connection.call():
            inside.set()
            assert leave.wait(60)

    with futures.ThreadPoolExecutor(2) as pool:
        running = pool.submit(call)
        assert inside.wait(60)
        cancelling = pool.submit(connections.cancel, "peer", 60)
        assert connection.cancelled.wait(60)
        assert not cancelling.done()
        leave.set()
        cancelling.result(60)
        running.result(60)
    assert len(connections) == 0


def test_cancel_does_not_wait_for_ever() -> None:
    connections = Connections({})
    with connections.of("peer").call():
        connections.cancel("peer", timeout=0.01)
    assert len(connections) == 0


def test_a_provider_whose_engine_was_killed_is_forgotten() -> None:
    now = [1000.0]
    connections = Connections({}, clock=lambda: now[0])
    connections.of("dead")
    now[0] += IDLE_SECONDS - 1
    connections.of("young")
    assert len(connections) == 2
    now[0] += 2
    connections.of("new")
    assert len(connections) == 2


def test_a_provider_with_a_call_under_way_is_not_forgotten() -> None:
    now = [1000.0]
    connections = Connections({}, clock=lambda: now[0])
    with connections.of("busy").call():
        now[0] += 2 * IDLE_SECONDS
        connections.of("new")
        assert len(connections) == 2


class BlockedName(http.server.BaseHTTPRequestHandler):
    """An SQS that blocks a queue's name for its first answers, as AWS does for a minute after a deletion."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].split(".")[-1]
        self.server.seen.append(operation)  # type: ignore[attr-defined]
        answer: dict[str, Any] = {"QueueUrl": "http://127.0.0.1/1/q", "Attributes": {"QueueArn": "arn:aws:sqs:r:1:q"}}
        status = 200
        if operation == "GetQueueUrl":
            status, answer = 400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "none"}
        elif operation == "CreateQueue" and self.server.seen.count("CreateQueue") <= self.server.blocked:  # type: ignore[attr-defined]
            status, answer = 400, {"__type": "com.amazonaws.sqs#QueueDeletedRecently", "message": "wait 60 seconds"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def blocked_name() -> Iterator[Callable[[int], http.server.ThreadingHTTPServer]]:
    servers = []

    def start(blocked: int) -> http.server.ThreadingHTTPServer:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), BlockedName)
        server.seen, server.blocked = [], blocked  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("blocked", "seconds"), [(2, "5"), (1000, "0.3")])
def test_a_name_that_was_deleted_a_moment_ago_is_waited_for(
    blocked_name: Callable[[int], http.server.ThreadingHTTPServer],
    engine: tuple[Engine, str],
    blocked: int,
    seconds: str,
) -> None:
    server, (log, address) = blocked_name(blocked), engine
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "FEDML_INFRA_SANDBOX_QUEUE_NAME_SECONDS": seconds,
    }
    with served(environment) as (_, opened):
        driver = opened()
        driver.attach(address)
        driver.configure(region=REGION, accessKey="a", secretKey="bbb")
        if blocked < 1000:
            assert driver.create(QUEUE, {"name": "q"}).id
            assert server.seen.count("CreateQueue") == 3  # type: ignore[attr-defined]
        else:
            with pytest.raises(RefusedError, match="CreateQueue: QueueDeletedRecently: wait 60 seconds"):
                driver.create(QUEUE, {"name": "q"})
    assert "waiting for AWS to free the name" in log.lines[0].message
