"""Programs at a terminal of their own, as a person sees and answers them."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 120.0
"""Seconds; a program takes a fraction of it on an idle machine."""


def in_terminal(
    *command: str,
    answers: Sequence[tuple[str, str]] = (),
    stdin: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Exit code, and all that the screen showed.

    `answers` are questions, each with the line that is typed once it is on the screen; `stdin` is a file that takes the
    terminal's place as standard input. A program that outlasts `LONGEST` is killed.
    """
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ.update({"TERM": "xterm-256color", "COLUMNS": "120", **(env or {})})
        if stdin is not None:
            os.dup2(os.open(stdin, os.O_RDONLY), 0)
        os.execv(command[0], command)
    seen, end, waiting, since = b"", time.monotonic() + LONGEST, list(answers), 0
    while select.select([screen], [], [], max(0.0, end - time.monotonic()))[0]:
        try:
            read = os.read(screen, 4096)
        except OSError:  # Linux says so when the other side is gone
            break
        if not read:
            break
        seen += read
        if waiting and (at := seen.find(waiting[0][0].encode(), since)) >= 0:
            question, answer = waiting.pop(0)
            since = at + len(question.encode())
            os.write(screen, f"{answer}\n".encode())
    else:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(screen)
    return os.waitstatus_to_exitcode(status), seen.decode(errors="replace")
