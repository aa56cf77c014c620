"""`make bench`: how long things take and how much memory they need, each pair measured in one run.

Prints a Markdown table. Nothing here fails on a slow machine: a figure is to be read, and compared within the run.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from fedml_infra.sandbox.local_aws import Kind
from fedml_infra.sandbox.sandbox import down, up
from tools.bench import demo, drift, engine, gitops, joins, nodes, recovery, rest, start_up
from tools.bench.table import Row, print_table

PARTS = {
    "start-up": start_up.rows,
    "engine": engine.rows,
    "nodes": nodes.rows,
    "recovery": recovery.rows,
    "drift": drift.rows,
    "joins": joins.rows,
    "gitops": gitops.rows,
    "rest": rest.rows,
    "demo": demo.rows,
}


def main() -> int:
    """All parts, or those named as arguments."""
    chosen = sys.argv[1:] or list(PARTS)
    unknown = set(chosen) - PARTS.keys()
    if unknown:
        print(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    measured: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="fedml-infra-bench-") as folder:
        sandbox = Path(folder) / "sandbox"
        running = up(sandbox, Kind.MINISTACK).running
        try:
            for part in chosen:
                print(f"measuring: {part}", file=sys.stderr)
                measured += PARTS[part](running, Path(folder))
        finally:
            down(sandbox)
    print_table(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
