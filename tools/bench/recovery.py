"""How much longer a run takes that has to mend what a killed one left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fedml_infra.sandbox.sandbox import Running
from tools.bench.measure import Run, median, run
from tools.bench.stack import FEDERATION, Stack, hub_config
from tools.bench.table import Row, more

ACCOUNT = "777777777777"
TIMES = 3
COMMAND = [Path(sys.executable).with_name("fedml-infra"), "up", FEDERATION, "--yes"]


def rows(running: Running, folder: Path) -> list[Row]:
    """`up` after a kill in the middle of the one before, against one from nothing and one with nothing to do."""
    stack = Stack(running, folder / "recovery", ACCOUNT, hub_config(nodes=1))
    fresh: list[Run] = []
    mended: list[Run] = []
    again: list[Run] = []
    for _ in range(TIMES):
        fresh.append(run(COMMAND, env=stack.env, cwd=stack.folder))
        again.append(run(COMMAND, env=stack.env, cwd=stack.folder))
        stack.destroy()
        _killed(stack)
        mended.append(run(COMMAND, env=stack.env, cwd=stack.folder))
        stack.destroy()
    whole, nothing, after = median(fresh), median(again), median(mended)
    return [
        Row("fedml-infra up, hub and one node", whole.seconds, whole.mebibytes),
        Row("the same again, nothing to do", nothing.seconds, nothing.mebibytes),
        Row(
            "up after a kill -9 in the middle",
            after.seconds,
            after.mebibytes,
            more(after.seconds, whole.seconds, "an up from nothing"),
        ),
    ]


def _killed(stack: Stack) -> None:
    """An `up` that is killed as soon as it says that something was made."""
    process = subprocess.Popen(
        COMMAND, env=stack.env, cwd=stack.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with process:
        for line in process.stderr or ():
            if "created" in line:
                os.kill(process.pid, signal.SIGKILL)
                break
    time.sleep(0.5)  # what it had asked of AWS is answered by then
