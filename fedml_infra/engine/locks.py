"""Who holds a stack's lock, as a state backend in a folder or bucket tells it."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from fedml_infra.errors import StackLockedError

_HOLDER = re.compile(
    r"(?:(?P<url>\S+): )?created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<since>\S+)"
)
_CLOCKS_DIFFER = 5.0
"""Seconds between the start of a process as the kernel tells it and the time of the lock that it then wrote."""


@dataclass(frozen=True)
class LockHolder:
    """Who holds a stack's lock, as the backend's lock file says."""

    user: str
    host: str
    pid: int
    since: str
    """ISO 8601, UTC."""
    url: str = field(default="", compare=False)
    """Where the backend keeps the lock; "" where it does not say."""

    def __str__(self) -> str:
        return f"{self.user}@{self.host}, process {self.pid}, since {self.since}"

    @property
    def is_dead(self) -> bool | None:
        """Whether that process is gone; None where it ran on another machine, so that nobody here can tell."""
        if self.host != socket.gethostname():
            return None
        linux = Path("/proc/self/stat").exists()
        return not (_lives_since(self.pid, self.since) if linux else _lives(self.pid))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _lives_since(pid: int, since: str) -> bool:
    """Linux: whether the process lives, and is the one that lived then: numbers are given away again."""
    try:
        # proc(5): after the name in brackets, the state is field 1, the start in clock ticks after boot field 20.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        booted = re.search(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)
    except OSError:
        return False
    if fields[0] in "ZX" or booted is None:
        return fields[0] not in "ZX"
    started = int(booted[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return started <= datetime.fromisoformat(since).timestamp() + _CLOCKS_DIFFER


class StackLockedByError(StackLockedError):
    """Another run holds the stack's lock: `holders` says which, where the backend tells."""

    def __init__(self, what: str, holders: Sequence[LockHolder] = (), *, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.holders = tuple(holders)


def holders_in(text: str) -> tuple[LockHolder, ...]:
    """The holders that the engine's refusal names."""
    return tuple(
        LockHolder(found["user"], found["host"], int(found["pid"]), found["since"], found["url"] or "")
        for found in _HOLDER.finditer(text)
    )


def who(holders: Sequence[LockHolder]) -> str:
    """The holders for a person."""
    return "; ".join(map(str, holders))


def locked(of: str, text: str) -> StackLockedByError:
    """The error for a refusal of the engine, about the stack `of`."""
    holders = holders_in(text)
    return StackLockedByError(
        f"Another run holds the lock of {of}" + (f": {who(holders)}" if holders else ""),
        holders,
        fix="Wait for it to end. Where that process is gone, the same command of fedml-infra mends it; "
        "`pulumi cancel` deletes a lock by hand, a live one too.",
    )
