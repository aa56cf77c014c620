"""Which of a preview's changes are drift."""

from __future__ import annotations

from fedml_infra.engine.differences import PropertyChange
from fedml_infra.engine.events import ResourceChange
from fedml_infra.operations.drift.differences import differences_of
from fedml_infra.operations.state import Resource, State

URN = "urn:pulumi:cardio::fedml-infra::aws:sqs/queue:Queue::cardio_charite"
KNOWN = State((Resource(URN, "aws:sqs/queue:Queue", "id"),))


def change(op: str, *properties: PropertyChange, urn: str = URN) -> ResourceChange:
    return ResourceChange(urn, op, "aws:sqs/queue:Queue", properties)


RETENTION = PropertyChange("messageRetentionSeconds", "update", 60, 3600)
TAGS = PropertyChange("tags", "update", {}, {"team": "heart"})


def test_a_known_resource_that_is_to_be_made_is_missing() -> None:
    (found,) = differences_of([change("create")], {}, KNOWN)
    assert found.kind == "missing"


def test_a_new_resource_of_the_stack_file_is_no_drift() -> None:
    assert not [*differences_of([change("create", urn="new")], {"new": change("create", urn="new")}, KNOWN)]


def test_a_resource_that_left_the_stack_file_is_no_drift() -> None:
    assert not [*differences_of([change("delete")], {URN: change("delete")}, KNOWN)]


def test_a_property_that_the_stack_file_changes_is_no_drift() -> None:
    assert not [*differences_of([change("update", TAGS)], {URN: change("update", TAGS)}, KNOWN)]


def test_beside_a_change_of_the_file_the_drift_of_the_same_resource_is_found() -> None:
    (found,) = differences_of([change("update", RETENTION, TAGS)], {URN: change("update", TAGS)}, KNOWN)
    assert found.properties == (RETENTION,)


def test_a_property_that_the_file_changes_and_somebody_changed_by_hand_is_drift() -> None:
    by_hand = PropertyChange("messageRetentionSeconds", "update", 60, 7200)
    by_file = PropertyChange("messageRetentionSeconds", "update", 3600, 7200)
    (found,) = differences_of([change("update", by_hand)], {URN: change("update", by_file)}, KNOWN)
    (told,) = found.properties
    assert (told.before, told.after) == (60, 3600)


def test_what_the_file_will_replace_and_is_gone_is_no_news() -> None:
    assert not [*differences_of([change("create")], {URN: change("create")}, KNOWN)]
