"""Joiners of a moto that checks signatures, and an STS that is none."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fedml_infra.aws.sessions import Access, Keys
from tests.aws.proofs import (
    OTHER,
    VICTIM,
    Joiners,
    OddSts,
    answer,
)


@pytest.fixture(scope="module")
def strict_moto() -> Iterator[tuple[str, Joiners]]:
    """moto on loopback, which checks the signature of every call once the users are there."""
    from moto.core.authorization import enable_iam_authentication
    from moto.iam.models import iam_backends
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer
    from moto.sts.models import sts_backends

    def user(account: str, partition: str = "aws") -> Access:
        backend = iam_backends[account][partition]
        backend.create_user("us-east-1", "joiner")
        made = backend.create_access_key("joiner")
        return Access(keys=Keys(made.access_key_id, made.secret_access_key))

    def session(account: str) -> Access:
        role = iam_backends[account]["aws"].create_role("node", "{}", "/", None, "", [], "3600")
        made = sts_backends[account]["aws"].assume_role("us-east-1", "s", role.arn, None, 3600, None)
        return Access(keys=Keys(made.access_key_id, made.secret_access_key, made.session_token))

    joiners = Joiners(user(VICTIM), user(OTHER), session(VICTIM), user(VICTIM, "aws-us-gov"))
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with enable_iam_authentication():
        yield f"http://{host}:{port}", joiners
    server.stop()
    for account, partition in ((VICTIM, "aws"), (OTHER, "aws"), (VICTIM, "aws-us-gov")):
        iam_backends[account][partition].reset()


@pytest.fixture
def joiners(strict_moto: tuple[str, Joiners], monkeypatch: pytest.MonkeyPatch) -> Joiners:
    """The users; the verifier's environment names that moto."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", strict_moto[0])
    return strict_moto[1]


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddSts]:
    odd = OddSts(body=answer(VICTIM))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            odd.calls.append({name.lower(): value for name, value in self.headers.items()} | {"": sent.decode()})
            self.send_response(odd.status)
            for name, value in {"Content-Length": str(len(odd.body)), **odd.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(odd.body)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    odd.url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", odd.url)
    yield odd
    server.shutdown()
    server.server_close()
    thread.join()
