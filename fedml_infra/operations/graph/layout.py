"""Where everything of the picture stands: boxes, lines and labels, in pixels. Pure.

The topic is above, its line runs down between the columns of nodes, and each node hangs on it by a short piece of its
own: no line crosses another or a box, however many nodes there are. Up to four nodes stand in one row below the topic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from fedml_infra.operations.graph.graph import Graph, Node
from fedml_infra.operations.graph.words import fitted, width_of

MARGIN = 40.0
BOX_WIDTH, BOX_HEIGHT = 248.0, 74.0
HUB_WIDTH, HUB_HEIGHT = 380.0, 78.0
ROW_GAP, MOST_ROW_GAP, COLUMN_GAP = 18.0, 44.0, 40.0
STUB = 46.0
"""Length of the piece between a box and the topic's line."""
PADDING = 16.0
LEAST_WIDTH = 1060.0
IN_ONE_ROW = 4
ASPECT = 16 / 9
"""Of a slide."""
HEAD_HEIGHT, LEGEND_HEIGHT = 104.0, 70.0
ABOVE_NODES = 72.0
"""From the topic's box to the first row of nodes."""

TITLE, SUBTITLE, NAME, LINE = 24.0, 14.0, 15.0, 12.0
"""Sizes of type."""


@dataclass(frozen=True)
class Rectangle:
    """x and y are its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height

    @property
    def centre(self) -> float:
        """The middle of its width."""
        return self.x + self.width / 2

    @property
    def middle(self) -> float:
        """The middle of its height."""
        return self.y + self.height / 2

    def overlaps(self, other: Rectangle) -> bool:
        """Whether the two have any area in common."""
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom

    def holds(self, other: Rectangle) -> bool:
        """Whether the other is within."""
        return self.x <= other.x and other.right <= self.right and self.y <= other.y and other.bottom <= self.bottom


@dataclass(frozen=True)
class Label:
    """One line of text. `x` is its left end, or its middle where `centred`; `y` its base line."""

    text: str
    x: float
    y: float
    size: float
    bold: bool = False
    centred: bool = False
    whole: str | None = None
    """The text before it was shortened; None where it was not."""
    role: str = "line"
    """What it is, for its colour: title, subtitle, name, line, does, legend."""

    @property
    def area(self) -> Rectangle:
        """What it covers at most, in any of the fonts that it may be set in."""
        width = width_of(self.text, self.size, bold=self.bold)
        x = self.x - width / 2 if self.centred else self.x
        return Rectangle(x, self.y - self.size * 0.95, width, self.size * 1.2)


Point = tuple[float, float]


@dataclass(frozen=True)
class Link:
    """The piece between a box and the topic's line: from `box` to `line`."""

    box: Point
    line: Point


@dataclass(frozen=True)
class Placed:
    """A node's box, its labels, and its link."""

    node: Node
    box: Rectangle
    labels: tuple[Label, ...]
    link: Link


@dataclass(frozen=True)
class Key:
    """One entry of the legend: a sample of a link (rights) or of a box (own or not), and what it means."""

    sample: Rectangle
    label: Label
    rights: str = ""
    own: bool | None = None


@dataclass(frozen=True)
class Layout:
    """Everything, placed on a canvas."""

    width: float
    height: float
    head: tuple[Label, ...]
    hub: Rectangle
    hub_labels: tuple[Label, ...]
    lines: tuple[tuple[Point, ...], ...]
    """The topic's line: its strokes."""
    nodes: tuple[Placed, ...]
    legend: tuple[Key, ...]

    @property
    def labels(self) -> Iterator[Label]:
        """All text."""
        yield from self.head
        yield from self.hub_labels
        for placed in self.nodes:
            yield from placed.labels
        for key in self.legend:
            yield key.label

    @property
    def segments(self) -> Iterator[tuple[Point, Point]]:
        """All straight pieces of lines."""
        for stroke in self.lines:
            yield from pairwise(stroke)
        for placed in self.nodes:
            yield placed.link.box, placed.link.line


