"""moto in process, an STS over HTTP that records what it is asked, and an environment that is nobody's."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from fedml_infra.aws import sessions

REGION = "eu-central-1"
ACCOUNT = "123456789012"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No credentials, endpoint or profile of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower() in {"http_proxy", "https_proxy", "all_proxy"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    sessions.forget()
    yield
    sessions.forget()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys in the environment that mean nothing to AWS."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")


@pytest.fixture
def moto(credentials: None) -> Iterator[None]:
    """An empty AWS in this process; its account is ACCOUNT."""
    from moto import mock_aws

    with mock_aws():
        yield
    sessions.forget()


class FakeSts(ThreadingHTTPServer):
    """Answers GetCallerIdentity and AssumeRole, and keeps the parameters of every call."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[dict[str, str]] = []
        self.keys: list[str] = []
        self.role_lives = timedelta(hours=1)
        self.refuse: tuple[int, str, str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def actions(self) -> list[str]:
        return [call["Action"] for call in self.calls]


class _Handler(BaseHTTPRequestHandler):
    server: FakeSts

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        call = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        self.server.calls.append(call)
        self.server.keys.append(self.headers["Authorization"].split("Credential=")[1].split("/")[0])
        status, body = 200, ""
        if self.server.refuse is not None:
            status, code, message = self.server.refuse
            body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        elif call["Action"] == "AssumeRole":
            ends = (datetime.now(UTC) + self.server.role_lives).strftime("%Y-%m-%dT%H:%M:%SZ")
            number = len(self.server.calls)
            body = (
                "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
                f"<AccessKeyId>ASIAROLE{number:012d}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                f"<SessionToken>t</SessionToken><Expiration>{ends}</Expiration>"
                "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
            )
        else:
            body = (
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>222222222222</Account>"
                "<Arn>a</Arn><UserId>u</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>"
            )
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def sts() -> Iterator[FakeSts]:
    server = FakeSts()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
