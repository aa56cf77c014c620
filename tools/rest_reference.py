"""The reference of the REST service, from its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, cast

from fedml_infra.rest.app import create_app
from fedml_infra.rest.documents import map_name
from fedml_infra.rest.service import Service

EVERYWHERE = ("408", "413", "429", "500")


def rest() -> list[str]:
    """The lines of the page, without its mark."""
    # Only an app that serves needs a service.
    document = create_app(cast("Service", SimpleNamespace(metrics=None))).openapi()
    operations = [
        (f"{verb.upper()} {path}", operation)
        for path, each in document["paths"].items()
        for verb, operation in each.items()
    ]
    lines = ["# The REST service", "", *_paragraphs(document["info"]["description"]), ""]
    lines += ["How bodies are encrypted and requests signed is told in [wire formats](wire-formats.md).", ""]
    lines += ["## Answers of every call", "", "| status | statusString |", "|---|---|"]
    signed = dict(operations)["GET /symetry/rest/{cid}/jobs"]["responses"]
    lines += [f"| {status} | {_strings(said)} |" for status, said in sorted(signed.items()) if status != "200"]
    schemas = document["components"]["schemas"]
    for name, operation in operations:
        lines += ["", f"## {name}", "", *_paragraphs(operation["description"])]
        lines += _keys(schemas.get(map_name(operation["operationId"])))
        lines += _parameters(operation.get("parameters", ()))
        lines += _answers(operation["responses"], signed if operation.get("security") else {})
    return lines


def _keys(schema: Mapping[str, Any] | None) -> list[str]:
    if schema is None:
        return []
    needed = [f"`{key}`" for key in schema["required"]]
    others = [f"`{key}`" for key in schema["properties"] if key not in schema["required"]]
    lines = ["", f"Keys of the body's map: {', '.join(needed)}" + (f"; and {', '.join(others)}." if others else ".")]
    return lines + (["", schema["description"]] if schema.get("description") else [])


def _parameters(given: Iterable[Mapping[str, Any]]) -> list[str]:
    rows = [
        f"| {each['in']} | `{each['name']}` | {each.get('description', '')} |" for each in given if each["in"] != "path"
    ]
    return ["", "| where | name | meaning |", "|---|---|---|", *rows] if rows else []


def _answers(given: Mapping[str, Any], everywhere: Mapping[str, Any]) -> list[str]:
    rows = []
    for status, said in sorted(given.items()):
        more = [text for text in _texts(said) if text not in _texts(everywhere.get(status, {})) or status == "200"]
        if more and status not in EVERYWHERE:
            rows.append(f"| {status} | {_cell('; '.join(more))} | {_values(said)} |")
    return ["", "| status | statusString | values |", "|---|---|---|", *rows] if rows else []


def _texts(said: Mapping[str, Any]) -> list[str]:
    content = next(iter(said.get("content", {}).values()), {})
    return list(content.get("examples", {})) or [said.get("description", "")]


def _strings(said: Mapping[str, Any]) -> str:
    return _cell("; ".join(_texts(said)))


def _values(said: Mapping[str, Any]) -> str:
    content = next(iter(said.get("content", {}).values()), {})
    examples = [each["value"]["values"] for each in content.get("examples", {}).values()]
    return ", ".join(f"`{name}`" for name in (examples[0] if examples else {}))


def _paragraphs(text: str) -> list[str]:
    return text.strip().splitlines()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
