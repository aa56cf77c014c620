"""init: a repository from one command, with a default for everything."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.operations.worlds import HUB_FILE, World


def test_every_option_has_a_default(here: World, run: Run, tmp_path: Path) -> None:
    done = run("init", "federations")
    assert done.code == 0, done.err
    assert (tmp_path / "federations" / ".github" / "workflows" / "fedml-apply.yml").is_file()
    assert "Pulumi.yaml" in done.out


def test_a_state_in_files_is_warned_about(here: World, run: Run) -> None:
    assert "Warning: The states lie in files of one machine" in run("init", "federations").err
    assert "Warning" not in run("init", "others", "--backend", "cloud").err


def test_for_a_program_it_is_one_document(here: World, run: Run, tmp_path: Path) -> None:
    said = run("init", "federations", "--ci", "gitlab", "--backend", "s3://charite-states", "--json").json
    assert said["directory"] == str(tmp_path / "federations")
    assert ".gitlab-ci.yml" in said["files"]
    assert said["backend"] == "s3://charite-states?region=us-east-1"
    assert said["warnings"] == []


def test_what_is_there_is_not_overwritten(here: World, run: Run, tmp_path: Path) -> None:
    (tmp_path / "federations").mkdir()
    (tmp_path / "federations" / "README.md").write_text("mine")
    done = run("init", "federations", "--json")
    assert done.code == 2
    assert done.json["error"]["kind"] == "ConflictError"
    assert [path.name for path in (tmp_path / "federations").iterdir()] == ["README.md"]


def test_a_wrong_option_writes_nothing(here: World, run: Run, tmp_path: Path) -> None:
    assert run("init", "federations", "--backend", "gs://bucket").code == 2
    assert not (tmp_path / "federations").exists()


def test_the_fresh_repository_passes_the_check(here: World, run: Run) -> None:
    run("init", "federations")
    done = run("check", "-C", "federations")
    assert done.code == 0, done.err


def test_a_stack_in_it_passes_the_check(here: World, run: Run, tmp_path: Path) -> None:
    run("init", "federations", "--ci", "none")
    (tmp_path / "federations" / "stacks" / "Pulumi.cardio.yaml").write_text(HUB_FILE)
    assert run("check", "-C", "federations").code == 0
