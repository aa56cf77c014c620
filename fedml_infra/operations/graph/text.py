"""The graph for a terminal of eighty columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from fedml_infra.operations.graph.graph import UNKNOWN_ACCOUNT, UNKNOWN_REGION, Graph
from fedml_infra.operations.graph.svg import kind_of
from fedml_infra.operations.graph.words import shortened

COLUMNS = 80
ARROWS = {"publish": "◀───", "receive": "───▶", "both": "◀──▶"}
"""From the topic's line on the left to the node on the right."""


def text(graph: Graph) -> str:
    """The whole text, its lines no longer than 80 columns."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    yield from textwrap.wrap(f"{graph.federation}: {graph.summary}", COLUMNS)
    yield ""
    hub = graph.hub
    whose = "administered by this organisation" if hub.own else "administered by another organisation"
    yield shortened(f"topic {hub.topic}", COLUMNS)
    yield f"│ {hub.account or UNKNOWN_ACCOUNT}, {hub.region}, {whose}"
    if graph.nodes:
        yield "│"
    accounts = [node.account or UNKNOWN_ACCOUNT for node in graph.nodes]
    regions = [node.region or UNKNOWN_REGION for node in graph.nodes]
    account_width, region_width = (max(map(len, each), default=0) for each in (accounts, regions))
    room = COLUMNS - len("├◀──▶   ") - account_width - 2 - region_width - 2 - len("own")
    names = [shortened(node.name, room) for node in graph.nodes]
    name_width = max(map(len, names), default=0)
    for at, (node, name) in enumerate(zip(graph.nodes, names, strict=True)):
        corner = "└" if at == len(graph.nodes) - 1 else "├"
        row = f"{corner}{ARROWS[kind_of(node)]} {name:{name_width}}  {accounts[at]:{account_width}}"
        yield f"{row}  {regions[at]:{region_width}}  {'own' if node.own else ''}".rstrip()
    yield ""
    yield from textwrap.wrap(graph.caption, COLUMNS, break_on_hyphens=False)
    if graph.partial:
        yield graph.partial
    yield "◀─ publishes to the topic   ─▶ receives from it"
