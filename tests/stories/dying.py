"""`python -m tests.stories.dying VICTIM NUMBER COMMAND…`: the command, in which something is killed at one event.

VICTIM is command, engine, provider, program or nobody; NUMBER counts the engine's events from 1. It prints how many
there were to the file that DYING_COUNT names.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cli
from fedml_infra.engine.automation import PulumiEngine
from fedml_infra.engine.events import RunEvent
from fedml_infra.engine.protocol import RunOptions, RunResult
from fedml_infra.operations.tools import Tools, live_tools

MARKS = {
    "engine": ("/pulumi\0",),
    "provider": ("fedml_infra.sandbox.plugin",),
    "program": ("language_host.py", "pulumi_python_program"),
}


def parents() -> dict[int, int]:
    """The parent of each process (proc(5): the fourth field of stat)."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return found


def below(pid: int) -> Iterator[int]:
    """All processes that descend from one."""
    known = parents()
    for other in known:
        up = known.get(other)
        while up and up != pid:
            up = known.get(up)
        if up == pid:
            yield other


def kill(victim: str, command: int) -> None:
    """kill -9, at once, of the command with that process id or of what runs below it."""
    if victim == "command":
        os.kill(command, signal.SIGKILL)
        return
    for pid in list(below(command)):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_text() + "\0"
            if any(mark in line for mark in MARKS[victim]):
                os.kill(pid, signal.SIGKILL)
        except OSError:
            continue  # it ended by itself


class Dying(PulumiEngine):
    """An engine at whose event of that number the victim dies, in the runs that change something."""

    def __init__(self, project: Path, victim: str, number: int) -> None:
        super().__init__(project)
        self._victim, self._number, self._seen = victim, number, 0

    def up(self, stack: str, options: RunOptions = RunOptions()) -> RunResult:  # noqa: B008
        return super().up(stack, self._watched(options))

    def destroy(self, stack: str, options: RunOptions = RunOptions()) -> RunResult:  # noqa: B008
        return super().destroy(stack, self._watched(options))

    def _watched(self, options: RunOptions) -> RunOptions:
        before = options.on_event

        def tell(event: RunEvent) -> None:
            self._seen += 1
            if counted := os.environ.get("DYING_COUNT"):
                Path(counted).write_text(str(self._seen))
            if self._seen == self._number and self._victim != "nobody":
                kill(self._victim, os.getpid())
            if before is not None:
                before(event)

        return replace(options, on_event=tell)


def main(arguments: list[str]) -> int:
    """Runs the command. DYING_AFTER, in seconds, kills by the clock instead."""
    victim, number, *command = arguments
    # A shell has what it starts in the background ignore Ctrl-C, and tests with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if seconds := os.environ.get("DYING_AFTER"):
        timer = threading.Timer(float(seconds), kill, (victim, os.getpid()))
        timer.daemon = True
        timer.start()
    make: Callable[[Path], Dying] = lambda project: Dying(project, victim, int(number))  # noqa: E731
    return cli.main(command, tools=Tools(live_tools().aws, make))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
