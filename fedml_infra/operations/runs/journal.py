"""Writes the log of one run, line by line as things happen, so that a run that is killed has one too.

A log that cannot be written never stops a run: `problem` says why, once.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fedml_infra.engine.events import SETTLED, EventKind, RunEvent
from fedml_infra.engine.redaction import Redactor
from fedml_infra.operations.actor import user
from fedml_infra.operations.runs.store import SUFFIX, prune, runs_folder

LARGEST = 2_000_000
"""Bytes of one log; events that would make it larger are left out, its end is not."""
_ROOM_FOR_END = 20_000


class Journal:
    """The log of one run of one stack."""

    def __init__(
        self,
        project: Path,
        stack: str,
        command: str,
        *,
        flags: Iterable[str] = (),
        message: str | None = None,
        redact: Callable[[str], str] | None = None,
    ) -> None:
        self._redact = redact or Redactor.of(os.environ)
        self._began = time.monotonic()
        self._file: int | None = None
        self._size = 0
        self._truncated = False
        self._resources: Counter[str] = Counter()
        self.problem: str | None = None
        """Why nothing is written (any more)."""
        now = datetime.now(UTC)
        self.id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        try:
            folder = runs_folder(project) / stack
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for each in (folder, folder.parent):
                each.chmod(0o700)
            prune(folder)
            flags_of_open = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._file = os.open(folder / f"{self.id}{SUFFIX}", flags_of_open, 0o600)
        except OSError as error:
            self._failed(error)
        self._write(
            {
                "record": "start",
                "at": now.isoformat(timespec="milliseconds"),
                "command": command,
                "flags": sorted(flags),
                "message": message,
                "stack": stack,
                "project": str(project.resolve()),
                "user": user(),
                "host": socket.gethostname(),
                "pid": os.getpid(),
            }
        )

    def event(self, event: RunEvent) -> None:
        """One thing that happened. Unchanged resources move only the counter, and are not written."""
        op = event.op or ""
        if event.kind in (EventKind.RESOURCE_DONE, EventKind.RESOURCE_STARTED) and (op in SETTLED or event.looked):
            return
        if event.kind is EventKind.RESOURCE_DONE:
            self._resources[op] += 1
        line: dict[str, Any] = {
            "record": "event",
            "kind": str(event.kind),
            "elapsed": round(time.monotonic() - self._began, 3),
            "done": event.progress.done,
            "of": event.progress.of,
        }
        given = {"op": event.op, "urn": event.urn, "severity": event.severity, "text": event.text}
        line |= {key: value for key, value in given.items() if value}
        if event.changes:
            line["changes"] = list(event.changes)
        self._write(line)

    def note(self, title: str) -> None:
        """What begins now: one command may have several runs of the engine."""
        self._write({"record": "note", "elapsed": round(time.monotonic() - self._began, 3), "text": title})

    def end(self, exit_code: int, error: str | None = None) -> None:
        """How it ended."""
        line = {
            "record": "end",
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "exit_code": exit_code,
            "seconds": round(time.monotonic() - self._began, 3),
            "resources": dict(self._resources),
            "error": error[: _ROOM_FOR_END // 4] if error else None,
        }
        self._write(line, last=True)
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, line: dict[str, Any], *, last: bool = False) -> None:
        if self._file is None or (self._truncated and not last):
            return
        # Redacted before it is JSON: a secret that JSON writes otherwise would not be seen.
        data = (json.dumps(_redacted(line, self._redact), ensure_ascii=False) + "\n").encode(errors="replace")
        if not last and self._size + len(data) > LARGEST - _ROOM_FOR_END:
            self._truncated = True
            data = b'{"record": "truncated"}\n'
        try:
            os.write(self._file, data)
            self._size += len(data)
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        self.problem = f"The log of this run could not be written: {error.strerror or error}"
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(inner, redact) for key, inner in value.items()}
    if isinstance(value, list):
        return [_redacted(inner, redact) for inner in value]
    return value
