"""Whose keys these are is asked without a boto client, and by one where the answer is not a plain one."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator

import pytest

from fedml_infra.sandbox.local_aws import LocalAws
from fedml_infra.sandbox.provider.caller import caller
from fedml_infra.sandbox.provider.configuration import settings
from fedml_infra.sandbox.provider.connections import Connection, Connections
from fedml_infra.sandbox.provider.credentials import Keys
from fedml_infra.sandbox.provider.refusals import ProviderError, error_code

KEYS = Keys("222222222222", "sandbox")
WHOLE = (
    "<R><Arn>arn:aws:iam::222222222222:user/a&amp;b/c</Arn><UserId>AIDA1</UserId><Account>222222222222</Account></R>"
)
EXPIRED = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>too old</Message></Error>"
    "<RequestId>1</RequestId></ErrorResponse>"
)


@contextlib.contextmanager
def sts(status: int, body: str) -> Iterator[str]:
    """An STS that has one answer to everything; its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def connection_to(connections: Connections, environment: dict[str, str], keys: Keys = KEYS) -> Connection:
    arguments = {"region": "eu-central-1", "accessKey": keys.access_key, "secretKey": keys.secret_key}
    connection = connections.of("test")
    connection.configure(settings(arguments, frozenset(), environment))
    return connection


def test_a_plain_answer_needs_no_client(environment: dict[str, str]) -> None:
    connections = Connections(environment)
    assert connection_to(connections, environment).account == "222222222222"
    assert len(connections.clients) == 0


def test_it_is_what_boto_is_told(environment: dict[str, str], ministack: LocalAws) -> None:
    told = connection_to(Connections(environment), environment).caller("eu-central-1")
    answer = ministack.session("222222222222", "eu-central-1").client("sts").get_caller_identity()
    assert dict(told) == {name: answer[name] for name in ("Account", "Arn", "UserId")}


def test_the_answer_s_text_is_unescaped() -> None:
    with sts(200, WHOLE) as url:
        assert caller(url, "us-east-1", KEYS, None) == {
            "Account": "222222222222",
            "Arn": "arn:aws:iam::222222222222:user/a&b/c",
            "UserId": "AIDA1",
        }


@pytest.mark.parametrize(
    ("status", "body"), [(403, EXPIRED), (503, WHOLE), (200, "{}"), (200, "<Account>222222222222</Account>"), (200, "")]
)
def test_any_other_answer_is_none(status: int, body: str) -> None:
    with sts(status, body) as url:
        assert caller(url, "us-east-1", KEYS, None) is None


def test_no_answer_is_none() -> None:
    assert caller("http://127.0.0.1:1", "us-east-1", KEYS, None) is None


def test_another_machine_is_not_asked() -> None:
    with pytest.raises(ProviderError, match="local AWS only"):
        caller("https://sts.amazonaws.com", "us-east-1", KEYS, None)


def test_a_refusal_is_told_in_the_words_of_boto() -> None:
    with sts(403, EXPIRED) as url:
        connection = connection_to(Connections({}), {"AWS_ENDPOINT_URL": url})
        with pytest.raises(Exception, match="too old") as refused:
            connection.caller("us-east-1")
    assert error_code(refused.value) == "ExpiredToken"
