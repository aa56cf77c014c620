"""The door over TLS, on a socket, until somebody stops it."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import cli
from fedml_infra.errors import NetworkError
from fedml_infra.sandbox.local_aws.certificates import Certificates, certificates
from tests.operations.joins import INSEL, Gate, gate, shut


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Gate]:
    made = gate(tmp_path / "hub")
    yield made
    shut(made)


@pytest.fixture
def tls(tmp_path: Path) -> Certificates:
    return certificates(tmp_path / "tls")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
    return port


def while_it_listens(hub: Gate, port: int, do: Callable[[], None], *options: str) -> int:
    """The command's exit code, once `do` is done and Ctrl-C was pressed."""

    def then_stop() -> None:
        try:
            pause = threading.Event()
            for _ in range(600):
                try:
                    socket.create_connection(("127.0.0.1", port), 5).close()
                    break
                except ConnectionRefusedError:
                    pause.wait(0.05)
            do()
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    os.chdir(hub.party.world.project)
    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as pool:
        done: Future[None] = pool.submit(then_stop)
        store = str(hub.party.world.project / "store")
        given = ["admit", "--listen", "--json", "--port", str(port), "--data-dir", store, *options]
        code = cli.main(given, tools=hub.party.world.tools)
        done.result()
    assert signal.getsignal(signal.SIGINT) is before
    return code


def test_it_serves_over_tls_says_its_address_in_one_line_and_ends_well(
    hub: Gate,
    tls: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    port = free_port()
    url = f"https://127.0.0.1:{port}/fedml/cardio/createPolicies"
    knock = replace(hub.knock(hub.invite(url=url), url=url), transport=None)

    def knocking() -> None:
        monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
        with pytest.raises(NetworkError):
            knock.granted()
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tls.bundle))
        assert knock.granted().aws_id == INSEL

    code = while_it_listens(hub, port, knocking, "--tls-cert", str(tls.certificate), "--tls-key", str(tls.key))
    said = capsys.readouterr()
    assert code == 0, said.err
    assert json.loads(said.out) == {"stack": "cardio", "url": url}
    assert said.out.count("\n") == 1
    assert list(hub.members) == [INSEL]
    assert "Nobody is let in any more." in said.err


def test_a_port_that_is_taken_and_a_certificate_that_is_none_are_said(
    hub: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(hub.party.world.project)
    store = ("--data-dir", str(hub.party.world.project / "store"))
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = str(bound.getsockname()[1])
        assert cli.main(["admit", "--listen", "--port", port, *store], tools=hub.party.world.tools) == 2
    assert "Nothing can listen on 127.0.0.1" in capsys.readouterr().err
    (tmp_path / "none.pem").write_text("nothing")
    given = ["admit", "--listen", "--tls-cert", str(tmp_path / "none.pem"), *store]
    assert cli.main(given, tools=hub.party.world.tools) == 2
    assert "certificate cannot be used" in capsys.readouterr().err
