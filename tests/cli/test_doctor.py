"""`doctor`: what it prints, and what it ends with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import cli
from tests.cli.conftest import Done
from tests.operations.checks.machines import healthy
from tests.operations.worlds import HUB_FILE, World

Doctor = Callable[..., Done]


@pytest.fixture
def doctor(here: World, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Runs `doctor` on a healthy machine."""
    machine = healthy(here.project, PULUMI_CONFIG_PASSPHRASE="x")

    def call(*arguments: str) -> Done:
        capsys.readouterr()
        code = cli.main(["doctor", *arguments], tools=replace(here.tools, machine=lambda: machine))
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return call


def test_all_well_ends_with_0(here: World, doctor: Doctor) -> None:
    here.write()
    here.engine.up("cardio")
    here.aws.add_topic("111111111111", "us-east-1", "cardio")
    done = doctor("cardio")
    assert done.code == 0, done.out
    assert "✓ engine" in done.out
    assert "are as they should be" in done.out
    assert "✗" not in done.out


def test_a_failure_says_how_to_mend_it_and_ends_with_its_code(here: World, doctor: Doctor) -> None:
    here.write()
    here.aws.denied = frozenset({"sqs:CreateQueue"})
    done = doctor("cardio")
    assert done.code == 5
    assert "✗ rights" in done.out
    assert "→ Attach what `fedml-infra policies operator cardio` prints" in done.out
    assert "1 to mend" in done.out


def test_json_is_one_document_with_the_exit_code_in_it(here: World, doctor: Doctor) -> None:
    here.write()
    here.aws._accounts.clear()
    done = doctor("--json")
    assert done.code == done.json["exit_code"] == 3
    assert done.json["stack"] == "cardio"


def test_a_stack_file_with_mistakes_is_one_failure_beside_the_machine(here: World, doctor: Doctor) -> None:
    here.write(HUB_FILE.replace("sync_sched", "sync_shed"))
    done = doctor("cardio")
    assert done.code == 2
    assert "line 4" in done.out
    assert "✓ engine" in done.out


def test_an_unknown_stack_ends_with_6(here: World, doctor: Doctor) -> None:
    here.write()
    done = doctor("cardoi")
    assert done.code == 6
    assert "Did you mean cardio?" in done.out


def test_without_a_stack_the_machine_is_looked_at(doctor: Doctor) -> None:
    done = doctor()
    assert done.code == 0
    assert "There is no stack here" in done.out


def test_several_stacks_of_which_none_is_named_are_said(here: World, doctor: Doctor) -> None:
    here.write()
    here.write(name="neuro")
    done = doctor()
    assert done.code == 0
    assert "cardio, neuro" in done.out
    assert "fedml-infra doctor cardio" in done.out


def test_outside_a_project_the_machine_is_looked_at(
    doctor: Doctor, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert doctor().code == 0
    assert doctor("cardio").code == 2
