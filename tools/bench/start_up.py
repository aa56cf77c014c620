"""How long the command line takes to say anything."""

from __future__ import annotations

import sys
from pathlib import Path

from fedml_infra.sandbox.sandbox import Running
from tools.bench.measure import median, run
from tools.bench.table import Row, ratio

TIMES = 9


def rows(running: Running, folder: Path) -> list[Row]:  # noqa: ARG001 (every part has these)
    """`fedml-infra --help` against importing click, by turns."""
    command = Path(sys.executable).with_name("fedml-infra")
    bare, helped, subcommand = [], [], []
    for _ in range(TIMES):
        bare.append(run([sys.executable, "-c", "import click"]))
        helped.append(run([command, "--help"]))
        subcommand.append(run([command, "policies", "who-can", "--help"]))
    click, root, sub = median(bare), median(helped), median(subcommand)
    name = "`import click`"
    return [
        Row('python -c "import click"', click.seconds, click.mebibytes),
        Row("fedml-infra --help", root.seconds, root.mebibytes, ratio(root.seconds, click.seconds, name)),
        Row("fedml-infra policies who-can --help", sub.seconds, sub.mebibytes, ratio(sub.seconds, click.seconds, name)),
    ]
