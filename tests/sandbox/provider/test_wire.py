"""Wire values and comparing, without a provider around them."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import struct_pb2

from fedml_infra.sandbox.provider.comparing import changed_names, same
from fedml_infra.sandbox.provider.kinds import KINDS
from fedml_infra.sandbox.provider.sdk_shape import shape
from fedml_infra.sandbox.provider.wire import OUTPUT, RESOURCE, SECRET, SIGNATURE, UNKNOWN, dump, has_unknown, load

QUEUE = KINDS["aws:sqs/queue:Queue"]
LIFECYCLE = KINDS["aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"]


def struct(value: dict[str, Any]) -> struct_pb2.Struct:
    out = struct_pb2.Struct()
    out.update(value)
    return out


def test_values_go_there_and_back() -> None:
    properties = {"a": "x", "n": 3, "f": 1.5, "b": True, "l": [1, {"k": "v"}], "u": UNKNOWN, "d": {"e": []}}
    assert load(dump(properties, {"a"})) == (properties, {"a"})


def test_nulls_are_left_out_at_any_depth() -> None:
    assert load(struct({"a": None, "b": {"c": None, "d": 1}}))[0] == {"b": {"d": 1}}


def test_secrets_and_outputs_inside_are_unwrapped_and_noticed() -> None:
    secret = {SIGNATURE: SECRET, "value": "s"}
    output = {SIGNATURE: OUTPUT, "value": "o", "secret": True}
    plain_output = {SIGNATURE: OUTPUT, "value": secret}
    unknown_output = {SIGNATURE: OUTPUT}
    found = load(struct({"a": [secret], "b": {"c": output}, "d": plain_output, "e": unknown_output, "f": "x"}))
    assert found == ({"a": ["s"], "b": {"c": "o"}, "d": "s", "e": UNKNOWN, "f": "x"}, {"a", "b", "d"})


def test_a_resource_reference_is_its_id() -> None:
    assert load(struct({"a": {SIGNATURE: RESOURCE, "urn": "u", "id": "i"}, "b": {SIGNATURE: RESOURCE}}))[0] == {
        "a": "i",
        "b": UNKNOWN,
    }


def test_an_unknown_is_found_at_any_depth() -> None:
    assert has_unknown({"a": [{"b": UNKNOWN}]})
    assert not has_unknown({"a": [{"b": ""}]})


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ('{"a": ["x"], "b": 1}', '{"b":"1","a":"x"}', True),
        ('{"a": ["x", "y"]}', '{"a": ["y", "x"]}', True),
        ('{"a": true}', '{"a": "true"}', True),
        ('{"a": ["x", "y"]}', '{"a": ["x"]}', False),
        ('{"a": "x"}', '{"a": "X"}', False),
        ("{", "{}", False),
        ("", "{}", True),
    ],
)
def test_documents_are_compared_by_meaning(one: str, other: str, expected: bool) -> None:
    assert same(QUEUE, "policy", one, other) is expected


def test_an_unknown_is_never_the_same() -> None:
    assert not same(QUEUE, "policy", UNKNOWN, UNKNOWN)


def test_empty_members_of_blocks_mean_nothing_and_the_order_of_a_set_neither() -> None:
    one, two = {"id": "a", "filter": {"prefix": ""}}, {"id": "b", "expiration": {"days": 0}}
    assert same(LIFECYCLE, "rules", [one, two], [{"id": "b"}, {"id": "a"}])
    assert not same(LIFECYCLE, "rules", [one], [two])


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ({}, {"delaySeconds": 0}, set()),
        ({"delaySeconds": 0}, {}, set()),
        ({"delaySeconds": 3}, {}, {"delaySeconds"}),
        ({"sqsManagedSseEnabled": True}, {}, set()),
        ({}, {"sqsManagedSseEnabled": True}, {"sqsManagedSseEnabled"}),
        ({"policy": "{}"}, {}, set()),
        ({"__defaults": ["name"]}, {}, set()),
        ({}, {"maxMessageSize": 1_048_576}, set()),
    ],
)
def test_a_default_is_the_same_as_nothing(old: dict[str, Any], new: dict[str, Any], names: set[str]) -> None:
    assert changed_names(QUEUE, old, new) == names


@pytest.mark.parametrize("type_", KINDS)
def test_every_declared_property_is_the_sdk_s(type_: str) -> None:
    kind, known = KINDS[type_], shape(type_)
    assert kind.all_inputs <= known.inputs
    assert known.required <= kind.all_inputs
    assert kind.regional == ("region" in known.inputs)
    everything = known.inputs | known.outputs
    for named in (kind.replaces, kind.documents, kind.sets, kind.defaults.keys(), kind.local.keys(), kind.secret):
        assert set(named) <= everything
    for named in (kind.computed, kind.untold, kind.volatile, kind.derived.keys()):
        assert set(named) <= everything
    assert kind.name is None or kind.name in kind.inputs


@pytest.mark.parametrize("type_", KINDS)
def test_every_input_that_does_not_replace_can_be_updated(type_: str) -> None:
    kind = KINDS[type_]
    assert kind.update is not None or kind.inputs == kind.replaces
