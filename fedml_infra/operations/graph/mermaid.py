"""The graph as a Mermaid flowchart, for READMEs and wikis. https://mermaid.js.org/syntax/flowchart.html"""

from __future__ import annotations

from collections.abc import Iterator

from fedml_infra.operations.graph.graph import UNKNOWN_ACCOUNT, UNKNOWN_REGION, Graph
from fedml_infra.operations.graph.svg import COLOURS, HUB_FILL, INK, OTHER_FILL, OWN_FILL, kind_of

ARROWS = {
    "publish": "{node} -->|publishes| topic",
    "receive": "topic -->|receives| {node}",
    "both": "{node} <-->|publishes and receives| topic",
}


def mermaid(graph: Graph) -> str:
    """The whole text. Nodes of one account are framed together."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    yield "---"
    yield f"title: {_quoted(f'{graph.federation}: {graph.summary}')}"
    yield "---"
    yield "flowchart TB"
    for number, account in enumerate(graph.accounts):
        yield f"  subgraph account{number}[{_quoted(f'account {account}' if account else UNKNOWN_ACCOUNT)}]"
        if account == graph.hub.account:
            yield f"    topic([{_quoted(f'topic {graph.hub.topic}', graph.hub.region)}])"
        for at, node in enumerate(graph.nodes):
            if node.account == account:
                yield f"    node{at}[{_quoted(node.name, node.region or UNKNOWN_REGION)}]"
        yield "  end"
    for at, node in enumerate(graph.nodes):
        yield "  " + ARROWS[kind_of(node)].format(node=f"node{at}")
    yield f"  style topic fill:{HUB_FILL},stroke:{INK},color:{INK}"
    for at, node in enumerate(graph.nodes):
        colour = COLOURS[kind_of(node)]
        yield f"  style node{at} fill:{OWN_FILL if node.own else OTHER_FILL},stroke:{colour},color:{INK}"
        yield f"  linkStyle {at} stroke:{colour}"


def _quoted(*lines: str) -> str:
    """One label of these lines. Mermaid's own signs are written as entities."""
    return '"' + "<br/>".join(map(_escaped, lines)) + '"'


def _escaped(text: str) -> str:
    for sign, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(sign, entity)
    return text
