"""destroy: what goes, what stays, and what stands in its way."""

from __future__ import annotations

import io

import pytest

from fedml_infra.operations.state import QUEUE, TOPIC
from tests.cli.conftest import Run
from tests.operations.worlds import HUB_FILE, MEMBER, OTHER, OWN, World

PROTECTED = "  fedml-infra:protect: true\n"


def test_destroy_takes_all_and_keeps_the_file_unless_told(up: World, run: Run) -> None:
    done = run("destroy", "--yes", "--json")
    assert done.code == 0, done.err
    assert done.json["destroyed"]
    assert not up.engine.stacks()
    assert (up.project / "stacks" / "Pulumi.cardio.yaml").exists()
    assert "is kept" in done.err


def test_destroy_removes_the_file_where_told(up: World, run: Run) -> None:
    assert run("destroy", "--yes", "--remove-file").code == 0
    assert not (up.project / "stacks" / "Pulumi.cardio.yaml").exists()


def test_payloads_are_refused_before_anything_is_touched(up: World, run: Run) -> None:
    up.aws.put_object("cardio-charite", "updates/model", b"x")
    done = run("destroy", "--yes")
    assert done.code == 4
    assert "cardio-charite" in done.err
    assert "--delete-data" in done.err
    assert up.engine.outputs("cardio")


def test_payloads_go_where_that_was_said(up: World, run: Run) -> None:
    up.aws.put_object("cardio-charite", "updates/model", b"x")
    done = run("destroy", "--yes", "--delete-data")
    assert done.code == 0, done.err
    assert "Deleted 1 object" in done.err
    assert not up.engine.stacks()


def test_what_is_in_the_roster_bucket_is_no_payload(up: World, run: Run) -> None:
    up.aws.put_object(f"fedml-cardio-{OWN}-us-east-1", "roster.json", b"{}")
    assert run("destroy", "--yes").code == 0


def test_protection_is_lifted_by_yes(here: World, run: Run) -> None:
    here.write(HUB_FILE + PROTECTED)
    run("up", "--yes")
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    done = run("destroy", "--yes")
    assert done.code == 0, done.err
    assert not here.engine.stacks()


def test_destroy_never_asks_without_a_terminal(up: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    done = run("destroy", "--delete-data")
    assert done.code == 2
    assert up.engine.outputs("cardio")


def test_destroy_with_preview_says_what_goes_and_stops(up: World, run: Run) -> None:
    done = run("destroy", "--preview", "--json")
    assert {each["type"] for each in done.json["resources"]} >= {TOPIC, QUEUE}
    assert f"the subscriptions of the members {MEMBER}:" in done.json["warnings"][0]
    assert up.engine.outputs("cardio")


def test_a_stack_that_is_not_there_cannot_be_destroyed(here: World, run: Run) -> None:
    here.write()
    done = run("destroy", "--yes")
    assert done.code == 6


def test_credentials_of_another_account_destroy_nothing(up: World, run: Run) -> None:
    up.aws._accounts = dict.fromkeys(up.aws._accounts, OTHER)
    assert run("destroy", "--yes").code == 3
    assert up.engine.outputs("cardio")
