"""gitops apply: the command, on a repository with a remote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cli
from tests.gitops.applying import Pipeline, pipeline
from tests.gitops.repositories import IDENTITY
from tests.operations.federations import ENTRY
from tests.operations.worlds import OTHER


@pytest.fixture
def ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    made = pipeline(tmp_path)
    monkeypatch.chdir(made.checkout.root)
    return made


def apply(ci: Pipeline, tmp_path: Path, *more: str) -> int:
    where = ("--data-dir", str(tmp_path / "data"))
    return cli.main(["gitops", "apply", "--base", ci.base, *where, *more], tools=ci.party.world.tools)


def admit(ci: Pipeline) -> None:
    ci.party.edit(f"    - {ENTRY}\n", f'    - {ENTRY}\n    - aws_id: "{OTHER}"\n')
    ci.pushed()


def test_nothing_touched_is_said_and_ends_with_0(ci: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert apply(ci, tmp_path) == 0
    assert "No stack is touched" in capsys.readouterr().err


def test_the_answer_is_one_document(ci: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    admit(ci)
    capsys.readouterr()
    assert apply(ci, tmp_path, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    [row] = document["stacks"]
    assert (row["stack"], row["status"], row["error"], row["rotation"]) == ("cardio", "changed", None, None)
    assert document["not_applied"] == [] and row["rights"][0]["who"].endswith(OTHER)


def test_a_page_is_added_to_the_summary(ci: Pipeline, tmp_path: Path):
    ci.remove_member()
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    assert apply(ci, tmp_path, "--summary", str(page)) == 0
    text = page.read_text()
    assert text.startswith("before\n### fedml-infra apply\n")
    assert "| `cardio` | changed | up: 1 changed |" in text
    assert "The key of epoch 2 is committed to main" in text


def test_one_that_fails_gives_the_exit_code_and_is_told(
    ci: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    ci.party.world.write("config:\n  fedml-infra:fed_name: broken\n", "broken")
    admit(ci)
    page = tmp_path / "summary.md"
    assert apply(ci, tmp_path, "--summary", str(page)) == 2
    out = capsys.readouterr().out
    assert "broken: failed" in out and "cardio: up" in out
    assert "**failed** (exit code 2)" in page.read_text()


def test_a_base_is_needed(tmp_path: Path):
    assert cli.main(["-C", str(tmp_path), "gitops", "apply"]) == 2


def test_a_summary_that_cannot_be_written_is_told(ci: Pipeline, tmp_path: Path):
    admit(ci)
    assert apply(ci, tmp_path, "--summary", str(tmp_path / "nowhere" / "page.md")) == 2


def test_a_plan_that_is_not_there_is_refused(ci: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    admit(ci)
    (tmp_path / "plans").mkdir()
    assert apply(ci, tmp_path, "--plan", str(tmp_path / "plans")) == 2
    assert "no plan of cardio" in capsys.readouterr().out
    assert len(ci.party.outputs["federation"]["members"]) == 1


def test_a_removed_file_is_told_with_what_to_do(ci: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    ci.party.path.unlink()
    ci.pushed()
    assert apply(ci, tmp_path) == 0
    assert "fedml-infra destroy cardio" in capsys.readouterr().out


def test_without_commit_the_key_is_left_in_the_file(ci: Pipeline, tmp_path: Path):
    reviewed = ci.remove_member()
    assert apply(ci, tmp_path, "--no-commit") == 0
    assert ci.checkout.git("rev-parse", "HEAD") == reviewed and ci.party.config.fed_epoch == 2
