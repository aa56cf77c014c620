"""The picture's geometry: nothing lies on anything else, at any size."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest

from fedml_infra.operations.graph.layout import Label, Layout, Rectangle, layout
from fedml_infra.operations.graph.words import fitted, shortened, width_of
from tests.operations.graph.graphs import graph

SIZES = range(61)
LONG = "c" * 70


@pytest.fixture(scope="module")
def layouts() -> dict[tuple[int, bool], Layout]:
    return {(number, own): layout(graph(number, own=own, name=LONG)) for number in SIZES for own in (True, False)}


def test_no_two_labels_overlap(layouts: dict[tuple[int, bool], Layout]) -> None:
    for size, placed in layouts.items():
        areas = [label.area for label in placed.labels]
        assert not [pair for pair in combinations(areas, 2) if pair[0].overlaps(pair[1])], size


def test_no_two_boxes_overlap(layouts: dict[tuple[int, bool], Layout]) -> None:
    for size, placed in layouts.items():
        boxes = [placed.hub, *(node.box for node in placed.nodes), *(key.sample for key in placed.legend)]
        assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])], size


def test_every_label_of_a_node_is_inside_its_box(layouts: dict[tuple[int, bool], Layout]) -> None:
    for size, placed in layouts.items():
        assert all(placed.hub.holds(label.area) for label in placed.hub_labels), size
        for node in placed.nodes:
            assert all(node.box.holds(label.area) for label in node.labels), (size, node)


def test_no_label_outside_a_box_lies_on_one(layouts: dict[tuple[int, bool], Layout]) -> None:
    for size, placed in layouts.items():
        outside = [*placed.head, *(key.label for key in placed.legend)]
        boxes = [placed.hub, *(node.box for node in placed.nodes), *(key.sample for key in placed.legend)]
        assert not [(label, box) for label in outside for box in boxes if label.area.overlaps(box)], size


def test_no_line_runs_through_a_box_or_a_label(layouts: dict[tuple[int, bool], Layout]) -> None:
    for size, placed in layouts.items():
        areas = [placed.hub, *(node.box for node in placed.nodes), *(label.area for label in placed.labels)]
        for (x1, y1), (x2, y2) in placed.segments:
            thin = Rectangle(min(x1, x2), min(y1, y2), max(abs(x1 - x2), 1e-9), max(abs(y1 - y2), 1e-9))
            assert not [area for area in areas if area.overlaps(thin)], size


def test_everything_is_on_the_canvas(layouts: dict[tuple[int, bool], Layout]) -> None:
    for size, placed in layouts.items():
        canvas = Rectangle(0, 0, placed.width, placed.height)
        parts = [placed.hub, *(node.box for node in placed.nodes), *(label.area for label in placed.labels)]
        assert all(canvas.holds(part) for part in parts), size


def test_every_node_hangs_on_the_topic_s_line(layouts: dict[tuple[int, bool], Layout]) -> None:
    for size, placed in layouts.items():
        strokes = [pair for stroke in placed.lines for pair in pairwise(stroke)]
        for node in placed.nodes:
            x, y = node.link.line
            on = [
                (start, end)
                for start, end in strokes
                if min(start[0], end[0]) <= x <= max(start[0], end[0])
                and min(start[1], end[1]) <= y <= max(start[1], end[1])
            ]
            assert on, (size, node)


def test_the_proportions_are_those_of_a_slide(layouts: dict[tuple[int, bool], Layout]) -> None:
    wide = {size: placed.width / placed.height for size, placed in layouts.items() if size[0] > 4}
    assert all(1.2 < ratio < 2.6 for ratio in wide.values()), wide


def test_the_topic_is_in_the_middle_and_the_nodes_are_balanced(layouts: dict[tuple[int, bool], Layout]) -> None:
    placed = layouts[30, True]
    assert placed.hub.centre == placed.width / 2
    left = sum(node.box.centre < placed.width / 2 for node in placed.nodes)
    assert left == 15


def test_a_joiner_s_legend_has_no_other_organisations() -> None:
    assert len(layout(graph(3, own=False)).legend) == len(layout(graph(3)).legend) - 1


def test_a_label_that_was_shortened_keeps_the_whole_text() -> None:
    labels = [label for label in layout(graph(5, name=LONG)).labels if label.whole is not None]
    assert {label.whole for label in labels} >= {f"topic {LONG}"}
    assert all(label.text.endswith("…") and label.text[:-1] in (label.whole or "") for label in labels)


def test_a_centred_label_s_area_is_around_its_middle() -> None:
    area = Label("abc", 100, 50, 12, centred=True).area
    assert area.centre == 100


def test_what_fits_is_not_shortened_and_what_does_not_is() -> None:
    assert fitted("charite", 200, 12) == "charite"
    cut = fitted("charite" * 9, 100, 12)
    assert cut.startswith("charite")
    assert width_of(cut, 12) <= 100
    assert shortened("charite", 7) == "charite"
    assert shortened("charite", 6) == "chari…"
