"""The demo, warm: everything is installed, and was run before."""

from __future__ import annotations

import sys
from pathlib import Path

from fedml_infra.sandbox.sandbox import Running
from tools.bench.measure import run
from tools.bench.table import Row


def rows(running: Running, folder: Path) -> list[Row]:  # noqa: ARG001 (every part has these)
    """The whole command, on either local AWS."""
    command = Path(sys.executable).with_name("fedml-infra")
    found = []
    for kind in ("ministack", "moto"):
        measured = run([command, "demo", "--aws", kind])
        found.append(Row(f"fedml-infra demo --aws {kind}", measured.seconds, measured.mebibytes))
    return found
