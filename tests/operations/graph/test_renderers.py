"""SVG, Mermaid and text, each in the form that its readers demand."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from fedml_infra.operations.graph.mermaid import mermaid
from fedml_infra.operations.graph.svg import COLOURS, svg
from fedml_infra.operations.graph.text import COLUMNS, text
from tests.operations.graph.graphs import graph

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "<b>&\"'#;end"


def parsed(number: int, name: str = "cardio") -> ElementTree.Element:
    return ElementTree.fromstring(svg(graph(number, name=name)))


@pytest.mark.parametrize("number", [0, 1, 3, 10, 30, 60])
def test_the_svg_is_xml_with_a_box_for_every_node(number: int) -> None:
    root = parsed(number)
    assert root.tag == f"{SVG}svg"
    assert len(root.findall(f"{SVG}g")) == number + 1
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"


def test_names_cannot_break_out_of_the_svg() -> None:
    root = parsed(3, NASTY)
    assert root.findall(f".//{SVG}b") == []
    assert NASTY in [each.text for each in root.iter(f"{SVG}text")]


def test_a_shortened_name_can_be_read_whole_in_its_title() -> None:
    titles = [each.text for each in parsed(5).findall(f".//{SVG}text/{SVG}title")]
    assert f"W{'w' * 64}-4" in titles


def test_the_svg_brings_nothing_in_from_elsewhere_and_runs_nothing() -> None:
    document = svg(graph(10))
    assert not re.search(r"href|<script|<style|@import|url\(|on\w+=", document)


def test_each_kind_of_node_has_its_colour_and_its_heads() -> None:
    drawn = parsed(3).findall(f"{SVG}g")[1:]
    # Both, publish, receive: heads at both ends, one, one.
    assert [len(each.findall(f"{SVG}polygon")) for each in drawn] == [2, 1, 1]
    colours = [each.find(f"{SVG}line").get("stroke") for each in drawn]  # type: ignore[union-attr]
    assert colours == [COLOURS["both"], COLOURS["publish"], COLOURS["receive"]]


def test_a_head_points_at_the_line_for_who_publishes_and_at_the_box_for_who_receives() -> None:
    _, publishing, receiving = parsed(3).findall(f"{SVG}g")[1:]

    def tip(drawn: ElementTree.Element) -> float:
        head = drawn.find(f"{SVG}polygon")
        assert head is not None
        return float((head.get("points") or "").split()[0].split(",")[1])

    # The box is below the line.
    assert tip(publishing) < tip(receiving)


def test_the_picture_describes_itself_to_who_cannot_see_it() -> None:
    root = parsed(3)
    assert root.get("role") == "img"
    assert "cardio" in (root.findtext(f"{SVG}title") or "")
    assert "is received by" in (root.findtext(f"{SVG}desc") or "")


def test_mermaid_quotes_every_label_and_links_every_node_once() -> None:
    lines = mermaid(graph(10)).splitlines()
    assert lines[:4] == ["---", lines[1], "---", "flowchart TB"]
    labels = [line for line in lines if re.match(r"\s+(subgraph|topic|node\d+)[\w\d]*[\[(]", line)]
    assert all(re.search(r'\[\(?\[?"[^"]*"\]?\)?\]$|\(\["[^"]*"\]\)$', line) for line in labels), labels
    links = [line for line in lines if re.search(r"-->\|", line)]
    assert len(links) == 10
    assert sum(line.startswith("  linkStyle") for line in lines) == 10
    assert lines.count("  end") == sum(line.startswith("  subgraph") for line in lines)


def test_mermaid_arrows_point_where_messages_go() -> None:
    lines = mermaid(graph(3)).splitlines()
    assert "  node0 <-->|publishes and receives| topic" in lines
    assert "  node1 -->|publishes| topic" in lines
    assert "  topic -->|receives| node2" in lines


def test_names_cannot_break_out_of_a_mermaid_label() -> None:
    made = mermaid(graph(1, name=NASTY))
    assert '"topic #lt;b#gt;&#quot;\'#35;;end<br/>us-isof-south-1"' in made


def test_mermaid_frames_the_hub_with_nodes_of_its_account() -> None:
    made = graph(1)
    same = replace(made, nodes=(replace(made.nodes[0], account=made.hub.account),))
    assert mermaid(same).count("subgraph") == 1


@pytest.mark.parametrize("number", [0, 1, 3, 10, 30, 60])
def test_the_text_keeps_to_eighty_columns(number: int) -> None:
    made = text(graph(number, name="c" * 70))
    assert max(map(len, made.splitlines())) <= COLUMNS
    assert len(re.findall(r"^[├└]", made, re.MULTILINE)) == number


def test_the_text_shows_who_publishes_and_who_receives() -> None:
    rows = [line for line in text(graph(3)).splitlines() if line[:1] in "├└" and line]
    assert [row[1:5] for row in rows] == ["◀──▶", "◀───", "───▶"]
    assert rows[0].endswith("own")
    assert "unknown region" in rows[1]
