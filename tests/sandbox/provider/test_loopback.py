"""Nothing but an address of this machine, however it is spelt."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from fedml_infra.sandbox.provider.clients import Clients
from fedml_infra.sandbox.provider.credentials import Keys
from fedml_infra.sandbox.provider.loopback import guard_request, is_loopback, require_loopback
from fedml_infra.sandbox.provider.refusals import ProviderError
from tests.sandbox.provider.conftest import Lab, served
from tests.sandbox.provider.driver import Driver, RefusedError

HOSTILE = [
    "",
    "https://sqs.eu-central-1.amazonaws.com",
    "http://127.0.0.1.evil.com",
    "http://127.0.0.1.evil.com:4566",
    "http://evil.com/127.0.0.1",
    "http://evil.com#127.0.0.1",
    "http://evil.com?127.0.0.1",
    "http://evil.com\\@127.0.0.1",
    "http://127.0.0.1\\@evil.com",
    "http://127.0.0.1@evil.com",
    "http://127.0.0.1:80@evil.com",
    "http://user:word@127.0.0.1",
    "http://[::ffff:8.8.8.8]",
    "http://[::ffff:127.0.0.1]",
    "http://[::1%25eth0]",
    "http://[fe80::1]",
    "http://0x7f000001",
    "http://0x7f.1",
    "http://2130706433",
    "http://127.1",
    "http://127.0.0.256",
    "http://127.0.0.1.",
    "http://0.0.0.0",
    "http://10.0.0.1",
    "http://169.254.169.254",
    "http://localhost.evil.com",
    "http://sqs.localhost",
    "http://localhost.",
    "http://127.0.0.1:0",
    "http://127.0.0.1:70000",
    "http://127.0.0.1/path",
    "http://127.0.0.1\n.evil.com",
    " http://127.0.0.1",
    "http://１２７.0.0.1",  # noqa: RUF001
    "ftp://127.0.0.1",
    "file:///etc/passwd",
    "//127.0.0.1",
    "127.0.0.1:4566",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_an_address_that_is_not_plainly_of_this_machine_is_refused(url: str) -> None:
    assert not is_loopback(url)
    with pytest.raises(ProviderError, match="talks to a local AWS only"):
        require_loopback(url, "sqs")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4566",
        "https://127.0.0.1:4566/",
        "http://127.9.8.7",
        "https://[::1]:1",
        "http://localhost:4566",
    ],
)
def test_an_address_of_this_machine_is_taken(url: str) -> None:
    assert require_loopback(url, "sqs") == url


@pytest.mark.parametrize("url", [url for url in HOSTILE if url])
def test_no_client_is_made_for_a_hostile_endpoint(url: str) -> None:
    with pytest.raises(ProviderError):
        Clients().get("sqs", url, "eu-central-1", Keys("a", "b"), None)


@pytest.mark.parametrize("url", ["https://sqs.eu-central-1.amazonaws.com/", *(u for u in HOSTILE if u)])
def test_a_request_that_would_leave_the_machine_is_stopped_on_its_way_out(url: str) -> None:
    if url == "http://127.0.0.1/path":  # an endpoint must not have a path; a request does
        guard_request(SimpleNamespace(url=url))
        return
    with pytest.raises(ProviderError, match="will not send"):
        guard_request(SimpleNamespace(url=url))


def test_whatever_turns_a_client_s_request_elsewhere_is_stopped() -> None:
    def elsewhere(request: object, **_: object) -> None:
        request.url = "http://localhost.evil.test/"  # type: ignore[attr-defined]

    client = Clients().get("sqs", "http://127.0.0.1:1", "eu-central-1", Keys("a", "b"), None)
    client.meta.events.register_last("request-created.sqs", elsewhere)
    with pytest.raises(ProviderError, match="will not send a request to http://localhost"):
        client.list_queues()


@pytest.mark.parametrize("url", ["http://127.0.0.1.evil.com", "https://sqs.amazonaws.com", "http://a:b@127.0.0.1"])
def test_a_provider_with_a_hostile_endpoint_is_refused(open_driver: object, lab: Lab, url: str) -> None:
    driver = lab.open()
    assert "is not on this machine" in driver.check_config({"endpoints": [{"sqs": url}]})["endpoints"]
    with pytest.raises(RefusedError, match="is not on this machine"):
        driver.configure(region="eu-central-1", accessKey="a", secretKey="bbb", endpoints=[{"sqs": url}])


def test_a_password_in_an_endpoint_is_not_repeated(lab: Lab) -> None:
    found = lab.open().check_config({"endpoints": [{"sqs": "http://user:word@10.0.0.1"}]})
    assert "word" not in found["endpoints"]


def test_no_endpoint_at_all_is_refused() -> None:
    with served({"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}) as (_, open_driver):
        driver = open_driver().configure(region="eu-central-1", accessKey="a", secretKey="bbb")
        with pytest.raises(RefusedError, match="the endpoint of sqs is not set"):
            driver.create("aws:sqs/queue:Queue", {"name": "q"})


def test_an_endpoint_in_a_profile_is_not_followed(tmp_path: object) -> None:
    import pathlib

    config = pathlib.Path(str(tmp_path)) / "config"
    config.write_text(
        "[profile p]\nregion = eu-central-1\nendpoint_url = https://sqs.amazonaws.com\n"
        "aws_access_key_id = a\naws_secret_access_key = bbb\n"
    )
    environment = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    with served(environment) as (_, open_driver):
        driver = open_driver().configure(profile="p")
        with pytest.raises(RefusedError, match="the endpoint of sqs is not set"):
            driver.create("aws:sqs/queue:Queue", {"name": "q"})


class Redirecting(http.server.BaseHTTPRequestHandler):
    """Answers everything with a way out."""

    seen: list[str]

    def answer(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(301)
        self.send_header("Location", f"http://localhost.evil.test:{self.server.server_port}/away")  # type: ignore[attr-defined]
        self.send_header("x-amz-bucket-region", "us-west-2")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_PUT = do_POST = answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def redirecting() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    server.seen = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("type_", "inputs"),
    [("aws:sqs/queue:Queue", {"name": "q"}), ("aws:s3/bucket:Bucket", {"bucket": "bucket"})],
)
def test_a_redirect_is_not_followed(
    redirecting: http.server.ThreadingHTTPServer, type_: str, inputs: dict[str, str]
) -> None:
    environment = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{redirecting.server_port}"}
    with served(environment) as (_, open_driver):
        driver: Driver = open_driver().configure(region="eu-central-1", accessKey="a", secretKey="bbb")
        with pytest.raises(RefusedError):
            driver.create(type_, inputs)
    assert redirecting.seen  # type: ignore[attr-defined]
    assert not [path for path in redirecting.seen if "away" in path]  # type: ignore[attr-defined]
