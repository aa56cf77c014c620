"""`fedml-infra check`: exit codes, and the three ways in which it answers."""

from __future__ import annotations

from tests.cli.conftest import Run
from tests.operations.test_check import crowded
from tests.operations.worlds import HUB_FILE, World


def test_a_folder_without_stacks_is_in_order(run: Run) -> None:
    done = run("check")
    assert (done.code, done.out) == (0, "")
    assert "no stack file here yet" in done.err


def test_a_stack_that_is_not_there(run: Run) -> None:
    assert run("check", "cardio").code == 6


def test_a_mistake_is_told_with_its_line(here: World, run: Run) -> None:
    here.write(HUB_FILE.replace('"222222222222"', "22222222222"))
    done = run("check")
    assert done.code == 2
    assert "Pulumi.cardio.yaml has 1 mistake:" in done.err
    assert "line 7: members[0].aws_id: 22222222222 is not an AWS account id" in done.err


def test_a_mistake_as_a_command_of_github(here: World, run: Run) -> None:
    here.write(HUB_FILE + '  "fedml-infra:100%\\n::warning::x": 1\n')
    done = run("check", "--format", "github")
    assert done.code == 2
    (line,) = done.out.splitlines()
    assert line.startswith("::error file=stacks/Pulumi.cardio.yaml,line=11::100%25\\n::warning::x: is not a key")


def test_json_and_github_exclude_one_another(run: Run) -> None:
    assert run("check", "--json", "--format", "github").code == 2


def test_a_policy_alone_ends_with_five(here: World, run: Run) -> None:
    here.write(crowded())
    assert run("check").code == 5
