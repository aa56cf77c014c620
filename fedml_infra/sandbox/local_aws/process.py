"""Starting the process of a local AWS, so that it is ready and holds nothing of its starter's.

The starter keeps the child's standard input open. Where the starter ends, killed or not, the child ends too, unless it
was told to stay (`Started.keep`).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import ssl
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fedml_infra.errors import ResourceError, TimedOutError
from fedml_infra.sandbox.local_aws.capabilities import Kind
from fedml_infra.sandbox.local_aws.certificates import Certificates, certificates
from fedml_infra.sandbox.local_aws.serve import KEEP
from fedml_infra.sandbox.place import package_path

READY_WITHIN = 60.0
"""Seconds; it is half a second on an idle machine."""
LOG = "local-aws.log"
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
"""Of the starter's environment; no credential, no proxy, no setting of someone else's emulator."""


_kept: list[subprocess.Popen[bytes]] = []
"""Those that stay: a Popen that is forgotten while its child runs is taken for a mistake, and warned about."""


class PortTakenError(ResourceError):
    """No port of the range is free."""


@dataclass(frozen=True)
class Started:
    """A local AWS that is ready."""

    process: subprocess.Popen[bytes]
    port: int
    certificates: Certificates
    log: Path

    @property
    def url(self) -> str:
        """What clients take as their endpoint, for every service."""
        return f"https://127.0.0.1:{self.port}"

    def keep(self) -> None:
        """Let it stay when this process ends."""
        lifeline = self.process.stdin
        assert lifeline is not None
        lifeline.write(KEEP)
        lifeline.close()
        _kept.append(self.process)

    def stop(self) -> None:
        """End it, and wait until it has."""
        end(self.process)


def start(kind: Kind, directory: Path, ports: tuple[int, int] = (0, 0)) -> Started:
    """Start a local AWS on the first free port of the range (0, 0: any), and return when it answers.

    Raises PortTakenError where no port is free, ResourceError where it ends instead of getting ready, TimedOutError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    made, log = certificates(directory), directory / LOG
    module = "fedml_infra.sandbox.local_aws.serve"
    command = [sys.executable, "-P", "-m", module, kind, str(directory), *map(str, ports)]
    scratch = directory / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    with log.open("wb") as written:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            cwd=directory,
            env=_environment(scratch),
            start_new_session=True,
        )
    try:
        said = _first_line(process, log)
        if said.get("error") == "taken":
            raise PortTakenError(f"No port from {ports[0]} to {ports[1]} of 127.0.0.1 is free for the local AWS")
        started = Started(process, int(said["port"]), made, log)
        _answers(kind, started)
    except BaseException:
        end(process)
        raise
    return started


def _environment(scratch: Path) -> dict[str, str]:
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**passed, "PYTHONPATH": package_path(), "TMPDIR": str(scratch)}


def end(process: subprocess.Popen[bytes], grace: float = 2.0) -> None:
    """End a child with all it has started, and wait for it; what ignores SIGTERM for `grace` seconds is killed."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _first_line(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    said = process.stdout
    assert said is not None
    line = _line_within(said, READY_WITHIN)
    said.close()
    if line is None:
        raise TimedOutError(f"The local AWS was not ready within {READY_WITHIN:.0f} s", fix=f"Its log: {log}")
    if not line:
        status = process.wait()
        raise ResourceError(
            f"The local AWS ended before it was ready (exit status {status}):\n{last_lines(log)}",
            fix=f"Its whole log: {log}",
        )
    answer: dict[str, Any] = json.loads(line)
    return answer


def _line_within(stream: IO[bytes], seconds: float) -> bytes | None:
    """What is said until the end of the line or of the stream; None where that takes too long."""
    deadline, said = time.monotonic() + seconds, b""
    while not said.endswith(b"\n"):
        readable, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            return None
        more = os.read(stream.fileno(), 4096)
        if not more:
            break
        said += more
    return said


def _answers(kind: Kind, started: Started) -> None:
    """One call over TLS, with the certificate checked."""
    path = "/_ministack/health" if kind is Kind.MINISTACK else "/moto-api/"
    context = ssl.create_default_context(cafile=str(started.certificates.certificate))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(started.url + path, timeout=READY_WITHIN) as answer:
            answer.read()
    except OSError as error:
        raise ResourceError(
            f"The local AWS does not answer at {started.url}: {error}", fix=f"Its log: {started.log}"
        ) from error


def last_lines(log: Path, number: int = 15) -> str:
    """The end of a log."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-number:])
    except OSError:
        return "(no log)"
