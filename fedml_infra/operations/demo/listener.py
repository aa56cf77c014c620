"""The administrator's listener: `fedml-infra admit --listen`, as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedml_infra.engine.runner import dying_with_us
from fedml_infra.errors import ResourceError
from fedml_infra.operations.demo.organisations import FEDERATION
from fedml_infra.operations.demo.site import Site

STOP_SECONDS = 15.0


@contextmanager
def listening(hub: Site, data_dir: Path) -> Iterator[str]:
    """The address that joiners prove their account at, for as long as the block lasts; on loopback, at a free port.

    `data_dir` is where the administrator's store is. Raises ResourceError, with what it said, where it does not start.
    """
    log = data_dir / "listener.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "fedml_infra.cli", "admit", FEDERATION, "--listen", "--json"]
    with log.open("wb") as written:
        process = subprocess.Popen(
            [*dying_with_us(), *command, "--data-dir", str(data_dir)],
            cwd=hub.project,
            env=dict(hub.variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=written,
            start_new_session=True,  # a Ctrl-C ends it when it ends the demo, and not before
        )
    with process:
        try:
            line = process.stdout.readline() if process.stdout else b""
            if not line:
                raise ResourceError(f"The administrator's listener ended: {log.read_text(errors='replace')[-2000:]}")
            yield str(json.loads(line)["url"])
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
