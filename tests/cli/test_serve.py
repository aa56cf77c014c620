"""The service as a process: it says where it is, serves, and ends cleanly."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from fedml_infra.sandbox.local_aws.certificates import certificates
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
SECONDS = 120.0


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A `serve` on a free port, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "serve", "--port", "0", "--data-dir", str(folder), "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield process, json.loads(line)["url"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as (process, url):
        assert httpx.get(f"{url}/readyz?token=c4n4ry", trust_env=False).status_code == 200
        process.send_signal(number)
        assert process.wait(SECONDS) == 0
        assert process.stderr is not None
        log = process.stderr.read()
    assert "GET /readyz 200" in log and "Stopped." in log and "c4n4ry" not in log and "Traceback" not in log


def test_a_key_is_made_that_only_its_owner_can_read(tmp_path: Path) -> None:
    with serving(tmp_path):
        assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600


def test_it_speaks_tls(tmp_path: Path) -> None:
    made = certificates(tmp_path / "tls")
    tls = ("--tls-cert", str(made.certificate), "--tls-key", str(made.key))
    with serving(tmp_path / "data", *tls) as (_, url):
        assert url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=str(made.authority))
        assert httpx.get(f"{url}/healthz", verify=trusted, trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ((), "127.0.0.1"),
        (("--trusted-proxy", "127.0.0.0/8"), "198.51.100.7"),
        (("--trusted-proxy", "10.0.0.5"), "127.0.0.1"),
    ],
    ids=["none", "ours", "another"],
)
def test_where_a_request_came_from_is_believed_of_a_trusted_proxy_alone(
    tmp_path: Path, options: tuple[str, ...], seen: str
) -> None:
    with serving(tmp_path, *options) as (process, url):
        forwarded = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
        assert httpx.get(f"{url}/readyz", headers=forwarded, trust_env=False).status_code == 200
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)
        assert process.stderr is not None
        assert f"{seen} GET /readyz 200" in process.stderr.read()


def test_a_proxy_that_is_no_address_is_refused(run: Run) -> None:
    done = run("serve", "--trusted-proxy", "proxy.example.org")
    assert done.code == 2 and "10.0.0.0/24" in done.err


def test_another_service_on_the_same_folder_is_refused(tmp_path: Path, run: Run) -> None:
    with serving(tmp_path):
        done = run("serve", "--port", "0", "--data-dir", str(tmp_path))
    assert done.code == 2 and "Another service" in done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "Without TLS"),
        (("--public-url", "http://fed.example.org"), "is not https"),
        (("--public-url", "fed.example.org"), "is not the address"),
        (("--allow-peer", "https://x/"), "is no peer"),
        (("--host", "192.0.2.1"), "Without TLS"),
    ],
)
def test_what_it_refuses_to_begin_with(run: Run, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    done = run("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), *options)
    assert done.code == 2 and said in done.err


def test_a_port_that_is_taken(run: Run, tmp_path: Path) -> None:
    with serving(tmp_path / "one") as (_, url):
        done = run("serve", "--port", url.rsplit(":", 1)[1], "--data-dir", str(tmp_path / "two"))
    assert done.code == 2 and "Nothing can listen" in done.err


def test_a_certificate_that_is_none(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "cert.pem"
    path.write_text("none", encoding="utf-8")
    done = run("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), "--tls-cert", str(path))
    assert done.code == 2 and "certificate cannot be used" in done.err


def test_the_master_key_of_the_environment_is_not_left_there(run: Run, tmp_path: Path) -> None:
    """What runs jobs inherits the environment."""
    os.environ["FEDML_INFRA_MASTER_KEY"] = "no key"
    try:
        done = run("serve", "--port", "0", "--data-dir", str(tmp_path / "data"))
        assert done.code == 2 and "holds no master key" in done.err
        assert "FEDML_INFRA_MASTER_KEY" not in os.environ
    finally:
        os.environ.pop("FEDML_INFRA_MASTER_KEY", None)
