"""The removal of strangers' subscriptions: on a run, never in a preview, with the credentials of the hub's stack."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

ARN = "arn:aws:sns:us-east-1:111111111111:cardio"
ROWS = {
    "own": "arn:aws:sqs:us-east-1:111111111111:cardio_charite",
    "member": "arn:aws:sqs:eu-west-1:222222222222:cardio_insel",
    "removed": "arn:aws:sqs:eu-west-1:333333333333:cardio_usz",
}


@dataclass
class Sns:
    """What a topic's SNS was asked for, and by which access keys."""

    url: str = ""
    unsubscribed: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)


@pytest.fixture
def sns() -> Iterator[Sns]:
    """An SNS on loopback with three subscriptions: the hub's own, a member's, a removed member's."""
    seen = Sns()
    listed = "".join(
        f"<member><SubscriptionArn>{ARN}:{name}</SubscriptionArn><Protocol>sqs</Protocol><Endpoint>{queue}</Endpoint>"
        f"<Owner>{queue.split(':')[4]}</Owner><TopicArn>{ARN}</TopicArn></member>"
        for name, queue in ROWS.items()
    )

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            action = asked["Action"][0]
            seen.keys.add(self.headers["Authorization"].partition("Credential=")[2].partition("/")[0])
            if action == "Unsubscribe":
                seen.unsubscribed += asked["SubscriptionArn"]
            rows = f"<Subscriptions>{listed}</Subscriptions>" if action == "ListSubscriptionsByTopic" else ""
            body = f"<{action}Response><{action}Result>{rows}</{action}Result></{action}Response>".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_port}"
    yield seen
    server.shutdown()
    server.server_close()
    thread.join()


def hub(declare, sns: Sns, **options) -> None:
    """A hub with one member and one node, whose stack file has `aws:accessKey`, `aws:secretKey` and `aws:endpoints`."""
    config = {
        "fedml-infra:members": [{"aws_id": "222222222222"}],
        "fedml-infra:nodes": [{"pid": "charite", "s3_bucket": "cardio-charite"}],
    }
    settings = {"access_key": "AKIAHUB", "secret_key": "s", "endpoints": [{"sns": sns.url}]}
    declare(config, settings=settings, **options)


def test_a_run_unsubscribes_who_is_no_member_and_nobody_else(declare, sns):
    hub(declare, sns, preview=False)
    assert sns.unsubscribed == [f"{ARN}:removed"]


def test_it_is_done_with_the_credentials_of_the_stacks_own_settings(declare, sns):
    hub(declare, sns, preview=False)
    assert sns.keys == {"AKIAHUB"}


def test_a_preview_asks_and_changes_nothing(declare, sns):
    hub(declare, sns)
    assert (sns.unsubscribed, sns.keys) == ([], set())
