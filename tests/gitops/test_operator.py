"""What is written for the Pulumi Kubernetes Operator, held to the operator's own definition of a Stack."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from fedml_infra.errors import ConfigurationError
from fedml_infra.gitops.operator import NAME_LIMIT, Wanted, common_resources, rendered, resource_name, stack_resource

REPOSITORY = "https://github.com/charite/federations"
DEFINITION = json.loads(Path(__file__).with_name("operator_stack_v1.json").read_text(encoding="utf-8"))


def strict(schema: Any) -> Any:
    """The definition as a JSON schema: a field that Kubernetes would drop in silence is a mistake here."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items() if not key.startswith("x-kubernetes")}
    if schema.get("x-kubernetes-int-or-string"):
        made["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and not open_ended:
        made["additionalProperties"] = False
    return made


def mistakes(resource: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft202012Validator(strict(DEFINITION["schema"]))
    return [each.message for each in validator.iter_errors(resource)]


EVERYTHING = Wanted(
    REPOSITORY,
    folder="infra",
    role_arn="arn:aws:iam::123456789012:role/federations",
    backend="s3://states",
    organization="charite",
    git_secret="git",
)


@pytest.mark.parametrize("wanted", [Wanted(REPOSITORY), EVERYTHING])
@pytest.mark.parametrize("provider", [None, "passphrase", "awskms://alias/fedml?region=eu-west-1"])
def test_it_is_as_the_operator_defines_it(wanted: Wanted, provider: str | None) -> None:
    assert mistakes(stack_resource("cardio", provider, wanted)) == []


@pytest.mark.parametrize("path", [("spec",), ("spec", "envRefs", "PULUMI_ACCESS_TOKEN"), ("spec", "workspaceTemplate")])
def test_the_definition_refuses_what_it_does_not_know(path: tuple[str, ...]) -> None:
    resource = stack_resource("cardio", None, Wanted(REPOSITORY))
    inner: Any = resource
    for key in path:
        inner = inner[key]
    inner["surprise"] = 1
    assert mistakes(resource)


def test_the_definition_refuses_what_lacks_its_stack() -> None:
    resource = stack_resource("cardio", None, Wanted(REPOSITORY))
    del resource["spec"]["stack"]
    assert mistakes(resource)


def test_the_extract_holds_no_sentence() -> None:
    def sentences(value: Any) -> bool:
        if isinstance(value, dict):
            return any(
                (key == "description" and isinstance(each, str)) or sentences(each) for key, each in value.items()
            )
        return isinstance(value, list) and any(map(sentences, value))

    assert not sentences(DEFINITION)
    assert DEFINITION["version"] in DEFINITION["source"]


def test_secrets_are_named_and_not_held() -> None:
    spec = stack_resource("cardio", None, Wanted(REPOSITORY))["spec"]
    assert {each["type"] for each in spec["envRefs"].values()} == {"Secret"}
    assert set(spec["envRefs"]) == {"PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE"}


def test_a_kms_key_and_a_bucket_need_no_secret() -> None:
    assert (
        "envRefs" not in stack_resource("cardio", "awskms://alias/fedml", Wanted(REPOSITORY, backend="s3://x"))["spec"]
    )


def test_deleting_the_resource_leaves_the_federation() -> None:
    assert stack_resource("cardio", None, Wanted(REPOSITORY))["spec"]["destroyOnFinalize"] is False


def test_what_the_operator_does_not_do_is_said() -> None:
    assert "does not rotate" in rendered([])


def test_the_text_says_what_the_resources_say() -> None:
    resources = [*common_resources(EVERYTHING), stack_resource("no", None, EVERYTHING)]
    assert list(YAML(typ="safe", pure=True).load_all(rendered(resources))) == resources


def test_what_kubernetes_would_not_read_as_text_is_quoted() -> None:
    assert 'name: "1e3"' in rendered([stack_resource("1e3", None, Wanted(REPOSITORY))])


def test_the_role_is_the_service_accounts() -> None:
    account, binding = common_resources(EVERYTHING)
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": EVERYTHING.role_arn}
    assert binding["roleRef"]["name"] == "system:auth-delegator"


@pytest.mark.parametrize("stack", ["cardio", "Cardio", "a_b", "a-b", "a--b", "-", "_", "x" * 74, "x" * 75, "1"])
def test_names_are_dns_labels(stack: str) -> None:
    name = resource_name(stack)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
    assert len(name) <= NAME_LIMIT


def test_names_are_each_stacks_own() -> None:
    stacks = ["cardio", "Cardio", "a_b", "a-b", "a--b", "a-b-", "-a-b", "-", "_", "x" * 73, "x" * 74]
    assert len({resource_name(stack) for stack in stacks}) == len(stacks)


@pytest.mark.parametrize(
    "given",
    [
        {"repository": "https://me:token@github.com/charite/federations"},
        {"repository": "https://token@github.com/charite/federations"},
        {"backend": "file:///states"},
        {"resync_seconds": 59},
        {"namespace": "No_Namespace"},
        {"secret": "-"},
    ],
)
def test_what_a_pod_could_not_use_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Wanted(**{"repository": REPOSITORY, **given})
    assert "token@" not in str(refused.value)
