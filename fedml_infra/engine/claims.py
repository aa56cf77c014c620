"""One run of a stack at a time on one machine: a claim that the kernel takes back however its holder ends.

The state backend's lock outlives a killed run, and the state can be exported and imported only in two steps; whoever
mends a state holds this claim meanwhile, and so does every run that changes something.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_cache_dir

from fedml_infra.engine.locks import LockHolder, StackLockedByError, who

if sys.platform != "win32":
    import fcntl


def claim_path(backend: str, project: Path, stack: str) -> Path:
    """Where the claim of one stack lies: the same for everyone here who means that stack."""
    whole = "\0".join((backend, str(project.resolve()), stack))
    name = hashlib.sha256(whole.encode()).hexdigest()[:32]
    return Path(user_cache_dir("fedml-infra")) / "claims" / name


@contextlib.contextmanager
def claimed(path: Path, stack: str) -> Iterator[None]:
    """Holds the claim. Raises StackLockedByError at once where another process here has it."""
    if sys.platform == "win32":  # the backend's lock alone has to do
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise _held(stack, file.read()) from None
        file.truncate(0)
        file.write(f"{getpass.getuser()} {os.getpid()} {datetime.now(UTC).isoformat(timespec='seconds')}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _held(stack: str, text: str) -> StackLockedByError:
    words = text.split()
    holders = (LockHolder(words[0], socket.gethostname(), int(words[1]), words[2]),) if len(words) == 3 else ()
    return StackLockedByError(
        f"Another run of stack {stack} is under way on this machine" + (f": {who(holders)}" if holders else ""),
        holders,
        fix="Wait for it to end, or give --wait.",
    )


@contextlib.contextmanager
def editing(path: Path) -> Iterator[None]:
    """Holds one stack file against other edits of this machine, waiting for them: an edit takes a second at most."""
    if sys.platform == "win32":
        yield
        return
    lock = claim_path("edit", path.resolve().parent, path.name)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
