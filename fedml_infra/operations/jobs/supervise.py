"""Between a worker and the run of one job: ends the run when the worker dies, or is frozen longer than a lease allows.

    python -m fedml_infra.operations.jobs.supervise SECONDS COMMAND …

Standard input: the request, one line, handed on; then `b` (a beat, at least every SECONDS) and `c` (cancel: a clean
stop; a second one stops at once). Standard output is the run's. Only the standard library: it starts in milliseconds.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

KILLED = 137
"""Exit status where the run was ended here."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command; its exit status, or KILLED."""
    limit, command = float(arguments[0]), list(arguments[1:])
    setpriv = shutil.which("setpriv")
    dying = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    commands = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    request = _line(commands.fileno())
    # A session of its own: what stops the worker's terminal or group reaches the run through the worker alone.
    run = subprocess.Popen([*dying, *command], stdin=subprocess.PIPE, start_new_session=True)
    assert run.stdin is not None
    run.stdin.write(request)
    run.stdin.close()
    return _watch(run, commands.fileno(), limit)


def _watch(run: subprocess.Popen[bytes], commands: int, limit: float) -> int:
    ended = os.pidfd_open(run.pid)
    deadline = time.monotonic() + limit
    with selectors.DefaultSelector() as selector:
        selector.register(commands, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        while run.poll() is None:
            ready = {key.fd for key, _ in selector.select(max(0.0, deadline - time.monotonic()))}
            said = os.read(commands, 4096) if commands in ready else None
            if said == b"" or time.monotonic() >= deadline:
                run.kill()
                run.wait()
                return KILLED
            for _ in range((said or b"").count(b"c")):
                run.send_signal(signal.SIGINT)
            if said and b"b" in said:
                deadline = time.monotonic() + limit
    return run.returncode


def _line(descriptor: int) -> bytes:
    """Up to the line's end and no further: what follows are beats."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            break
        line += byte
    return bytes(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
