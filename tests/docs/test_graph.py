"""The graph that the documentation shows is the one that the command draws of the stack file above it.

Run as a program, it writes page and picture anew.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from fedml_infra.engine.stack_files import StackFile
from fedml_infra.operations.graph.graph import Graph, graph_of
from fedml_infra.operations.graph.svg import svg
from fedml_infra.operations.graph.text import text
from tests.docs.pages import ROOT, Block, blocks

PAGE = ROOT / "docs" / "how-to" / "see-the-federation.md"
PICTURE = ROOT / "docs" / "images" / "graph.svg"
OWN = "111111111111"


def shown(folder: Path) -> Graph:
    """The graph of the page's stack file."""
    (file,) = (block.text for block in blocks(PAGE) if block.language == "yaml")
    path = folder / "Pulumi.cardio.yaml"
    path.write_text(file, encoding="utf-8")
    config = StackFile.read(path).validated()
    return graph_of(config, account=OWN, node_accounts={node.pid: OWN for node in config.nodes})


def block() -> Block:
    (found,) = (each for each in blocks(PAGE) if each.info == "graph")
    return found


def test_the_text_is_the_command_s(tmp_path: Path) -> None:
    assert block().text == text(shown(tmp_path)), f"run `python {Path(__file__).relative_to(ROOT)}`"


def test_the_picture_is_the_command_s(tmp_path: Path) -> None:
    assert PICTURE.read_text(encoding="utf-8") == svg(shown(tmp_path)), (
        f"run `python {Path(__file__).relative_to(ROOT)}`"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        made = shown(Path(scratch))
    PICTURE.write_text(svg(made), encoding="utf-8")
    PAGE.write_text(PAGE.read_text(encoding="utf-8").replace(block().text, text(made)), encoding="utf-8")
