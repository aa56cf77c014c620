"""What a federation's stack costs over an empty one, and a hub's by its number of members."""

from __future__ import annotations

from pathlib import Path

from fedml_infra.sandbox.sandbox import Running
from tools.bench.measure import Run, median
from tools.bench.stack import Stack, empty_config, hub_config, joiner_config
from tools.bench.table import Row, more, ratio

HUB, JOINER, EMPTY = "111111111111", "222222222222", "333333333333"
TIMES = 3
MEMBERS = (2, 180, 600)


def rows(running: Running, folder: Path) -> list[Row]:
    """Joiner against an empty program, by turns; then the hub with 2, 180 and 600 members."""
    hub = Stack(running, folder / "hub", HUB, hub_config(members=0, nodes=0) + _members([JOINER]))
    hub.up()
    empty = Stack(running, folder / "empty", EMPTY, empty_config(), program="")
    joiner = Stack(running, folder / "joiner", JOINER, joiner_config(f"arn:aws:sns:us-east-1:{HUB}:bench"))
    runs: dict[str, list[Run]] = {"empty up": [], "joiner up": [], "empty preview": [], "joiner preview": []}
    for _ in range(TIMES):
        for name, stack in (("empty", empty), ("joiner", joiner)):
            runs[f"{name} up"].append(stack.up())
            runs[f"{name} preview"].append(stack.preview())
        for stack in (empty, joiner):
            stack.destroy()
    hub.destroy()
    middle = {name: median(measured) for name, measured in runs.items()}
    measured = [
        Row("an empty program, up", middle["empty up"].seconds, middle["empty up"].mebibytes),
        _over("a joiner of one node, up", middle["joiner up"], middle["empty up"]),
        Row("an empty program, preview", middle["empty preview"].seconds, middle["empty preview"].mebibytes),
        _over("a joiner of one node, preview without changes", middle["joiner preview"], middle["empty preview"]),
    ]
    return measured + _hubs(running, folder)


def _hubs(running: Running, folder: Path) -> list[Row]:
    found: list[Row] = []
    for members in MEMBERS:
        stack = Stack(running, folder / f"hub-{members}", HUB, hub_config(members=members))
        up = stack.up()
        stack.destroy()
        compared = ratio(up.seconds, found[0].seconds, f"{MEMBERS[0]} members") if found else ""
        found.append(Row(f"a hub of {members} members, up", up.seconds, up.mebibytes, compared))
    return found


def _members(accounts: list[str]) -> str:
    return "  fedml-infra:members:\n" + "".join(f'    - aws_id: "{account}"\n' for account in accounts)


def _over(what: str, run: Run, empty: Run) -> Row:
    return Row(what, run.seconds, run.mebibytes, more(run.seconds, empty.seconds, "an empty program"))
