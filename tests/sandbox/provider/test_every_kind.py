"""Every resource type through its whole life, one fact a test."""

from __future__ import annotations

import pytest
from pulumi.runtime.proto import provider_pb2

from fedml_infra.sandbox.provider.kinds import KINDS
from fedml_infra.sandbox.provider.wire import UNKNOWN, Props, visible
from tests.sandbox.provider.cases import CASES, REMOVED, Made
from tests.sandbox.provider.conftest import REGION, Lab
from tests.sandbox.provider.driver import Resource

SOME, NONE = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE

each_kind = pytest.mark.parametrize("type_", KINDS)


def made(lab: Lab, type_: str) -> tuple[Made, Resource]:
    case = CASES[type_](lab)
    return case, lab.driver.create(type_, case.inputs)


def changed(inputs: Props, name: str, value: object) -> Props:
    out = {**inputs, name: value}
    if value is REMOVED:
        del out[name]
    return out


def test_every_kind_has_a_case() -> None:
    assert CASES.keys() == KINDS.keys()


@each_kind
def test_what_was_made_is_as_asked_for(lab: Lab, type_: str) -> None:
    case, resource = made(lab, type_)
    diff = lab.driver.diff(resource, case.inputs)
    assert (diff.changes, list(diff.diffs)) == (NONE, [])
    for name, value in case.inputs.items():
        assert resource.outputs[name] == value


@each_kind
def test_a_refresh_of_what_was_made_finds_nothing(lab: Lab, type_: str) -> None:
    case, resource = made(lab, type_)
    now = lab.driver.refresh(resource)
    assert now is not None
    assert visible(now.inputs) == case.inputs
    assert now.outputs == resource.outputs
    assert lab.driver.diff(now, case.inputs).changes == NONE


@each_kind
def test_each_property_that_may_change_is_updated_in_place(lab: Lab, type_: str) -> None:
    case, resource = made(lab, type_)
    for name, value in case.updates.items():
        if (type_, name) in lab.missing:
            continue
        wanted = changed(case.inputs, name, value)
        diff = lab.driver.diff(resource, wanted)
        assert (diff.changes, list(diff.diffs), list(diff.replaces)) == (SOME, [name], []), name
        after = lab.driver.update(resource, wanted)
        assert after.id == resource.id
        if value is not REMOVED:
            assert after.outputs[name] == value
        now = lab.driver.refresh(after)
        assert now is not None
        assert visible(now.inputs) == wanted, name
        assert lab.driver.diff(now, wanted).changes == NONE, name
        resource = lab.driver.update(after, case.inputs)
        back = lab.driver.refresh(resource)
        assert back is not None
        assert lab.driver.diff(back, case.inputs).changes == NONE, name


@each_kind
def test_each_property_that_replaces_says_so(lab: Lab, type_: str) -> None:
    case, resource = made(lab, type_)
    assert case.replaces
    for name, value in case.replaces.items():
        diff = lab.driver.diff(resource, changed(case.inputs, name, value))
        assert list(diff.replaces) == [name]


@each_kind
def test_the_properties_that_replace_and_update_are_all_tried(lab: Lab, type_: str) -> None:
    case = CASES[type_](lab)
    kind = KINDS[type_]
    prefixes = {"namePrefix", "bucketPrefix"}
    assert case.replaces.keys() | prefixes >= kind.replaces - {"fifoTopic", "fifoQueue"}
    assert not case.replaces.keys() - kind.replaces


@each_kind
def test_each_drift_is_seen_and_mended(lab: Lab, type_: str) -> None:
    case, resource = made(lab, type_)
    for name, drift in case.drifts.items():
        drift()
        now = lab.driver.refresh(resource)
        assert now is not None
        diff = lab.driver.diff(now, case.inputs)
        assert diff.changes == SOME, name
        assert name in diff.diffs
        assert not diff.replaces
        resource = lab.driver.update(now, case.inputs)
        mended = lab.driver.refresh(resource)
        assert mended is not None
        assert lab.driver.diff(mended, case.inputs).changes == NONE, name


@each_kind
def test_an_import_finds_all_that_was_asked_for(lab: Lab, type_: str) -> None:
    case, resource = made(lab, type_)
    found = lab.driver.import_(type_, resource.id)
    assert found is not None
    assert found.id == resource.id
    diff = lab.driver.diff(found, case.inputs)
    # What AWS does not know cannot be found there.
    assert set(diff.diffs) <= set(KINDS[type_].local)


