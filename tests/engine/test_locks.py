"""Who holds a lock, and whether they still live."""

from __future__ import annotations

import os
import socket
import subprocess
from datetime import UTC, datetime

from fedml_infra.engine.locks import LockHolder


def holder(pid: int, host: str | None = None, since: str | None = None) -> LockHolder:
    return LockHolder("me", host or socket.gethostname(), pid, since or datetime.now(UTC).isoformat())


def test_this_process_lives():
    assert holder(os.getpid()).is_dead is False


def test_a_process_that_ended_is_dead():
    child = subprocess.Popen(["true"])
    child.wait()
    assert holder(child.pid).is_dead is True


def test_one_that_ended_and_was_not_waited_for_is_dead_too():
    child = subprocess.Popen(["true"], stdout=subprocess.PIPE)
    child.stdout.read()  # its end
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert holder(child.pid).is_dead is True
    child.communicate()


def test_a_process_that_has_the_number_since_later_is_another_one():
    assert holder(os.getpid(), since="2020-01-01T00:00:00Z").is_dead is True


def test_nobody_here_can_tell_about_another_machine():
    assert holder(os.getpid(), host="elsewhere.invalid").is_dead is None
