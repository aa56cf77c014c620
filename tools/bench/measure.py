"""Runs a command and measures it: seconds, and the memory of all its processes together."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class Run:
    """How one command went."""

    seconds: float
    mebibytes: float


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None, expected: int = 0
) -> Run:
    """Run a command to its end. Raises RuntimeError with its output where it ends with another code."""
    started = time.monotonic()
    # A session of its own tells its processes from all others, plugins in their own process groups too.
    process = subprocess.Popen(
        command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    sampler = _Sampler(process.pid)
    output, _ = process.communicate()
    seconds = time.monotonic() - started
    peak = sampler.stop()
    if process.returncode != expected:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{output[-4000:]}")
    return Run(seconds, peak / 2**20)


def median(runs: Sequence[Run]) -> Run:
    """The median time, and the largest memory."""
    return Run(statistics.median(each.seconds for each in runs), max(each.mebibytes for each in runs))


class _Sampler:
    def __init__(self, session: int) -> None:
        self._session = session
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self._peak = max(self._peak, resident(self._session))

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._peak


def resident(session: int) -> int:
    """Bytes resident in all processes of a session, after proc(5): the sixth field of stat, the 24th for pages."""
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended in the meantime
            continue
        if int(fields[3]) == session:
            total += int(fields[21]) * PAGE
    return total
