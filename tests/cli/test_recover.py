"""`fedml-infra recover`, and what other commands say of a run that was cut off or is under way."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from fedml_infra.engine.locks import LockHolder
from fedml_infra.model.tags import ownership_tags
from tests.cli.conftest import Run
from tests.operations.worlds import OWN, World

ROLE = "fedml.cardio.charite.reader"
LIVE = LockHolder("eve", socket.gethostname(), 1, "2100-01-02T03:04:05Z")


def test_a_stack_that_is_gone_is_shown_and_rebuilt(here: World, run: Run) -> None:
    here.write()
    here.aws.add_role(OWN, ROLE, ownership_tags("cardio", "charite"))
    shown = run("recover", "cardio", "--preview", "--json")
    assert shown.code == 0 and shown.json["state"] == "missing" and not shown.json["recovered"]
    assert [row["id"] for row in shown.json["adopt"]] == [ROLE]
    assert not here.engine.exists("cardio")
    done = run("recover", "cardio", "--yes")
    assert done.code == 0 and f"= import aws:iam:Role {ROLE}" in done.out
    assert ROLE in [row["urn"].rpartition("::")[2] for row in here.engine.state("cardio")["deployment"]["resources"]]


def test_nothing_is_written_without_agreement(here: World, run: Run) -> None:
    here.write()
    here.aws.add_role(OWN, ROLE, ownership_tags("cardio", "charite"))
    refused = run("recover", "cardio")
    assert refused.code == 2 and "--yes" in refused.err
    assert not here.engine.exists("cardio")


def test_what_is_not_the_stacks_is_named_and_left_alone(here: World, run: Run) -> None:
    here.write()
    here.aws.add_role(OWN, ROLE, ownership_tags("cardio", "insel"))
    shown = run("recover", "cardio", "--preview")
    assert f"aws:iam:Role {ROLE} is in account {OWN} without this stack's tags" in shown.err


def test_a_whole_state_is_left_as_it_is(here: World, run: Run) -> None:
    here.write()
    run("up", "cardio", "--yes")
    before = here.engine.state("cardio")
    done = run("recover", "cardio")
    assert done.code == 0 and "has everything that is there" in done.out
    assert here.engine.state("cardio") == before


def test_a_live_run_is_told_with_exit_code_4(here: World, run: Run) -> None:
    here.write()
    here.engine.init("cardio")
    here.engine.lock("cardio", LIVE)
    for command in ("up", "destroy"):
        refused = run(command, "cardio", "--yes")
        assert refused.code == 4 and "eve@" in refused.err and "2100-01-02T03:04:05Z" in refused.err


def test_a_run_of_another_machine_is_told_with_how_to_say_that_it_is_gone(here: World, run: Run) -> None:
    here.write()
    here.engine.init("cardio")
    here.engine.lock("cardio", replace(LIVE, host="elsewhere.invalid"))
    refused = run("up", "cardio", "--yes")
    assert refused.code == 4 and "pulumi cancel cardio" in refused.err


def test_a_wait_ends_with_the_seconds_that_were_given(here: World, run: Run) -> None:
    here.write()
    here.engine.init("cardio")
    here.engine.lock("cardio", LIVE)
    refused = run("up", "cardio", "--yes", "--wait-timeout", "0.1")
    assert refused.code == 4 and "Waiting …" in refused.err


@pytest.mark.parametrize("command", ["up", "destroy", "recover"])
def test_the_stack_s_name_may_stand_behind_wait(here: World, run: Run, command: str) -> None:
    here.write()
    here.engine.init("cardio")
    done = run(command, "--wait", "cardio", "--yes")
    assert done.code == 0, done.err


def test_import_buckets_alone_is_a_mistake(here: World, run: Run) -> None:
    refused = run("create", "onco", "--region", "us-east-1", "--sync-sched", "m30", "--import-buckets")
    assert refused.code == 2 and "--import" in refused.err


def test_an_import_shows_what_it_takes_over_and_writes_nothing(here: World, run: Run) -> None:
    here.aws.add_topic(OWN, "us-east-1", "onco")
    shown = run("create", "onco", "--region", "us-east-1", "--sync-sched", "m30", "--import", "--preview", "--json")
    assert shown.code == 0
    assert [row["id"] for row in shown.json["import"]] == [f"arn:aws:sns:us-east-1:{OWN}:onco"]
    assert not here.engine.exists("onco")
