"""Automatic names."""

from __future__ import annotations

import re

import pytest
from pulumi.runtime.proto import provider_pb2

from tests.sandbox.provider.conftest import Lab
from tests.sandbox.provider.driver import WrongInputsError

QUEUE, BUCKET, ROLE = "aws:sqs/queue:Queue", "aws:s3/bucket:Bucket", "aws:iam/role:Role"
Options = provider_pb2.CheckRequest.AutonamingOptions


@pytest.mark.parametrize(
    ("type_", "inputs", "property_", "expected"),
    [
        (QUEUE, {}, "name", r"MyThing-[0-9a-f]{7}"),
        (QUEUE, {"namePrefix": "pre_"}, "name", r"pre_[0-9a-f]{7}"),
        (QUEUE, {"fifoQueue": True}, "name", r"MyThing-[0-9a-f]{7}\.fifo"),
        (BUCKET, {}, "bucket", r"mything-[0-9a-f]{7}"),
        (BUCKET, {"bucketPrefix": "pre-"}, "bucket", r"pre-[0-9a-f]{7}"),
    ],
)
def test_a_name_is_made_of_the_resource_s(
    lab: Lab, type_: str, inputs: dict[str, object], property_: str, expected: str
) -> None:
    found, _ = lab.driver.check(type_, inputs, name="MyThing", randomSeed=b"seed")
    assert re.fullmatch(expected, found[property_])
    assert found["__defaults"] == [property_]
    assert lab.driver.check(type_, inputs, name="MyThing", randomSeed=b"seed")[0] == found


@pytest.mark.parametrize(("type_", "property_", "limit"), [(QUEUE, "name", 80), (BUCKET, "bucket", 63)])
def test_a_long_name_is_cut_to_what_aws_takes(lab: Lab, type_: str, property_: str, limit: int) -> None:
    assert len(lab.driver.check(type_, {}, name="n" * 200)[0][property_]) == limit


def test_the_name_it_has_is_kept(lab: Lab) -> None:
    first = lab.driver.create(QUEUE, {})
    assert not lab.driver.diff(first, {}).diffs


def test_the_engine_s_proposal_is_taken(lab: Lab) -> None:
    options = Options(proposed_name="proposed", mode=Options.PROPOSE)
    assert lab.driver.check(QUEUE, {}, autonaming=options)[0]["name"] == "proposed"


def test_where_automatic_names_are_turned_off_a_name_is_needed(lab: Lab) -> None:
    with pytest.raises(WrongInputsError, match="automatic naming is turned off"):
        lab.driver.check(QUEUE, {}, autonaming=Options(mode=Options.DISABLE))


def test_a_name_that_was_asked_for_is_deleted_first_and_an_automatic_one_last(lab: Lab) -> None:
    automatic = lab.driver.create(QUEUE, {})
    assert not lab.driver.diff(automatic, {"fifoQueue": True}).deleteBeforeReplace
    named = lab.driver.create(QUEUE, {"name": lab.name})
    assert lab.driver.diff(named, {"name": lab.name, "region": "us-west-2"}).deleteBeforeReplace
    assert not lab.driver.diff(named, {"name": lab.name + "x"}).deleteBeforeReplace


def test_an_automatic_name_survives_a_refresh(lab: Lab) -> None:
    resource = lab.driver.create(QUEUE, {})
    now = lab.driver.refresh(resource)
    assert now is not None
    assert now.inputs == resource.inputs
    assert not lab.driver.diff(now, {}).diffs


@pytest.mark.parametrize(("type_", "flag"), [(QUEUE, "fifoQueue"), ("aws:sns/topic:Topic", "fifoTopic")])
def test_an_ordered_one_is_another_one(lab: Lab, type_: str, flag: str) -> None:
    resource = lab.driver.create(type_, {"name": f"{lab.name}.fifo", flag: True})
    assert list(lab.driver.diff(resource, {"name": lab.name}).replaces) == [flag, "name"]
