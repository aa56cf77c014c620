"""The generated reference is in step with the commands and the schema."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from cli.describe import describe
from cli.man import _safe, page

ROOT = Path(__file__).parent.parent.parent


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FILES: dict[str, str] = generator().files()


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_committed_file_is_what_make_docs_writes(name: str) -> None:
    assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == FILES[name], "run `make docs`"


def test_every_command_and_option_is_in_the_reference() -> None:
    text = FILES["commands.md"]
    for command in describe():
        assert not command.path or f"## {command.path}\n" in text
        for parameter in command.parameters:
            assert parameter.spelling.replace("|", "\\|") in text


def test_every_key_of_the_contract_is_in_the_reference() -> None:
    from fedml_infra.model.validation import KEYS

    for key in KEYS:
        assert f"`fedml-infra:{key}`" in FILES["stack-file.md"]
    for key in ("members[].rights", "nodes[].adopt_bucket", "nodes[].account.assume_role"):
        assert f"fedml-infra:{key}" in FILES["stack-file.md"]


def test_no_line_of_the_manual_page_is_taken_for_a_request() -> None:
    known = (".TH", ".SH", ".SS", ".PP", ".TP", ".B ", ".nf", ".fi", ".in", ".EX", ".EE")
    assert not [line for line in page().splitlines() if line.startswith((".", "'")) and not line.startswith(known)]


def test_text_that_roff_would_interpret_is_escaped() -> None:
    assert _safe(".SH x") == "\\&.SH x"
    assert _safe("a\\b -c") == "a\\eb \\-c"
    assert _safe("create …") == "create \\[u2026]"
