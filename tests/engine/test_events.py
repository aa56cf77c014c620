"""The engine's event log, read: lines as Pulumi 3.259.0 writes them."""

from __future__ import annotations

import json

from fedml_infra.engine.differences import PropertyChange
from fedml_infra.engine.events import EventKind, EventReader, label, short_type

STACK = "urn:pulumi:dev::tiny::pulumi:pulumi:Stack::tiny-dev"
QUEUE = "urn:pulumi:dev::tiny::fedml:index:Node$aws:sqs/queue:Queue::q"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}


def step(op, urn=QUEUE, kind="aws:sqs/queue:Queue", old=None, new=None, diff=None):
    return {"metadata": {"op": op, "urn": urn, "type": kind, "old": old, "new": new, "detailedDiff": diff}}


def read(*events, **options):
    told = []
    reader = EventReader(told.append, **options)
    for event in events:
        reader.line(event if isinstance(event, str) else json.dumps({"sequence": 0, "timestamp": 0, **event}))
    return reader, told


def test_what_is_no_event_is_passed_over():
    _, told = read("", "not json", "[]", '{"somethingNewEvent": {}}')
    assert told == []


def test_an_event_that_reads_otherwise_than_it_did_stops_nothing():
    reader, told = read({"resourcePreEvent": {}}, {"resOutputsEvent": None}, {"summaryEvent": {}})
    assert len(reader.diagnostics) == 2 and "could not be read" in reader.diagnostics[0].message
    assert told[-1].kind is EventKind.ENDED


def test_a_stacks_outputs_are_read_without_their_secrets():
    outputs = {"o": {"a": [1, 2]}, "s": SECRET}
    reader, _ = read({"resOutputsEvent": step("same", STACK, "pulumi:pulumi:Stack", new={"outputs": outputs})})
    assert reader.outputs == {"o": {"a": [1, 2]}, "s": "[secret]"}


def test_default_providers_are_not_told():
    urn = "urn:pulumi:dev::tiny::pulumi:providers:aws::default_7_51_1"
    reader, told = read({"resourcePreEvent": step("create", urn, "pulumi:providers:aws")})
    assert told == [] and reader.changes == {}


def test_a_provider_of_the_programs_own_is_told():
    urn = "urn:pulumi:dev::tiny::pulumi:providers:aws::insel"
    reader, _ = read({"resourcePreEvent": step("create", urn, "pulumi:providers:aws")})
    assert list(reader.changes) == [urn]


def test_progress_counts_what_is_done_and_names_what_is_not():
    ticks = iter(range(100))
    _, told = read(
        {"resourcePreEvent": step("create")},
        {"resOutputsEvent": step("create", new={})},
        expected=4,
        clock=lambda: float(next(ticks)),
    )
    assert told[0].progress.current == (QUEUE,) and told[0].progress.done == 0
    assert told[1].progress.current == () and (told[1].progress.done, told[1].progress.of) == (1, 4)
    assert told[1].progress.elapsed > told[0].progress.elapsed > 0


def test_a_components_second_event_is_told_once():
    _, told = read(
        {"resourcePreEvent": step("create")},
        {"resOutputsEvent": step("create", new={})},
        {"resOutputsEvent": step("create", new={})},
    )
    assert [event.kind for event in told] == [EventKind.RESOURCE_STARTED, EventKind.RESOURCE_DONE]


def test_a_change_is_told_by_property_with_both_values():
    reader, _ = read(
        {
            "resourcePreEvent": step(
                "update",
                old={"inputs": {"tags": {"a.b": "1"}, "n": [1, 2]}, "outputs": {"n": [1, 2], "tags": {"a.b": "9"}}},
                new={"inputs": {"tags": {"a.b": "2"}, "n": [1, 3]}},
                diff={
                    'tags["a.b"]': {"diffKind": "update", "inputDiff": False},
                    "n[1]": {"diffKind": "update", "inputDiff": True},
                },
            )
        }
    )
    assert reader.changes[QUEUE].properties == (
        PropertyChange("n[1]", "update", 2, 3),
        PropertyChange('tags["a.b"]', "update", "9", "2"),
    )


def test_where_the_provider_tells_no_details_the_inputs_are_compared():
    old, new = {"inputs": {"a": {"b.c": 1}, "k": 1}}, {"inputs": {"a": {"b.c": 2}, "m": SECRET}}
    reader, _ = read({"resourcePreEvent": step("update", old=old, new=new)})
    assert reader.changes[QUEUE].properties == (
        PropertyChange('a["b.c"]', "update", 1, 2),
        PropertyChange("k", "delete", 1, None),
        PropertyChange("m", "add", None, "[secret]"),
    )


