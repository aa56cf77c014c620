"""`gitops comment`: printed, or posted as the one comment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.gitops.code_host import TOKEN, code_host

DOCUMENT = {"base": "1" * 40, "head": None, "ignored": [], "refused": [], "stacks": []}


@pytest.fixture
def preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A preview's file; no pipeline around it."""
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "GITHUB_REF", "CI_MERGE_REQUEST_IID", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "preview.json"
    file.write_text(json.dumps(DOCUMENT))
    return str(file)


def test_it_is_printed(run: Run, preview: str) -> None:
    done = run("gitops", "comment", "--preview", preview)
    assert done.code == 0
    assert done.out.startswith("<!-- fedml-infra:preview -->\n\n### No federation changes")
    assert run("gitops", "comment", "--preview", preview, "--json").json["body"] == done.out.rstrip("\n")


def test_it_is_posted_once_and_then_edited_in_place(run: Run, preview: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with code_host() as host:
        for name, value in {
            "GITHUB_ACTIONS": "true", "GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "o/r",
            "GITHUB_API_URL": host.url, "GITHUB_REF": "refs/pull/9/merge",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        first = run("gitops", "comment", "--preview", preview, "--post", "--json")
        second = run("gitops", "comment", "--preview", preview, "--post", "--number", "9", "--json")
    assert (first.code, second.code) == (0, 0)
    assert first.json["url"] == second.json["url"]
    assert len(host.comments) == 1
    assert TOKEN not in first.out + first.err


def test_without_a_pipeline_nothing_is_posted(run: Run, preview: str) -> None:
    done = run("gitops", "comment", "--preview", preview, "--post", "--number", "5")
    assert done.code == 2
    assert "nothing was posted" in done.err


def test_without_a_number_it_asks_for_one(run: Run, preview: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "o/r"}.items():
        monkeypatch.setenv(name, value)
    done = run("gitops", "comment", "--preview", preview, "--post")
    assert done.code == 2
    assert "--number" in done.err


def test_what_is_no_preview_ends_with_2(run: Run, preview: str) -> None:
    Path(preview).write_text("no")
    assert run("gitops", "comment", "--preview", preview).code == 2