def layout(graph: Graph) -> Layout:
    """The picture of a graph with any number of nodes."""
    number = len(graph.nodes)
    content = _row_width(number) if number <= IN_ONE_ROW else _trunks_width(_trunks(number))
    width = max(LEAST_WIDTH, content + 2 * MARGIN)
    hub = Rectangle((width - HUB_WIDTH) / 2, HEAD_HEIGHT, HUB_WIDTH, HUB_HEIGHT)
    if number <= IN_ONE_ROW:
        lines, nodes = _in_a_row(graph, hub)
    else:
        lines, nodes = _on_trunks(graph, hub, _trunks(number))
    bottom = max([hub.bottom, *(placed.box.bottom for placed in nodes)])
    return Layout(
        width=width,
        height=bottom + LEGEND_HEIGHT + MARGIN / 2,
        head=_head(graph, width),
        hub=hub,
        hub_labels=_hub_labels(graph, hub),
        lines=lines,
        nodes=nodes,
        legend=_legend(graph, width, bottom + 44),
    )


def _row_width(number: int) -> float:
    return number * BOX_WIDTH + max(0, number - 1) * COLUMN_GAP


def _trunks_width(trunks: int) -> float:
    return trunks * 2 * (BOX_WIDTH + STUB) + (trunks - 1) * COLUMN_GAP


def _trunks(number: int) -> int:
    """How many lines run down, so that the whole comes nearest to a slide's proportions."""

    def off(trunks: int) -> float:
        return abs(math.log(_width(trunks) / _height(_rows(number, trunks), ROW_GAP) / ASPECT))

    return min(range(1, math.ceil(number / 2) + 1), key=off)


def _rows(number: int, trunks: int) -> int:
    return math.ceil(number / (2 * trunks))


def _width(trunks: int) -> float:
    return max(LEAST_WIDTH, _trunks_width(trunks) + 2 * MARGIN)


def _height(rows: int, gap: float) -> float:
    nodes = rows * (BOX_HEIGHT + gap) - gap
    return HEAD_HEIGHT + HUB_HEIGHT + ABOVE_NODES + nodes + LEGEND_HEIGHT + MARGIN / 2


def _row_gap(rows: int, trunks: int) -> float:
    """As much air between the rows as a slide has room for."""
    spare = _width(trunks) / ASPECT - _height(rows, ROW_GAP)
    return min(MOST_ROW_GAP, ROW_GAP + max(0.0, spare) / max(1, rows - 1))


def _in_a_row(graph: Graph, hub: Rectangle) -> tuple[tuple[tuple[Point, ...], ...], tuple[Placed, ...]]:
    start, top = hub.centre - _row_width(len(graph.nodes)) / 2, hub.bottom + ABOVE_NODES + 10
    level = hub.bottom + 30
    placed = []
    for at, node in enumerate(graph.nodes):
        box = Rectangle(start + at * (BOX_WIDTH + COLUMN_GAP), top, BOX_WIDTH, BOX_HEIGHT)
        placed.append(Placed(node, box, _labels(node, box), Link((box.centre, box.y), (box.centre, level))))
    return _from_hub(hub, level, [each.box.centre for each in placed]), tuple(placed)


