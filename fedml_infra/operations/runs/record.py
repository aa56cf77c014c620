"""One run as its log tells it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from fedml_infra.engine.locks import LockHolder


class Outcome(StrEnum):
    """How a run ended."""

    DONE = "done"
    FOUND = "changes found"
    """Exit code 7: changes where none were expected, or drift."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"
    RUNNING = "running"
    CUT_OFF = "cut off"
    """It has no end, and its process is gone."""
    UNKNOWN = "unknown"
    """It has no end, and ran on another machine."""


_BY_EXIT_CODE = {0: Outcome.DONE, 7: Outcome.FOUND, 8: Outcome.CANCELLED, 9: Outcome.TIMED_OUT}


@dataclass(frozen=True)
class Record:
    """One run: what its log begins and ends with."""

    id: str
    path: Path
    command: str
    stack: str
    project: str
    user: str
    host: str
    pid: int
    started: str
    """ISO 8601, UTC."""
    flags: tuple[str, ...] = ()
    """Switches of the command that were on; values of options are not kept."""
    message: str | None = None
    exit_code: int | None = None
    ended: str | None = None
    seconds: float | None = None
    resources: Mapping[str, int] | None = None
    """Number of resources by operation, of what changed something."""
    error: str | None = None
    truncated: bool = False
    """Whether the log grew too large, and later events are not in it."""

    @property
    def outcome(self) -> Outcome:
        """How it ended, or that it has not."""
        if self.exit_code is not None:
            return _BY_EXIT_CODE.get(self.exit_code, Outcome.FAILED)
        dead = LockHolder(self.user, self.host, self.pid, self.started).is_dead
        return {True: Outcome.CUT_OFF, False: Outcome.RUNNING, None: Outcome.UNKNOWN}[dead]

    def as_json(self) -> dict[str, Any]:
        """The run for machines."""
        return {
            "id": self.id,
            "command": self.command,
            "flags": list(self.flags),
            "message": self.message,
            "stack": self.stack,
            "project": self.project,
            "who": f"{self.user}@{self.host}",
            "pid": self.pid,
            "started": self.started,
            "ended": self.ended,
            "seconds": self.seconds,
            "outcome": str(self.outcome),
            "exit_code": self.exit_code,
            "resources": dict(self.resources or {}),
            "error": self.error,
            "truncated": self.truncated,
        }


def record_of(path: Path, lines: Iterable[Mapping[str, Any]]) -> Record | None:
    """The run that a log tells of; None where the log has no beginning."""
    begin: Mapping[str, Any] | None = None
    end: Mapping[str, Any] = {}
    truncated = False
    for line in lines:
        match line.get("record"):
            case "start":
                begin = line
            case "end":
                end = line
            case "truncated":
                truncated = True
    if begin is None:
        return None
    try:
        return Record(
            id=path.stem,
            path=path,
            command=str(begin["command"]),
            stack=str(begin["stack"]),
            project=str(begin["project"]),
            user=str(begin["user"]),
            host=str(begin["host"]),
            pid=int(begin["pid"]),
            started=str(begin["at"]),
            flags=tuple(begin.get("flags") or ()),
            message=begin.get("message"),
            exit_code=end.get("exit_code"),
            ended=end.get("at"),
            seconds=end.get("seconds"),
            resources=end.get("resources"),
            error=end.get("error"),
            truncated=truncated,
        )
    except (KeyError, TypeError, ValueError):
        return None


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; one that was cut off in the middle is left out."""
    found = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            found.append(line)
    return found
