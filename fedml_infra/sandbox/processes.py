"""Whether a process that was started earlier is still that process, and how it is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

POLL = 0.01
"""Seconds between two looks at a process that is being ended."""


@dataclass(frozen=True)
class Identity:
    """A process, told from any later one that was given the same number."""

    pid: int
    start: str
    """When it started, in whatever form the system tells it; compared, never read."""


def identify(pid: int) -> Identity | None:
    """The process that has this number now; None where none has, or it has ended and nobody has looked."""
    if pid <= 0:
        return None
    with contextlib.suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)  # where it is a child of this one and has ended, it goes
    start = _start_linux(pid) if sys.platform == "linux" else _start_ps(pid)
    return Identity(pid, start) if start else None


def alive(process: Identity) -> bool:
    """Whether that very process is still there."""
    return identify(process.pid) == process


def end(process: Identity, *, grace: float = 2.0) -> bool:
    """End a process that leads its own group, with the group; kill what is there after `grace` seconds.

    Returns whether there was anything to end. Never signals another process that has taken the number.
    """
    if not alive(process):
        return False
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 30.0)):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # the latter for a dead one on macOS
            os.killpg(process.pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not alive(process):
                # The leader is gone; whatever it had started goes with it.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                return True
            time.sleep(POLL)
    return True


def _start_linux(pid: int) -> str | None:
    try:
        # The name in parentheses may hold anything. After it: state first, threads 18th, start 20th.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # A first thread that has ended leaves the others, and with them the sockets, for a moment.
    gone = fields[0] in ("Z", "X") and int(fields[17]) <= 1
    return None if gone else f"{boot} {fields[19]}"


def _start_ps(pid: int) -> str | None:
    said = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return said[1].strip() if len(said) == 2 and not said[0].startswith("Z") else None
