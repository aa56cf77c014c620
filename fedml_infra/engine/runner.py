"""Runs one engine process: its output and events as they come, stopped cleanly on request, never outliving us.

Not the Automation API's client: that starts five processes where one will do (0.9 s more for an `up`), puts secrets
into argv, hangs for ever on a callback that raises, and gives no hold of the process to stop it by.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedml_infra.engine.protocol import Cancellation

TICK = 0.05
"""Seconds between looks at the clock and at requests to stop."""
GRACE = 30.0
"""Seconds that a clean stop may take after a time-out, before the engine is made to stop at once."""
LAST_GRACE = 3.0
"""Seconds that the engine has for stopping at once, before it is killed."""
_PIPE_HOLDS = 60_000


@dataclass(frozen=True)
class Finished:
    """How a process ended."""

    status: int
    """Exit status; minus the signal's number where one ended it."""
    stdout: str
    stderr: str
    stopped: int = 0
    """How often it was asked to stop."""
    timed_out: bool = False


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: bytes | None = None,
    on_event_line: Callable[[str], None] | None = None,
    timeout: float | None = None,
    cancellation: Cancellation | None = None,
) -> Finished:
    """Runs to the end. With `on_event_line`, `--event-log` is added, and each line of the log is told at once.

    `stdin` is how secrets are handed over: argv can be read by anyone on the machine.
    Raises OSError where the program cannot be started.
    """
    asked = cancellation or Cancellation()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_stopped_by_signals(asked))
        arguments = [*dying_with_us(), *command]
        log: int | None = None
        written: tuple[int, ...] = ()
        if on_event_line is not None:
            # A pipe without a name: nothing is left behind, however this process ends.
            log, writing = os.pipe()
            stack.callback(os.close, log)
            stack.callback(os.close, writing)
            os.set_blocking(log, False)
            written = (writing,)
            arguments += ["--event-log", f"/dev/fd/{writing}"]
        process = subprocess.Popen(
            arguments,
            cwd=cwd,
            env=dict(env),
            stdin=stack.enter_context(_input(stdin)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=written,
            start_new_session=True,  # the terminal's Ctrl-C reaches us alone, so that it counts once
        )
        stack.enter_context(process)
        try:
            return _watch(process, log, on_event_line, timeout, asked)
        except BaseException:
            process.kill()
            raise


def _watch(
    process: subprocess.Popen[bytes],
    log: int | None,
    on_event_line: Callable[[str], None] | None,
    timeout: float | None,
    asked: Cancellation,
) -> Finished:
    began = time.monotonic()
    stopping = _Stopping(process, began + timeout if timeout is not None else None, asked)
    output = {"stdout": bytearray(), "stderr": bytearray(), "events": bytearray()}
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as opened:
        for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                selector.register(stream.fileno(), selectors.EVENT_READ, name)
        if log is not None:
            selector.register(log, selectors.EVENT_READ, "events")
        if hasattr(os, "pidfd_open"):  # Linux: wakes at once when the process ends
            ended = os.pidfd_open(process.pid)
            opened.callback(os.close, ended)
            selector.register(ended, selectors.EVENT_READ, "end")

        def read_ready(seconds: float) -> bool:
            ready = selector.select(seconds)
            for key, _ in ready:
                if key.data == "end":
                    selector.unregister(key.fd)
                    continue
                try:
                    chunk = os.read(key.fd, 1 << 16)
                except BlockingIOError:
                    continue
                if not chunk:
                    selector.unregister(key.fd)
                output[key.data] += chunk
            if on_event_line is not None:
                _tell_lines(output["events"], on_event_line)
            return bool(ready)

        while process.poll() is None:
            stopping.look()
            if selector.get_map():
                read_ready(TICK)
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(TICK)
        # What is still in the pipes; a plugin that lives on may hold their other end, so not until their end.
        while selector.get_map() and read_ready(0):
            pass
    return Finished(
        process.returncode,
        output["stdout"].decode(errors="replace"),
        output["stderr"].decode(errors="replace"),
        stopping.sent,
        stopping.timed_out,
    )


def _tell_lines(buffer: bytearray, tell: Callable[[str], None]) -> None:
    while (end := buffer.find(b"\n")) >= 0:
        line = bytes(buffer[:end])
        del buffer[: end + 1]
        tell(line.decode(errors="replace"))


class _Stopping:
    """One SIGINT is a clean stop; a second one stops at once; then the process is killed."""

    def __init__(self, process: subprocess.Popen[bytes], deadline: float | None, asked: Cancellation) -> None:
        self._process, self._deadline, self._asked = process, deadline, asked
        self._kill_at: float | None = None
        self.sent = 0
        self.timed_out = False

    def look(self) -> None:
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None if self.timed_out else now + GRACE
            self.timed_out = True
            self._signal(now)
        while self.sent < min(self._asked.requested, 2):
            self._signal(now)
        if self._kill_at is not None and now >= self._kill_at:
            self._process.kill()

    def _signal(self, now: float) -> None:
        self._process.send_signal(signal.SIGINT)
        self.sent += 1
        if self.sent == 2:
            self._kill_at = now + LAST_GRACE


@contextlib.contextmanager
def _input(content: bytes | None) -> Iterator[int]:
    """A descriptor to read `content` from. In a pipe where it fits one: a secret must not touch a disk."""
    if content is None:
        yield subprocess.DEVNULL
    elif len(content) <= _PIPE_HOLDS:
        reading, writing = os.pipe()
        with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor, no path
            os.write(writing, content)
            os.close(writing)
            yield pipe.fileno()
    else:
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.seek(0)
            yield file.fileno()


@contextlib.contextmanager
def _stopped_by_signals(asked: Cancellation) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal stop the run and not this process, while the run lasts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    # What is ignored stays so: a command under nohup outlives its terminal.
    heeded = {signum: handler or signal.SIG_DFL for signum, handler in before.items() if handler != signal.SIG_IGN}
    for signum in heeded:
        signal.signal(signum, lambda *_: asked.request())
    try:
        yield
    finally:
        for signum, handler in heeded.items():
            signal.signal(signum, handler)


def dying_with_us() -> list[str]:
    """What to begin a command with, so that on Linux it is killed with the thread that starts it, however that ends.

    Of an engine its language host and plugins follow. Elsewhere an engine whose parent was killed finishes its run.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
