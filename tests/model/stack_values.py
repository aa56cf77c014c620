"""The two examples of a stack file, as plain values."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from fedml_infra.errors import ConfigurationError, Problem
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import validate

KEY = base64.b64encode(bytes(range(16))).decode()
PUBLIC_KEY = "A" * 43 + "="
TOPIC = "arn:aws:sns:us-east-1:111111111111:cardio"


def hub(**changes: Any) -> dict[str, Any]:
    """An administrator's values; `changes` by name in our namespace, `region` for aws:region, ... takes one out."""
    values = {
        "fed_name": "cardio",
        "sync_sched": "m30",
        "fed_secret_key": KEY,
        "members": [{"aws_id": "222222222222"}, {"aws_id": "333333333333", "rights": ["publish"], "nodes": ["usz"]}],
        "nodes": [{"pid": "charite", "s3_bucket": "cardio-charite/updates"}],
        "region": "us-east-1",
    }
    return full({**values, **changes})


def joiner(**changes: Any) -> dict[str, Any]:
    """A joining organisation's values."""
    values = {
        "fed_name": "cardio",
        "sync_sched": "m30",
        "fed_secret_key": KEY,
        "aws_topic_arn": TOPIC,
        "nodes": [{"pid": "insel", "s3_bucket": "insel-fed"}],
        "region": "eu-west-1",
    }
    return full({**values, **changes})


def node(pid: Any = "insel", **changes: Any) -> dict[str, Any]:
    """One entry of nodes, with a bucket of its own."""
    bucket = f"bucket-of-{pid.lower()}" if isinstance(pid, str) else "bucket"
    return {"pid": pid, "s3_bucket": bucket, **changes}


def full(values: Mapping[str, Any]) -> dict[str, Any]:
    names = {name: "aws:region" if name == "region" else f"fedml-infra:{name}" for name in values}
    return {names[name]: value for name, value in values.items() if value is not ...}


def config(values: Mapping[str, Any]) -> StackConfig:
    """The values, which must be right."""
    return validate(values, stack=None)


def problems(values: Mapping[str, Any], **more: Any) -> tuple[Problem, ...]:
    """All that is wrong with the values, which must be wrong."""
    with pytest.raises(ConfigurationError) as caught:
        validate(values, **{"stack": None, **more})
    return caught.value.problems


def only(values: Mapping[str, Any], **more: Any) -> Problem:
    """The one thing that is wrong with the values."""
    found = problems(values, **more)
    assert len(found) == 1, found
    return found[0]