def test_a_refresh_that_finds_the_same_changes_nothing():
    same = {"outputs": {"x": 1}}
    reader, _ = read(
        {"resourcePreEvent": step("refresh", old=same, new=same)},
        {"resOutputsEvent": step("refresh", old=same, new=same)},
    )
    assert not reader.changes[QUEUE].changes_something


def test_a_refresh_that_finds_something_else_is_an_update_and_nothing_a_deletion():
    reader, _ = read({"resOutputsEvent": step("refresh", old={"outputs": {"x": 1}}, new={"outputs": {"x": 2}})})
    assert reader.changes[QUEUE].op == "update"
    assert reader.changes[QUEUE].properties == (PropertyChange("x", "update", 1, 2),)
    reader, _ = read({"resOutputsEvent": step("refresh", old={"outputs": {"x": 1}})})
    assert reader.changes[QUEUE].op == "delete"


def test_after_a_look_at_what_is_there_only_what_is_then_done_counts():
    looked = {"resOutputsEvent": step("refresh", old={"outputs": {"x": 1}}, new={"outputs": {"x": 2}})}
    left = step("same", old={"inputs": {}}, new={"inputs": {}})
    reader, told = read(looked, {"resourcePreEvent": left}, {"resOutputsEvent": left})
    assert not reader.changes[QUEUE].changes_something
    assert [event.op for event in told if event.kind is EventKind.RESOURCE_DONE] == ["update", "same"]
    assert [event.progress.done for event in told] == [0, 0, 1]
    gone = {"resOutputsEvent": step("refresh", old={"outputs": {"x": 1}})}
    reader, _ = read(gone, {"resourcePreEvent": step("create", new={"inputs": {}})})
    assert reader.changes[QUEUE].op == "create"


def test_a_replacement_is_one_change():
    reader, _ = read(
        {"resourcePreEvent": step("create-replacement", old={}, new={})},
        {"resourcePreEvent": step("replace", old={}, new={})},
        {"resourcePreEvent": step("delete-replaced", old={})},
    )
    assert [change.op for change in reader.changes.values()] == ["replace"]


def test_a_failed_resource_is_told_with_what_was_said_about_it():
    reader, told = read(
        {"resourcePreEvent": step("create")},
        {"diagnosticEvent": {"urn": QUEUE, "message": "<{%reset%}>no\n<{%reset%}>", "severity": "error"}},
        {"resOpFailedEvent": step("create")},
    )
    assert told[-1].kind is EventKind.RESOURCE_FAILED and told[-1].text == "no"
    assert reader.changes[QUEUE].failed and reader.progress().current == ()


def test_debugging_messages_and_passing_ones_of_no_resource_are_not_told():
    _, told = read(
        {"diagnosticEvent": {"message": "x", "severity": "debug"}},
        {"diagnosticEvent": {"message": "x", "severity": "info", "ephemeral": True}},
    )
    assert told == []


def test_what_a_resource_waits_for_is_told_and_is_no_diagnostic():
    passing = {"message": "waiting for hush", "severity": "info", "ephemeral": True, "urn": "urn:a"}
    reader, (told,) = read({"diagnosticEvent": passing}, redact=lambda text: text.replace("hush", "-"))
    assert (told.kind, told.urn, told.text) == (EventKind.WAITING, "urn:a", "waiting for -")
    assert not reader.diagnostics


def test_messages_are_redacted():
    _, told = read(
        {"diagnosticEvent": {"message": "key hush", "severity": "info"}}, redact=lambda text: text.replace("hush", "-")
    )
    assert told[0].text == "key -"


def test_the_summary_ends_a_run():
    reader, told = read({"summaryEvent": {"resourceChanges": {"create": 1, "same": 2}, "result": "succeeded"}})
    assert reader.summary == {"create": 1, "same": 2} and reader.ended
    assert told[-1].kind is EventKind.ENDED


def test_resources_are_named_as_a_person_does():
    assert short_type("aws:sqs/queue:Queue") == "aws:sqs:Queue"
    assert short_type("pulumi:providers:aws") == "pulumi:providers:aws"
    assert label(QUEUE) == "aws:sqs:Queue q"
