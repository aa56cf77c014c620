"""The JSON schema of a whole stack file, for editors and for pipelines.

`python -m fedml_infra.model.schema` writes `stacks/schema.json`. It describes each value; what must
hold between values only `validation.validate` can say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fedml_infra.model import fields
from fedml_infra.model.rules import MEMBER_LIMITS
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import KEYS, NAMESPACE, REGION_KEY, SECRETS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema of `Pulumi.<stack>.yaml`: our keys closed, other namespaces and the engine's own keys free."""
    generated = StackConfig.model_json_schema(mode="validation", ref_template="#/$defs/{model}")
    described = {name: _tidy(generated["properties"][name]) for name in KEYS}
    described["members"]["maxItems"] = max(MEMBER_LIMITS.values())
    described["retention"]["default"] = str(StackConfig.model_fields["retention"].default)
    described["tags"]["default"] = {}
    for name in SECRETS:
        described[name] = _secret_only(described[name])
    region = _tidy(generated["properties"]["region"])
    required = [REGION_KEY, *(NAMESPACE + name for name in KEYS if StackConfig.model_fields[name].is_required())]
    return {
        "$schema": DIALECT,
        "title": "A fedml-infra stack file",
        "description": "One organisation's part in one federation: stacks/Pulumi.<fed_name>.yaml",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {
                    REGION_KEY: region,
                    **{NAMESPACE + name: schema for name, schema in described.items()},
                },
                "required": required,
                # Other namespaces belong to others; a key of ours that is not above is a mistake.
                "patternProperties": {f"^(?!{NAMESPACE})[^:]+:.+$": True},
                "additionalProperties": False,
                "allOf": [_JOINER_OR_HUB],
            }
        },
        "required": ["config"],
        "$defs": {
            name: _tidy(definition)
            for name, definition in generated["$defs"].items()
            if name in {"Member", "Node", "AccountAccess"}
        },
    }


_JOINER_OR_HUB: dict[str, Any] = {
    "if": {"required": [NAMESPACE + "aws_topic_arn"]},
    "then": {
        "required": [NAMESPACE + "nodes"],
        "properties": {
            NAMESPACE + "members": {"maxItems": 0},
            NAMESPACE + "nodes": {"minItems": 1},
        },
    },
    "else": {"properties": {NAMESPACE + "hub_public_key": False}},
}


def render() -> str:
    """The schema as it is committed: indented JSON with a final newline."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _secret_only(schema: dict[str, Any]) -> dict[str, Any]:
    return {**{k: v for k, v in schema.items() if k in {"description", "examples"}}, **fields.SECRET_SCHEMA}


def _tidy(schema: Any) -> Any:
    """Without titles, which repeat the keys, and without null: a key that is not wanted is left out."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {key: _tidy(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
    if tidy.get("default", ...) is None:
        del tidy["default"]
    branches = tidy.get("anyOf")
    if branches and {"type": "null"} in branches:
        others = [branch for branch in branches if branch != {"type": "null"}]
        del tidy["anyOf"]
        tidy = {**others[0], **tidy} if len(others) == 1 else {**tidy, "anyOf": others}
    return tidy


if __name__ == "__main__":
    Path("stacks/schema.json").write_text(render(), encoding="utf-8")
