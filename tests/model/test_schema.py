"""The committed JSON schema is in step, accepts the examples and refuses what it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from fedml_infra.model.rules import MEMBER_LIMITS
from fedml_infra.model.schema import json_schema, render
from fedml_infra.model.validation import KEYS, SECRETS

ROOT = Path(__file__).parents[2]

ADMINISTRATOR = """
# the administrator's: no aws_topic_arn, so this stack declares the hub
encryptionsalt: v1:...
config:
  aws:region: us-east-1
  fedml-infra:fed_name: cardio
  fedml-infra:sync_sched: m30
  fedml-infra:fed_secret_key: {secure: v1:...}
  fedml-infra:members:                    # other organisations' accounts
    - aws_id: "222222222222"
    - {aws_id: "333333333333", rights: [publish], nodes: [insel]}
  fedml-infra:nodes:                      # this organisation's own nodes
    - pid: charite
      s3_bucket: cardio-charite/updates
"""
JOINER = """
# a joining organisation's: aws_topic_arn instead of members
config:
  aws:region: eu-west-1
  fedml-infra:fed_name: cardio
  fedml-infra:sync_sched: m30
  fedml-infra:aws_topic_arn: arn:aws:sns:us-east-1:111111111111:cardio
  fedml-infra:fed_secret_key: {secure: v1:...}
  fedml-infra:nodes:
    - {pid: insel, s3_bucket: insel-fed, fed_local_type: gpu, account: {profile: insel-prod}}
"""


def refusals(text: str, **changes: Any) -> list[str]:
    document = YAML(typ="safe").load(text)
    for name, value in changes.items():
        document["config"][name.replace("__", ":")] = value
    return [error.message for error in jsonschema.Draft202012Validator(json_schema()).iter_errors(document)]


def ours(name: str) -> dict[str, Any]:
    described: dict[str, Any] = json_schema()["properties"]["config"]["properties"][f"fedml-infra:{name}"]
    return described


def test_the_committed_schema_is_in_step() -> None:
    """`make docs` writes it."""
    assert (ROOT / "stacks" / "schema.json").read_text(encoding="utf-8") == render()


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("text", [ADMINISTRATOR, JOINER])
def test_the_examples_are_valid(text: str) -> None:
    assert refusals(text) == []


def test_other_namespaces_are_free() -> None:
    assert refusals(ADMINISTRATOR, **{"other:anything": {"x": [1]}, "aws:profile": "x"}) == []


def test_bare_account_ids_are_valid() -> None:
    assert refusals(ADMINISTRATOR, **{"fedml-infra:members": [{"aws_id": 222222222222}]}) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fedml-infra:membrs", []),
        ("fed_name", "cardio"),
        ("fedml-infra:fed_name", "card io"),
        ("fedml-infra:sync_sched", "30m"),
        ("fedml-infra:fed_secret_key", "AAECAwQFBgcICQoLDA0ODw=="),
        ("fedml-infra:hub_key", "x"),
        ("fedml-infra:members", [{"aws_id": 2222}]),
        ("fedml-infra:members", [{"aws_id": "222222222222", "right": ["publish"]}]),
        ("fedml-infra:members", [{"aws_id": "222222222222", "rights": []}]),
        ("fedml-infra:members", [{"rights": ["publish"]}]),
        ("fedml-infra:nodes", [{"pid": "a"}]),
        ("fedml-infra:nodes", [{"pid": "a", "s3_bucket": "A"}]),
        ("fedml-infra:nodes", [{"pid": "a", "s3_bucket": "abc", "account": {}}]),
        ("fedml-infra:nodes", [{"pid": "a", "s3_bucket": "abc", "account": {"profile": "x", "external_id": "abc"}}]),
        ("fedml-infra:protect", "yes"),
        ("fedml-infra:fed_epoch", 0),
        ("fedml-infra:tags", {"aws:x": "y"}),
        ("fedml-infra:tags", {"x": 1}),
        ("fedml-infra:aws_topic_arn", "arn:aws:sns:us-east-1:111111111111:cardio"),
        ("aws:region", "Frankfurt"),
    ],
)
def test_what_is_wrong_is_refused(key: str, value: object) -> None:
    assert refusals(ADMINISTRATOR, **{key: value})


def test_every_key_has_a_description() -> None:
    assert [name for name in KEYS if not ours(name).get("description")] == []


def test_a_default_is_what_one_would_write() -> None:
    assert (ours("retention")["default"], ours("topology")["default"]) == ("d14", "decentralized")
    assert (ours("protect")["default"], ours("tags")["default"], ours("fed_epoch")["default"]) == (False, {}, 1)


def test_every_example_is_valid_against_its_own_schema() -> None:
    whole = json_schema()
    definitions = [whole["properties"]["config"], *whole["$defs"].values()]
    for definition in definitions:
        for name, described in definition["properties"].items():
            validator = jsonschema.Draft202012Validator({**described, "$defs": whole["$defs"]})
            for example in described.get("examples", []):
                assert [error.message for error in validator.iter_errors(example)] == [], name


def test_secrets_are_objects_with_secure() -> None:
    assert {name: ours(name)["required"] for name in SECRETS} == {name: ["secure"] for name in SECRETS}


def test_the_limit_of_members_is_stated() -> None:
    assert ours("members")["maxItems"] == max(MEMBER_LIMITS.values())


def test_no_default_is_null() -> None:
    """A key that is not wanted is left out, not written as null."""
    assert '"default": null' not in render()
    assert '{"type": "null"}' not in json.dumps(json_schema())
