"""The emulated types against the official provider's schema, and against the SDK that wraps it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.sandbox.provider.kinds import KINDS
from fedml_infra.sandbox.provider.sdk_shape import shape

PARITY = Path(__file__).parents[3] / "tools" / "provider_parity"
OFFICIAL: dict[str, Any] = json.loads((PARITY / "official.json").read_text())["types"]
REPLACEMENT: dict[str, Any] = json.loads((PARITY / "replacement.json").read_text())["types"]

NAMED_BY_PULUMI = {"aws:ssm/parameter:Parameter": {"name"}}
"""Required there; here Pulumi makes a name up."""

ONLY_IN_THE_SDK = {
    # Newer than the extract.
    "aws:sns/topic:Topic": {"maximumMessageSize"},
    "aws:s3/bucket:Bucket": {"bucketNamespace"},
    "aws:iam/policy:Policy": {"delayAfterPolicyCreationInMs"},
    # A block of every resource there.
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {"timeouts"},
}

REPORTED = {"value", "insecureValue"}
"""Computed there, as each may come from the other; here an import reports the one that there is."""

each_kind = pytest.mark.parametrize("type_", KINDS)


def test_every_type_is_in_both_files() -> None:
    assert OFFICIAL.keys() == KINDS.keys()
    assert REPLACEMENT.keys() == KINDS.keys()


@each_kind
def test_what_is_required_is_the_same_in_the_sdk(type_: str) -> None:
    assert set(OFFICIAL[type_]["required"]) - NAMED_BY_PULUMI.get(type_, set()) == shape(type_).required


@each_kind
def test_the_sdk_has_just_the_official_arguments(type_: str) -> None:
    official = {*OFFICIAL[type_]["required"], *OFFICIAL[type_]["optional"]}
    assert official | ONLY_IN_THE_SDK.get(type_, set()) == shape(type_).inputs


@each_kind
def test_what_only_aws_sets_is_the_same_in_the_sdk(type_: str) -> None:
    assert set(OFFICIAL[type_]["computed"]) == shape(type_).outputs - {"tagsAll"}


@each_kind
def test_just_what_replaces_there_replaces_here(type_: str) -> None:
    kind = KINDS[type_]
    assert set(REPLACEMENT[type_]["replaces"]) & kind.inputs == kind.replaces


@each_kind
def test_just_what_is_optional_and_computed_there_is_so_here(type_: str) -> None:
    kind = KINDS[type_]
    official = set(REPLACEMENT[type_]["computed"]) - REPORTED
    assert official & (kind.inputs | {"arn"}) == kind.computed


@each_kind
def test_the_hand_read_file_speaks_of_arguments_that_there_are(type_: str) -> None:
    entry = REPLACEMENT[type_]
    assert {*entry["replaces"], *entry["computed"]} <= shape(type_).inputs
