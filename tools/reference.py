"""Writes docs/reference/ from the commands themselves and the schema of a stack file.

python tools/reference.py          write it (part of `make docs`)
python tools/reference.py --check  exit 1 where a file is out of step
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from cli.describe import ENVIRONMENT, PROGRAM, Description, describe  # noqa: E402
from cli.man import page  # noqa: E402
from fedml_infra.model.schema import json_schema  # noqa: E402
from tools.rest_reference import rest  # noqa: E402

FOLDER = ROOT / "docs" / "reference"
MADE = "<!-- made by `make docs`; do not edit -->"


def files() -> dict[str, str]:
    """The text of every generated file, by its name in docs/reference/."""
    return {
        "commands.md": commands(),
        "rest.md": "\n".join([MADE, *rest()]) + "\n",
        "stack-file.md": stack_file(json_schema()),
        f"{PROGRAM}.1": page(),
    }


def commands() -> str:
    """The reference of all commands, in Markdown."""
    first, *others = describe()
    lines = [MADE, "# Commands", "", *_paragraphs(first), "", *_table("Option", first), ""]
    lines += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in first.exits]
    lines += ["", "## Environment", "", "| variable | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {_cell(meaning)} |" for name, meaning in ENVIRONMENT.items()]
    for command in others:
        lines += ["", f"## {command.path}", "", f"`{command.usage}`", "", *_paragraphs(command)]
        if command.parameters:
            lines += ["", *_table("Option", command)]
        if command.examples:
            lines += ["", "```sh", *(f"{line}  # {purpose}" for purpose, line in command.examples), "```"]
        if command.exits:
            lines += ["", "Exit codes: " + ", ".join(f"{code} {meaning}" for code, meaning in command.exits) + "."]
    return "\n".join(lines) + "\n"


def stack_file(schema: Mapping[str, Any]) -> str:
    """The reference of a stack file's keys, in Markdown."""
    config = _resolved(schema["properties"]["config"], schema)
    lines = [MADE, "# The stack file", ""]
    lines += [
        "`stacks/Pulumi.<fed_name>.yaml`: one organisation's part in one federation. Keys stand under `config:`.",
        "",
    ]
    lines += ["| key | value | meaning |", "|---|---|---|"]
    lines += [f"| {cells} |" for cells in _keys("", config, schema)]
    return "\n".join(lines) + "\n"


def _keys(prefix: str, mapping: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    needed = set(mapping.get("required", ()))
    for name, given in mapping.get("properties", {}).items():
        entry = _resolved(given, schema)
        path = f"{prefix}{name}"
        default = entry.get("default", given.get("default"))
        told = (
            "; needed"
            if name in needed
            else f"; default `{json.dumps(default)}`"
            if default not in (None, [], {})
            else ""
        )
        text = given.get("description") or entry.get("description") or ""
        yield f"`{path}` | {_cell(_kind(entry, schema) + told)} | {_cell(text)}"
        inner = _resolved(entry.get("items", {}), schema)
        if inner.get("properties"):
            yield from _keys(f"{path}[].", inner, schema)
        elif _mapping(entry, schema).get("properties"):
            yield from _keys(f"{path}.", _mapping(entry, schema), schema)


def _kind(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "enum" in entry:
        return ", ".join(f"`{word}`" if isinstance(word, str) else f"`{json.dumps(word)}`" for word in entry["enum"])
    if "anyOf" in entry:
        kinds = [_kind(_resolved(option, schema), schema) for option in entry["anyOf"] if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if entry.get("type") == "object" and set(entry.get("properties", {})) == {"secure"}:
        return "secret, as `{secure: …}`"
    if entry.get("type") == "array":
        return f"list of {_kind(_resolved(entry.get('items', {}), schema), schema)}"
    words = {"string": "text", "object": "mapping", "integer": "whole number", "boolean": "true or false"}
    kind = words.get(str(entry.get("type")), "text")
    return f"{kind} `{entry['pattern']}`" if "pattern" in entry else kind


def _mapping(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    for option in [entry, *entry.get("anyOf", ())]:
        resolved = _resolved(option, schema)
        if resolved.get("properties") and set(resolved["properties"]) != {"secure"}:
            return resolved
    return {}


def _resolved(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in entry:
        found: Any = schema
        for part in entry["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        entry = {**found, **{key: value for key, value in entry.items() if key != "$ref"}}
    return entry


def _paragraphs(command: Description) -> list[str]:
    lines: list[str] = []
    for paragraph in command.text:
        lines += ["", "```sh", paragraph[1:], "```"] if paragraph.startswith("\n") else ["", paragraph]
    return lines[1:]


def _table(heading: str, command: Description) -> list[str]:
    rows = [f"| `{_cell(parameter.spelling)}` | {_cell(parameter.help)} |" for parameter in command.parameters]
    return [f"| {heading.lower()} | meaning |", "|---|---|", *rows]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    stale = []
    for name, text in files().items():
        path = FOLDER / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and "--check" in arguments:
        print(f"docs/reference is out of step: {', '.join(stale)}. Run `make docs`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
