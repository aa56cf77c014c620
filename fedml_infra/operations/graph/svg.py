"""The graph as an SVG for a slide: dark text on white, system fonts, no style sheet and no marker.

Presentation attributes and plain shapes only: slide programs import those, and drop the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from fedml_infra.operations.graph.graph import Graph, Node
from fedml_infra.operations.graph.layout import Key, Label, Layout, Placed, Point, Rectangle, layout

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, 'DejaVu Sans', sans-serif"
COLOURS = {"publish": "#c2410c", "receive": "#047857", "both": "#1d4ed8"}
"""By what a node does; they differ for the colour-blind too, and the arrows' heads say the same."""
INK, QUIET, LINE_COLOUR, EDGE = "#0f172a", "#475569", "#64748b", "#94a3b8"
OWN_FILL, OTHER_FILL, HUB_FILL = "#eaf1fb", "#ffffff", "#e2e8f0"
HEAD = 9.0
"""Length of an arrow's head."""
DOT, CLEAR = 4.0, 6.0
"""Radius of the dot where a node hangs on the topic's line, and how far from the line's middle a head stops."""


def svg(graph: Graph) -> str:
    """The whole document."""
    placed = layout(graph)
    return "\n".join(_document(graph, placed)) + "\n"


def kind_of(node: Node) -> str:
    """publish, receive or both."""
    if node.publishes and node.receives:
        return "both"
    return "publish" if node.publishes else "receive"


def _document(graph: Graph, placed: Layout) -> Iterator[str]:
    size = f'width="{_n(placed.width)}" height="{_n(placed.height)}"'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(placed.width)} {_n(placed.height)}" {size} '
        f'role="img" aria-labelledby="title description" font-family={quoteattr(FONT)}>'
    )
    yield f'<title id="title">{escape(f"Federation {graph.federation}: who publishes and who receives")}</title>'
    yield f'<desc id="description">{escape(f"{graph.summary}. {graph.caption}")}</desc>'
    yield f'<rect {size} fill="#ffffff"/>'
    yield from (_text(label) for label in placed.head)
    yield '<g fill="none" stroke-linecap="round" stroke-linejoin="round">'
    for stroke in placed.lines:
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in stroke)
        yield f'<polyline points="{points}" stroke="{LINE_COLOUR}" stroke-width="3"/>'
    yield "</g>"
    for each in placed.nodes:
        yield from _node(each)
    # Above the links, so that those of two opposite boxes are not taken for one that leads past the topic.
    for x, y in dict.fromkeys(each.link.line for each in placed.nodes):
        yield f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(DOT)}" fill="{LINE_COLOUR}"/>'
    yield _box(placed.hub, HUB_FILL, INK, 1.75)
    yield from (_text(label) for label in placed.hub_labels)
    for key in placed.legend:
        yield from _key(key)
    yield "</svg>"


def _node(placed: Placed) -> Iterator[str]:
    colour = COLOURS[kind_of(placed.node)]
    yield "<g>"
    yield from _link(placed.link.box, placed.link.line, kind_of(placed.node))
    yield _box(placed.box, OWN_FILL if placed.node.own else OTHER_FILL, LINE_COLOUR if placed.node.own else EDGE, 1.5)
    bar = Rectangle(placed.box.x, placed.box.y + 10, 4, placed.box.height - 20)
    yield f'<rect {_area(bar)} rx="2" fill="{colour}"/>'
    yield from (_text(label, colour if label.role == "does" else None) for label in placed.labels)
    yield "</g>"


def _link(box: Point, line: Point, kind: str) -> Iterator[str]:
    """A piece of line with a head where messages arrive: at the topic's line, at the box, or at both."""
    colour = COLOURS[kind]
    start = _towards(box, line, HEAD if kind != "publish" else 0)
    tip = _towards(line, box, CLEAR)
    end = _towards(tip, box, HEAD) if kind != "receive" else line
    yield (
        f'<line x1="{_n(start[0])}" y1="{_n(start[1])}" x2="{_n(end[0])}" y2="{_n(end[1])}" '
        f'stroke="{colour}" stroke-width="2.25"/>'
    )
    if kind != "publish":
        yield _head(box, line, colour)
    if kind != "receive":
        yield _head(tip, box, colour)


def _head(tip: Point, back: Point, colour: str) -> str:
    """An arrow's head whose tip is at `tip`, seen from `back`."""
    x, y = _towards(tip, back, HEAD)
    across, along = (0.0, HEAD / 2) if y == tip[1] else (HEAD / 2, 0.0)
    corners = [tip, (x + across, y + along), (x - across, y - along)]
    points = " ".join(f"{_n(cx)},{_n(cy)}" for cx, cy in corners)
    return f'<polygon points="{points}" fill="{colour}"/>'


def _towards(start: Point, end: Point, distance: float) -> Point:
    """The point so far from `start` on the way to `end`; both on one horizontal or vertical line."""
    (x, y), (to_x, to_y) = start, end
    if y == to_y:
        return (x + (distance if to_x > x else -distance), y)
    return (x, y + (distance if to_y > y else -distance))


def _key(key: Key) -> Iterator[str]:
    area = key.sample
    if key.own is None:
        end = area.right + (CLEAR if key.rights != "receive" else 0)
        yield from _link((area.x, area.middle), (end, area.middle), key.rights)
    else:
        fill, edge = (OWN_FILL, LINE_COLOUR) if key.own else (OTHER_FILL, EDGE)
        yield _box(area, fill, edge, 1.5)
    yield _text(key.label)


def _box(area: Rectangle, fill: str, edge: str, width: float) -> str:
    radius = min(10.0, area.height / 4)
    return f'<rect {_area(area)} rx="{_n(radius)}" fill="{fill}" stroke="{edge}" stroke-width="{_n(width)}"/>'


def _text(label: Label, colour: str | None = None) -> str:
    ink = colour or (INK if label.role in ("title", "name") else QUIET)
    weight = ' font-weight="600"' if label.bold else ""
    anchor = ' text-anchor="middle"' if label.centred else ""
    whole = f"<title>{escape(label.whole)}</title>" if label.whole is not None else ""
    return (
        f'<text x="{_n(label.x)}" y="{_n(label.y)}" font-size="{_n(label.size)}"{weight}{anchor} fill="{ink}">'
        f"{whole}{escape(label.text)}</text>"
    )


def _area(area: Rectangle) -> str:
    return f'x="{_n(area.x)}" y="{_n(area.y)}" width="{_n(area.width)}" height="{_n(area.height)}"'


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
