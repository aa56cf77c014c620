"""`runs list` and `runs show`: every command that runs the engine leaves a log."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedml_infra.errors import NetworkError
from tests.cli.conftest import Run
from tests.operations.worlds import OWN, World


@pytest.fixture(autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path_factory.mktemp("logs")
    monkeypatch.setenv("FEDML_INFRA_RUNS_DIR", str(made))
    return made


def stands(here: World) -> None:
    """What the stack made is in AWS."""
    here.aws.add_topic(OWN, "us-east-1", "cardio")
    for bucket in ("cardio-charite", f"fedml-cardio-{OWN}-us-east-1"):
        here.aws.add_bucket(OWN, "us-east-1", bucket)


def test_what_was_run_is_listed_the_newest_last(here: World, run: Run) -> None:
    here.write()
    assert run("up", "--yes", "-m", "first").code == 0
    stands(here)
    assert run("drift").code == 0
    assert run("preview", "--expect-no-changes").code == 0
    listed = run("runs", "list", "--json").json["runs"]
    assert [(each["command"], each["outcome"]) for each in listed] == [
        ("up", "done"), ("drift", "done"), ("preview", "done"),
    ]  # fmt: skip
    assert (listed[0]["flags"], listed[0]["message"], listed[0]["resources"]) == (["--yes"], "first", {"create": 5})
    assert "drift    done" in run("runs", "list", "cardio").out


def test_one_command_has_one_log_however_often_it_runs_the_engine(here: World, run: Run) -> None:
    here.write()
    run("up", "--yes", "--expect-no-changes")
    (one,) = run("runs", "list", "--json").json["runs"]
    assert (one["outcome"], one["exit_code"]) == ("changes found", 7)


def test_a_failure_is_kept_with_what_was_said(here: World, run: Run) -> None:
    here.write()
    here.engine.faults["cardio_charite"] = NetworkError("AWS could not be reached", fix="Look at the network.")
    run("up", "--yes")
    (one,) = run("runs", "list", "--json").json["runs"]
    assert (one["outcome"], one["exit_code"]) == ("failed", 4)
    shown = run("runs", "show", one["id"])
    assert "✗ failed aws:sqs:Queue cardio_charite" in shown.out
    assert "AWS could not be reached" in shown.out
    assert "created aws:sns:Topic cardio" in shown.out


def test_an_error_nobody_expected_is_kept_by_its_kind_alone(here: World, run: Run) -> None:
    here.write()

    def broken(*_: object) -> None:
        raise RuntimeError("canary-Zq8vT1")

    here.engine.up = broken  # type: ignore[assignment]
    assert run("up", "--yes").code == 1
    (one,) = run("runs", "list", "--json").json["runs"]
    assert (one["error"], one["exit_code"]) == ("RuntimeError", 1)


def test_one_run_in_json_has_its_events(here: World, run: Run) -> None:
    here.write()
    run("up", "--yes")
    (one,) = run("runs", "list", "--json").json["runs"]
    shown = run("runs", "show", one["id"][:12], "--json").json
    assert {each["op"] for each in shown["events"] if each.get("kind") == "resource done"} == {"create"}


def test_runs_of_a_stack_that_is_gone_are_listed(here: World, run: Run) -> None:
    here.write()
    run("up", "--yes")
    stands(here)
    assert run("destroy", "--yes", "--remove-file").code == 0
    assert [each["command"] for each in run("runs", "list", "--json").json["runs"]] == ["up", "destroy"]


def test_what_runs_no_engine_leaves_no_log(here: World, run: Run) -> None:
    here.write()
    run("check")
    run("info")
    done = run("runs", "list")
    assert done.code == 0
    assert "Nothing was run" in done.err


def test_an_unknown_run_ends_with_2(here: World, run: Run) -> None:
    assert run("runs", "show", "nothing").code == 2


def test_a_log_that_cannot_be_written_is_a_warning_and_the_run_goes_on(
    here: World, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("FEDML_INFRA_RUNS_DIR", str(folder / "file"))
    here.write()
    done = run("up", "--yes")
    assert done.code == 0
    assert done.err.count("The log of this run could not be written") == 1