@each_kind
def test_an_import_of_nothing_finds_nothing(lab: Lab, type_: str) -> None:
    _, resource = made(lab, type_)
    lab.driver.delete(resource)
    if type_ not in ALWAYS_THERE:
        assert lab.driver.import_(type_, resource.id) is None


ALWAYS_THERE = {
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
}
"""A bucket that once had versioning has it suspended for ever, and S3 always encrypts."""


@each_kind
def test_what_is_deleted_is_gone_and_may_be_deleted_again(lab: Lab, type_: str) -> None:
    _, resource = made(lab, type_)
    lab.driver.delete(resource)
    if type_ not in ALWAYS_THERE:
        assert lab.driver.refresh(resource) is None
    lab.driver.delete(resource)


@each_kind
def test_what_is_gone_behind_our_back_is_found_gone(lab: Lab, type_: str) -> None:
    case, resource = made(lab, type_)
    if case.remove is None:
        pytest.skip("S3 always encrypts: there is nothing to take away")
    case.remove()
    assert lab.driver.refresh(resource) is None
    lab.driver.delete(resource)


@each_kind
def test_a_preview_makes_nothing_and_knows_what_was_asked_for(lab: Lab, type_: str) -> None:
    case = CASES[type_](lab)
    before = lab.driver.preview(type_, case.inputs)
    for name, value in case.inputs.items():
        assert before[name] == value
    resource = lab.driver.create(type_, case.inputs)
    promised = {name for name, value in before.items() if value is UNKNOWN}
    assert promised <= resource.outputs.keys() | KINDS[type_].inputs
    known = {name: value for name, value in before.items() if value is not UNKNOWN and name in resource.outputs}
    assert {name: resource.outputs[name] for name in known} == known


@each_kind
def test_unknown_inputs_stay_unknown_in_a_preview_and_may_replace(lab: Lab, type_: str) -> None:
    case, resource = made(lab, type_)
    for name in KINDS[type_].replaces & case.inputs.keys():
        wanted = {**case.inputs, name: UNKNOWN}
        assert lab.driver.preview(type_, wanted)[name] is UNKNOWN
        assert list(lab.driver.diff(resource, wanted).replaces) == [name]


@each_kind
def test_a_secret_input_is_wrapped_again(lab: Lab, type_: str) -> None:
    case = CASES[type_](lab)
    resource = lab.driver.create(type_, case.inputs, secret=case.inputs)
    assert resource.secret >= case.inputs.keys()
    now = lab.driver.refresh(resource)
    assert now is not None
    assert now.secret >= case.inputs.keys()
    assert now.input_secret >= case.inputs.keys()


@pytest.mark.parametrize("type_", [t for t, kind in KINDS.items() if kind.regional])
def test_another_region_replaces(lab: Lab, type_: str) -> None:
    case, resource = made(lab, type_)
    assert resource.outputs["region"] == REGION
    assert lab.driver.diff(resource, {**case.inputs, "region": REGION}).changes == NONE
    assert list(lab.driver.diff(resource, {**case.inputs, "region": "us-west-2"}).replaces) == ["region"]


@pytest.mark.parametrize("type_", [t for t, kind in KINDS.items() if kind.regional])
def test_the_resource_s_region_is_used_from_a_provider_of_another(lab: Lab, type_: str) -> None:
    case = CASES[type_](lab)
    elsewhere = lab.provider(lab.account, region="us-west-2")
    inputs = {**case.inputs, "region": REGION}
    resource = elsewhere.create(type_, inputs)
    assert resource.outputs["region"] == REGION
    assert elsewhere.diff(resource, inputs).changes == NONE
    now = elsewhere.refresh(resource)
    assert now is not None
    assert visible(now.inputs) == inputs
    found = elsewhere.import_(type_, f"{resource.id}@{REGION}")
    assert found is not None
    assert found.id == resource.id
    assert set(elsewhere.diff(found, inputs).diffs) <= set(KINDS[type_].local)
    elsewhere.delete(resource)


@each_kind
def test_an_unknown_property_is_refused(lab: Lab, type_: str) -> None:
    from tests.sandbox.provider.driver import WrongInputsError

    case = CASES[type_](lab)
    with pytest.raises(WrongInputsError) as caught:
        lab.driver.check(type_, {**case.inputs, "nonsense": 1})
    assert caught.value.failures == {"nonsense": f"{type_} has no property nonsense"}