def _on_trunks(graph: Graph, hub: Rectangle, trunks: int) -> tuple[tuple[tuple[Point, ...], ...], tuple[Placed, ...]]:
    columns, left = 2 * trunks, hub.centre - _trunks_width(trunks) / 2
    top, level = hub.bottom + ABOVE_NODES, hub.bottom + 30
    group = 2 * (BOX_WIDTH + STUB) + COLUMN_GAP
    xs = [left + trunk * group + BOX_WIDTH + STUB for trunk in range(trunks)]
    ends = [level] * trunks
    rows = _rows(len(graph.nodes), trunks)
    height = BOX_HEIGHT + _row_gap(rows, trunks)
    placed = []
    for row in range(rows):
        several = graph.nodes[row * columns : (row + 1) * columns]
        # A row that is not full stands in the middle, so that the picture stays balanced.
        first = (columns - len(several)) // 2
        for column, node in enumerate(several, start=first):
            trunk, on_right = divmod(column, 2)
            line = xs[trunk]
            x = line + STUB if on_right else line - STUB - BOX_WIDTH
            box = Rectangle(x, top + row * height, BOX_WIDTH, BOX_HEIGHT)
            ends[trunk] = box.middle
            edge = box.x if on_right else box.right
            placed.append(Placed(node, box, _labels(node, box), Link((edge, box.middle), (line, box.middle))))
    down = tuple(((x, level), (x, end)) for x, end in zip(xs, ends, strict=True))
    return (*_from_hub(hub, level, xs), *down), tuple(placed)


def _from_hub(hub: Rectangle, level: float, xs: list[float]) -> tuple[tuple[Point, ...], ...]:
    """From the topic down to a level, and along it to the outermost."""
    if not xs:
        return ()
    down: tuple[Point, ...] = ((hub.centre, hub.bottom), (hub.centre, level))
    return (down, ((min(*xs, hub.centre), level), (max(*xs, hub.centre), level)))


def _labels(node: Node, box: Rectangle) -> tuple[Label, ...]:
    x, room = box.x + PADDING, box.width - 2 * PADDING
    return (
        _label(node.name, x, box.y + 25, NAME, room, bold=True, role="name"),
        _label(node.place, x, box.y + 44, LINE, room, role="line"),
        _label(node.does, x, box.y + 62, LINE, room, role="does"),
    )


def _hub_labels(graph: Graph, hub: Rectangle) -> tuple[Label, ...]:
    room, own = hub.width - 2 * PADDING, graph.hub.own
    whose = "this organisation administers it" if own else "another organisation administers it"
    account = graph.hub.account or "unknown account"
    return (
        _label(
            f"topic {graph.hub.topic}", hub.centre, hub.y + 27, NAME + 1, room, bold=True, centred=True, role="name"
        ),
        _label(f"{account}, {graph.hub.region}", hub.centre, hub.y + 47, LINE, room, centred=True),
        _label(whose, hub.centre, hub.y + 65, LINE, room, centred=True),
    )


def _head(graph: Graph, width: float) -> tuple[Label, ...]:
    room = width - 2 * MARGIN
    told = " ".join([graph.summary[:1].upper() + graph.summary[1:] + ".", *([graph.partial] if graph.partial else [])])
    return (
        _label(graph.federation, MARGIN, 48, TITLE, room, bold=True, role="title"),
        _label(told, MARGIN, 74, SUBTITLE, room, role="subtitle"),
    )


def _legend(graph: Graph, width: float, y: float) -> tuple[Key, ...]:
    entries: list[tuple[str, str, bool | None]] = [
        ("publishes", "publish", None),
        ("receives", "receive", None),
        ("publishes and receives", "both", None),
        ("this organisation's node", "", True),
    ]
    if graph.hub.own:
        entries.append(("another organisation's", "", False))
    sample, gap, after = 40.0, 9.0, 28.0
    sizes = [sample + gap + width_of(text, LINE) + after for text, _, _ in entries]
    x = (width - sum(sizes) + after) / 2
    keys = []
    for (text, rights, own), size in zip(entries, sizes, strict=True):
        area = Rectangle(x, y - 8, sample, 16)
        keys.append(Key(area, Label(text, x + sample + gap, y + 4, LINE, role="legend"), rights, own))
        x += size
    return tuple(keys)


def _label(
    text: str,
    x: float,
    y: float,
    size: float,
    room: float,
    *,
    bold: bool = False,
    centred: bool = False,
    role: str = "line",
) -> Label:
    shown = fitted(text, room, size, bold=bold)
    return Label(shown, x, y, size, bold, centred, text if shown != text else None, role)
