"""A process is that process only while it lives, and is ended whatever it does about it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fedml_infra.sandbox.processes import Identity, alive, end, identify

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
POLITE = "import signal; print(flush=True); signal.pause()"
PARENT = f"import subprocess, sys; c = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); print(c.pid, flush=True); c.wait()"  # noqa: E501


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []
    yield running
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def start(started: list[subprocess.Popen[str]], code: str) -> tuple[Identity, str]:
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    started.append(process)
    assert process.stdout is not None
    said = process.stdout.readline()
    found = identify(process.pid)
    assert found is not None
    return found, said


def test_a_running_process_is_alive(started: list[subprocess.Popen[str]]) -> None:
    process, _ = start(started, POLITE)
    assert alive(process)


def test_another_process_of_that_number_is_not_it(started: list[subprocess.Popen[str]]) -> None:
    process, _ = start(started, POLITE)
    assert not alive(replace(process, start="another time"))


def test_another_process_of_that_number_is_not_ended(started: list[subprocess.Popen[str]]) -> None:
    process, _ = start(started, POLITE)
    assert end(replace(process, start="another time")) is False
    assert alive(process)


def test_a_process_that_ended_unseen_is_not_alive(started: list[subprocess.Popen[str]]) -> None:
    process, _ = start(started, POLITE)
    os.kill(process.pid, signal.SIGKILL)
    started[0].wait()
    assert not alive(process)


def test_a_process_is_ended(started: list[subprocess.Popen[str]]) -> None:
    process, _ = start(started, POLITE)
    assert end(process) is True
    assert not alive(process)


def test_a_process_that_ignores_the_request_is_killed(started: list[subprocess.Popen[str]]) -> None:
    process, _ = start(started, STUBBORN)
    assert end(process, grace=0.1) is True
    assert not alive(process)


@pytest.mark.skipif(sys.platform != "linux", reason="waits by a pidfd")
def test_what_it_had_started_goes_with_it(started: list[subprocess.Popen[str]]) -> None:
    process, child = start(started, PARENT)
    handle = os.pidfd_open(int(child))
    try:
        end(process, grace=0.1)
        assert select.select([handle], [], [], 60)[0], "it still runs"
    finally:
        os.close(handle)


def test_no_number_is_no_process() -> None:
    assert identify(0) is None
    assert identify(2**22 + 1) is None
