"""Every stack file that the documentation shows is one that the model and the schema accept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from fedml_infra.engine.stack_files import StackFile
from fedml_infra.errors import ConfigurationError
from tests.docs.pages import ROOT, blocks, files_in, pages

SECRET = "  fedml-infra:fed_secret_key: {secure: v1:added-by-a-command}\n"


def examples() -> list[tuple[str, str]]:
    """Where, and the text of each stack file: yaml blocks with a configuration, and files that shell blocks write."""
    found: list[tuple[str, str]] = []
    for page in pages():
        # Where the page sets the key with a command, the file has it afterwards.
        sets_key = "config set --secret fed_secret_key" in page.read_text(encoding="utf-8")
        texts = [(str(block), block.text) for block in blocks(page) if block.language == "yaml"]
        texts += [
            (f"{block} {name}", text)
            for block in blocks(page)
            for name, text in files_in(block)
            if Path(name).name.startswith("Pulumi.") and Path(name).name != "Pulumi.yaml"
        ]
        for where, text in texts:
            if re.search(r"^config:$", text, re.MULTILINE):
                complete = text.rstrip("\n") + "\n"
                if sets_key and "fed_secret_key" not in text:
                    complete += SECRET
                found.append((where, complete))
    return found


def test_there_are_stack_files_to_look_at() -> None:
    assert len(examples()) >= 8


@pytest.mark.parametrize(("where", "text"), examples(), ids=[where for where, _ in examples()])
def test_stack_file_is_valid(where: str, text: str, tmp_path: Path) -> None:
    name = re.search(r"fed_name: (\S+)", text)
    assert name is not None, where
    path = tmp_path / f"Pulumi.{name[1]}.yaml"
    path.write_text(text, encoding="utf-8")
    assert StackFile.read(path).validated().fed_name == name[1]


@pytest.mark.parametrize(("where", "text"), examples(), ids=[where for where, _ in examples()])
def test_stack_file_fits_the_schema(where: str, text: str) -> None:
    from ruamel.yaml import YAML

    schema = json.loads((ROOT / "stacks" / "schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(YAML(typ="safe").load(text), schema)


def test_a_wrong_stack_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.cardio.yaml"
    path.write_text(examples()[0][1].replace("sync_sched: m30", "sync_sched: 30m"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="sync_sched"):
        StackFile.read(path).validated()
