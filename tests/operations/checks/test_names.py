"""Names that are free, taken, or the stack's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedml_infra.model.tags import ownership_tags
from fedml_infra.operations.accounts import Accounts
from fedml_infra.operations.checks import names
from fedml_infra.operations.checks.finding import Finding, Status, asked
from fedml_infra.operations.load import load_stack
from fedml_infra.operations.state import State
from tests.operations.worlds import OTHER, OWN, World, world

ARN = f"arn:aws:sns:us-east-1:{OWN}:cardio"


@pytest.fixture
def here(tmp_path: Path) -> World:
    made = world(tmp_path)
    made.write()
    return made


def found(here: World, state: State | None = None) -> dict[str, Finding]:
    """By the name that a line begins with, or that is in it."""
    stack = load_stack(here.project, "cardio")
    accounts = Accounts(OWN, {"charite": OWN})
    lines = [one for check in names.checks(stack, accounts, here.aws, state or State()) for one in asked(check)]
    return {one.told: one for one in lines}


def failed(here: World) -> list[Finding]:
    return [one for one in found(here).values() if one.status is Status.FAIL]


def test_free_names_can_be_used(here: World) -> None:
    assert set(found(here)) == {
        "queue cardio_charite can be used",
        "bucket cardio-charite can be used",
        f"bucket fedml-cardio-{OWN}-us-east-1 can be used",
        "topic cardio is free",
    }
    assert not failed(here)


def test_a_queue_of_someone_else_fails(here: World) -> None:
    here.aws.add_queue(OWN, "us-east-1", "cardio_charite")
    (one,) = failed(here)
    assert (one.exit_code, "cardio_charite" in one.told) == (4, True)


def test_a_bucket_of_someone_else_fails(here: World) -> None:
    here.aws.add_bucket(OTHER, "us-east-1", "cardio-charite")
    (one,) = failed(here)
    assert (one.exit_code, "cardio-charite" in one.told) == (4, True)


def test_a_bucket_of_our_own_that_is_to_be_made_fails(here: World) -> None:
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    (one,) = failed(here)
    assert one.exit_code == 2
    assert "adopt_bucket" in (one.fix or "")


def test_a_topic_of_someone_else_fails_and_the_federation_s_own_does_not(here: World) -> None:
    here.aws.add_topic(OWN, "us-east-1", "cardio")
    (one,) = failed(here)
    assert (one.exit_code, "topic cardio" in one.told) == (4, True)
    here.aws.topic_tags[ARN] = ownership_tags("cardio")
    assert not failed(here)


def test_what_the_stack_has_made_is_its_own(here: World) -> None:
    here.engine.up("cardio")
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    state = State.of(here.engine.state("cardio"))
    assert {*found(here, state)} == {"4 queues, buckets and topics are this stack's own"}


def test_an_aws_that_does_not_answer_fails_each_name_and_stops_none(here: World) -> None:
    here.aws._accounts.clear()
    assert {one.exit_code for one in failed(here)} == {3}


def test_what_a_run_had_begun_to_make_when_it_was_cut_off_is_no_failure(here: World) -> None:
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    row = {"type": "creating", "resource": {"urn": "u", "type": "t", "inputs": {"bucket": "cardio-charite"}}}
    begun = names.begun_in({"deployment": {"pending_operations": [row]}})
    stack, accounts = load_stack(here.project, "cardio"), Accounts(OWN, {"charite": OWN})
    lines = [one for check in names.checks(stack, accounts, here.aws, State(), begun) for one in asked(check)]
    assert [one.told for one in lines if one.status is not Status.OK] == [
        "bucket cardio-charite is there, and a run that was cut off had begun to make it"
    ]
    assert not any(one.status is Status.FAIL for one in lines)
