"""SSM: Parameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from fedml_infra.sandbox.provider.context import Context
from fedml_infra.sandbox.provider.kind import Change, Kind, Mistake
from fedml_infra.sandbox.provider.kinds.shared import TAGS_ARE, retag, tag_dict, tag_list
from fedml_infra.sandbox.provider.lost_answers import made_once
from fedml_infra.sandbox.provider.refusals import AwsError, is_gone
from fedml_infra.sandbox.provider.wire import Props, has_unknown

SECURE = "SecureString"
MOST_CHARACTERS = {"Standard": 4096, "Advanced": 8192, "Intelligent-Tiering": 8192}

ARGUMENTS = {
    "Description": "description",
    "KeyId": "keyId",
    "Tier": "tier",
    "AllowedPattern": "allowedPattern",
    "DataType": "dataType",
}


def check_parameter(inputs: Props) -> Iterable[Mistake]:
    """What can be seen to be wrong without asking AWS."""
    kind = inputs.get("type")
    if not has_unknown(kind) and kind is not None and kind not in ("String", "StringList", SECURE):
        yield Mistake("type", f"expected type to be one of String, StringList, {SECURE}, got {kind}")
    if ("value" in inputs) == ("insecureValue" in inputs):
        yield Mistake("value", "exactly one of value and insecureValue is needed")
    if kind == SECURE and "insecureValue" in inputs:
        yield Mistake("insecureValue", f"a {SECURE} takes its value from `value`, which is kept secret")
    if not has_unknown(kind) and kind != SECURE and inputs.get("keyId"):
        yield Mistake("keyId", f"only a {SECURE} has a key")


def put(
    context: Context,
    inputs: Props,
    *,
    overwrite: bool,
    tags: dict[str, str],
    emptied: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """PutParameter. Tags can be given only where nothing is overwritten.

    `emptied` are arguments to send even where the inputs have none: what is left out stays as it was.
    """
    value = str(inputs["value"] if "value" in inputs else inputs["insecureValue"])
    tier = inputs.get("tier", "Standard")
    if len(value) > MOST_CHARACTERS.get(tier, 4096):
        raise AwsError(
            "PutParameter",
            "ValidationException",
            f"{tier} tier parameters support a maximum parameter value of {MOST_CHARACTERS.get(tier, 4096)} characters",
        )
    given: dict[str, Any] = dict(emptied)
    given |= {argument: inputs[name] for argument, name in ARGUMENTS.items() if inputs.get(name)}
    if tags and not overwrite:
        given["Tags"] = tag_list(tags)
    context.client("ssm").put_parameter(
        Name=inputs["name"], Value=value, Type=inputs["type"], Overwrite=overwrite, **given
    )


def create_parameter(context: Context, inputs: Props) -> str:
    """Make the parameter; one that is there is an error, unless `overwrite` says otherwise."""
    name, tags, overwrite = str(inputs["name"]), context.all_tags(inputs), bool(inputs.get("overwrite", False))

    def create() -> str:
        put(context, inputs, overwrite=overwrite, tags=tags)
        return name

    def ours(began: datetime) -> str | None:
        there = read_parameter(context, name, inputs)
        if there is None or there["version"] != 1 or there["tagsAll"] != tags:
            return None
        same = all(there.get(key) == inputs[key] for key in ("type", "value", "insecureValue") if key in inputs)
        return name if same and _last_modified(context, name) >= began else None

    return made_once(create, "ParameterAlreadyExists", ours)


def _last_modified(context: Context, name: str) -> datetime:
    moment: datetime = context.client("ssm").get_parameter(Name=name)["Parameter"]["LastModifiedDate"]
    return moment


def finish_parameter(context: Context, name: str, inputs: Props) -> None:
    """The tags of one that was overwritten."""
    if inputs.get("overwrite") and (tags := context.all_tags(inputs)):
        _tag(context, name, tags)


def read_parameter(context: Context, name: str, last: Props) -> Props | None:
    """The parameter as it is, decrypted. Its value is told as the one of the two properties that was asked for."""
    ssm = context.client("ssm")
    try:
        parameter = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
        filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
        found = [
            item
            for page in ssm.get_paginator("describe_parameters").paginate(ParameterFilters=filters)
            for item in page["Parameters"]
        ]
        tags = tag_dict(ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"])
    except Exception as error:
        if is_gone(error, "InvalidResourceId"):
            return None
        raise
    about = found[0] if found else {}
    in_the_open = "insecureValue" in last and parameter["Type"] != SECURE
    state = {
        "insecureValue" if in_the_open else "value": parameter["Value"],
        "name": name,
        "arn": parameter["ARN"],
        "type": parameter["Type"],
        "version": parameter["Version"],
        "description": about.get("Description", ""),
        "allowedPattern": about.get("AllowedPattern", ""),
        "tier": about.get("Tier", "Standard"),
        "dataType": parameter.get("DataType", "text"),
        "tagsAll": tags,
    }
    if parameter["Type"] == SECURE:
        state["keyId"] = about.get("KeyId") or "alias/aws/ssm"
    return state


def update_parameter(context: Context, name: str, change: Change) -> None:
    """A new version, if anything but tags changed."""
    if change.names - {"tags", "overwrite"}:
        emptied = {"Description": "", "AllowedPattern": ""} if change.names & {"description", "allowedPattern"} else {}
        put(context, change.new, overwrite=bool(change.new.get("overwrite", True)), tags={}, emptied=emptied)
    retag(context, change, lambda tags: _tag(context, name, tags), lambda keys: _untag(context, name, keys))


def _tag(context: Context, name: str, tags: dict[str, str]) -> None:
    context.client("ssm").add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tag_list(tags))


def _untag(context: Context, name: str, keys: list[str]) -> None:
    context.client("ssm").remove_tags_from_resource(ResourceType="Parameter", ResourceId=name, TagKeys=keys)


def delete_parameter(context: Context, name: str, state: Props) -> None:
    """Delete it."""
    del state
    context.client("ssm").delete_parameter(Name=name)


def cheaper_tier(old: Props, new: Props) -> Iterable[str]:
    """AWS does not take an advanced parameter back to standard."""
    if old.get("tier") == "Advanced" and new.get("tier") == "Standard":
        yield "tier"


KINDS = (
    Kind(
        type="aws:ssm/parameter:Parameter",
        inputs=frozenset(
            {"name", "type", "value", "insecureValue", "overwrite", "tags", *ARGUMENTS.values()},
        ),
        create=create_parameter,
        finish=finish_parameter,
        read=read_parameter,
        update=update_parameter,
        delete=delete_parameter,
        check=check_parameter,
        replaces=frozenset({"name", "dataType"}),
        must_replace=cheaper_tier,
        name="name",
        name_limit=1011,
        local={"overwrite": False, "hasValueWo": False},
        defaults={"description": "", "allowedPattern": ""},
        computed=frozenset({"keyId", "tier", "dataType", "arn"}),
        volatile=frozenset({"version"}),
        secret=frozenset({"value"}),
        derived={**TAGS_ARE, "arn": ("name",)},
    ),
)
