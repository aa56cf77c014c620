"""Who holds a stack's lock, as a state backend in a folder or bucket tells it."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from fedml_infra.errors import StackLockedError

_HOLDER = re.compile(r"created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<since>\S+)")


@dataclass(frozen=True)
class LockHolder:
    """Who holds a stack's lock, as the backend's lock file says."""

    user: str
    host: str
    pid: int
    since: str
    """ISO 8601, UTC."""

    @property
    def is_dead(self) -> bool | None:
        """Whether that process is gone; None where it ran on another machine, so that nobody here can tell."""
        if self.host != socket.gethostname():
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


class StackLockedByError(StackLockedError):
    """Another run holds the stack's lock: `holders` says which, where the backend tells."""

    def __init__(self, what: str, holders: Sequence[LockHolder] = (), *, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.holders = tuple(holders)


def holders_in(text: str) -> tuple[LockHolder, ...]:
    """The holders that the engine's refusal names."""
    return tuple(
        LockHolder(found["user"], found["host"], int(found["pid"]), found["since"]) for found in _HOLDER.finditer(text)
    )


def locked(of: str, text: str) -> StackLockedByError:
    """The error for a refusal of the engine, about the stack `of`."""
    holders = holders_in(text)
    who = "; ".join(f"{one.user}@{one.host}, process {one.pid}, since {one.since}" for one in holders)
    return StackLockedByError(
        f"Another run holds the lock of {of}" + (f": {who}" if who else ""),
        holders,
        fix="Wait for it to end. Where that process is gone, the same command of fedml-infra mends it; "
        "`pulumi cancel` deletes a lock by hand, a live one too.",
    )
