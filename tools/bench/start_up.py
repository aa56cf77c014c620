"""How long the command line takes to say anything."""

from __future__ import annotations

import sys
from pathlib import Path

from fedml_infra.sandbox.sandbox import Running
from tools.bench.measure import Run, median, run
from tools.bench.table import Row, ratio

TIMES = 9
HELPED = ((), ("policies", "who-can"), ("invite", "list"))
"""Commands whose help is asked for; at most three times as long as importing click."""


def rows(running: Running, folder: Path) -> list[Row]:  # noqa: ARG001 (every part has these)
    """`fedml-infra --help` against importing click, by turns."""
    command = Path(sys.executable).with_name("fedml-infra")
    bare: list[Run] = []
    helped: dict[tuple[str, ...], list[Run]] = {words: [] for words in HELPED}
    for _ in range(TIMES):
        bare.append(run([sys.executable, "-c", "import click"]))
        for words, runs in helped.items():
            runs.append(run([command, *words, "--help"]))
    click, name = median(bare), "`import click`"
    found = [Row('python -c "import click"', click.seconds, click.mebibytes)]
    for words, runs in helped.items():
        took = median(runs)
        said = " ".join(("fedml-infra", *words, "--help"))
        found.append(Row(said, took.seconds, took.mebibytes, ratio(took.seconds, click.seconds, name)))
    return found
