"""The sandbox of this machine's user: one local AWS that stays until it is taken down.

Nothing in it is kept: a restart gives an empty AWS, and with it go the states of stacks that the sandbox's own
backends held, as they would describe what is no longer there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fedml_infra.errors import ConfigurationError, ResourceError
from fedml_infra.sandbox.local_aws import Kind, LocalAws
from fedml_infra.sandbox.local_aws.certificates import Certificates, usable
from fedml_infra.sandbox.local_aws.process import LOG, PortTakenError, Started, start
from fedml_infra.sandbox.processes import Identity, alive, end, identify

PORTS = range(20000, 30000)
"""Below those that a kernel hands out by itself. A sandbox looks for its first port from a place of its own, so that
one that is down is seldom robbed of its port by another."""
PORTS_TRIED = 100


@dataclass(frozen=True)
class Running:
    """The local AWS that runs."""

    kind: Kind
    port: int
    process: Identity
    since: float
    """Seconds since the epoch."""
    directory: Path
    """Of the sandbox."""

    @property
    def local_aws(self) -> LocalAws:
        """As its clients see it."""
        made = _certificates(self.directory)
        return LocalAws(self.kind, f"https://127.0.0.1:{self.port}", made.bundle, _home(self.directory) / LOG)


@dataclass(frozen=True)
class Up:
    """What `up` came to."""

    running: Running
    started: bool
    """False where it ran already."""
    seconds: float


def up(directory: Path, kind: Kind | None = None, port: int | None = None) -> Up:
    """Start the sandbox's local AWS, and return when it answers; the running one where there is one.

    `kind` is MiniStack and `port` the one it had, unless told otherwise. Raises ConfigurationError where another kind
    or port is asked for than runs, or the folder cannot be written; ResourceError where the port is taken, or it does
    not get ready.
    """
    began = time.monotonic()
    with _locked(directory):
        running = status(directory)
        if running is not None and usable(_certificates(directory)):
            _same(running, kind, port)
            return Up(running, False, time.monotonic() - began)
        if running is not None:
            end(running.process)  # its certificate ends soon, which would fail every call
        _forget(directory)
        started = _start(directory, kind or Kind.MINISTACK, port)
        try:
            running = _record(directory, kind or Kind.MINISTACK, started)
        except BaseException:
            started.stop()
            raise
        started.keep()
        return Up(running, True, time.monotonic() - began)


def down(directory: Path) -> Running | None:
    """Take the local AWS down with all that is in it; returns what ran, None where nothing did. The port is kept."""
    if not directory.is_dir():
        return None
    with _locked(directory):
        running = status(directory)
        if running is not None:
            end(running.process)
        _forget(directory)
        return running


def status(directory: Path) -> Running | None:
    """The local AWS that runs in this sandbox; None where none does, whatever an earlier one has left behind."""
    try:
        said: dict[str, Any] = json.loads(_record_file(directory).read_text(encoding="utf-8"))
        process = Identity(int(said["process"]["pid"]), str(said["process"]["start"]))
        running = Running(Kind(said["kind"]), int(said["port"]), process, float(said["since"]), directory)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return running if alive(process) else None


def require(directory: Path) -> Running:
    """The local AWS that runs. Raises ConfigurationError where none does."""
    running = status(directory)
    if running is None:
        raise ConfigurationError("The sandbox does not run", fix="Start it: fedml-infra sandbox up")
    return running


def state_directory(directory: Path, account: str) -> Path:
    """The state backend of one account's stacks."""
    return directory / "state" / account


def remembered_port(directory: Path) -> int | None:
    """The port that this sandbox has, running or not; None where it never ran."""
    try:
        return int((directory / "port").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def first_ports(directory: Path) -> tuple[int, int]:
    """The first and the last of the ports that a sandbox tries which has none yet."""
    first = PORTS[zlib.crc32(os.fsencode(directory)) % (len(PORTS) - PORTS_TRIED)]
    return first, first + PORTS_TRIED - 1


def _home(directory: Path) -> Path:
    return directory / "local-aws"


def _record_file(directory: Path) -> Path:
    return directory / "running.json"


def _certificates(directory: Path) -> Certificates:
    return Certificates.of(_home(directory))


def _same(running: Running, kind: Kind | None, port: int | None) -> None:
    if kind is not None and kind is not running.kind:
        raise ConfigurationError(
            f"The sandbox runs {running.kind.label}, not {kind.label}",
            fix="Take it down first, with all that is in it: fedml-infra sandbox down",
        )
    if port is not None and port != running.port:
        raise ConfigurationError(
            f"The sandbox runs on port {running.port}, not {port}",
            fix="Take it down first, with all that is in it: fedml-infra sandbox down",
        )


def _start(directory: Path, kind: Kind, port: int | None) -> Started:
    wanted = port or remembered_port(directory)
    try:
        return start(kind, _home(directory), (wanted, wanted) if wanted else first_ports(directory))
    except PortTakenError as error:
        if wanted is None:
            raise
        raise ResourceError(
            f"Port {wanted} of 127.0.0.1, which this sandbox has, is taken by another program",
            fix="End that program, or give the sandbox another port: fedml-infra sandbox up --port PORT",
        ) from error


def _record(directory: Path, kind: Kind, started: Started) -> Running:
    process = identify(started.process.pid)
    if process is None:
        raise ResourceError("The local AWS ended as soon as it was ready", fix=f"Its log: {started.log}")
    running = Running(kind, started.port, process, time.time(), directory)
    said = {"kind": kind, "port": running.port, "process": asdict(process), "since": running.since}
    _write(directory / "port", str(running.port))
    _write(_record_file(directory), json.dumps(said))
    return running


def _forget(directory: Path) -> None:
    """What describes a local AWS that is gone. The state folders themselves stay: shells name them."""
    _record_file(directory).unlink(missing_ok=True)
    for backend in (directory / "state").glob("*"):
        for entry in backend.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One `up` or `down` at a time in a sandbox."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = (directory / "lock").open("w")
    except OSError as error:
        raise ConfigurationError(
            f"The sandbox cannot be put into {directory}: {error.strerror}",
            fix="Make that folder writable, or set FEDML_INFRA_SANDBOX_DIR to one that is.",
        ) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
