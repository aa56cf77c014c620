"""The pages that a reader copies and pastes from, run as they stand on the real engine and a local AWS."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedml_infra.engine.install import cache_root
from tests.docs.pages import ROOT
from tests.stories.paste import complaints, paste, steps

LONGEST = 900.0
"""Seconds; a page takes a fraction of it on an idle machine."""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A new user's: nothing set but PATH; a home and a sandbox of its own, which is taken down afterwards."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "tmp").mkdir()
    made = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "TMPDIR": str(tmp_path / "tmp"),
        "LANG": "C.UTF-8",
        "FEDML_INFRA_CACHE_DIR": str(cache_root()),
        "FEDML_INFRA_SANDBOX_DIR": str(tmp_path / "sandbox"),
    }
    yield made
    subprocess.run(["fedml-infra", "sandbox", "down"], env=made, cwd=home, check=False, capture_output=True)


def follow(page: Path, cwd: Path, environment: dict[str, str], scratch: Path) -> str:
    return complaints(paste(steps(page), cwd=cwd, environment=environment, scratch=scratch, seconds=LONGEST))


@pytest.mark.soak
@pytest.mark.story(seconds=60)
def test_the_tutorial_goes_as_it_says(environment: dict[str, str], tmp_path: Path) -> None:
    """Its own removal of what it made included."""
    assert follow(ROOT / "docs" / "tutorial" / "first-federation.md", ROOT, environment, tmp_path) == ""
    assert list((tmp_path / "tmp").glob("tmp.*")) == []


@pytest.mark.story(seconds=40)
def test_inviting_and_joining_go_as_the_tutorial_says(environment: dict[str, str], tmp_path: Path) -> None:
    assert follow(ROOT / "docs" / "tutorial" / "invite-and-join.md", ROOT, environment, tmp_path) == ""
    assert list((tmp_path / "tmp").glob("tmp.*")) == []


@pytest.mark.story(seconds=20)
def test_a_program_of_ones_own_goes_as_the_how_to_says(environment: dict[str, str], tmp_path: Path) -> None:
    assert follow(ROOT / "docs" / "how-to" / "own-program.md", tmp_path / "home", environment, tmp_path) == ""


@pytest.mark.soak
@pytest.mark.story(seconds=20)
def test_faults_are_had_and_got_over_as_the_how_to_says(environment: dict[str, str], tmp_path: Path) -> None:
    assert follow(ROOT / "docs" / "how-to" / "try-faults.md", tmp_path / "home", environment, tmp_path) == ""


def pasted(tmp_path: Path, text: str) -> str:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    return complaints(paste(steps(page), cwd=tmp_path, environment=dict(os.environ), scratch=tmp_path, seconds=20.0))


def test_all_blocks_share_one_shell(tmp_path: Path) -> None:
    assert pasted(tmp_path, "```sh\nA=1\n```\n\n```sh\necho a$A b\n```\n\n```text output\na1…\n```\n") == ""


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    assert "a command failed" in pasted(tmp_path, "```sh\nfalse\necho on\n```\n\n```sh\necho on\n```\n")


def test_a_line_that_is_not_printed_is_told(tmp_path: Path) -> None:
    assert "did not print 'two'" in pasted(tmp_path, "```sh\necho one\n```\n\n```text output\ntwo\n```\n")


def test_lines_in_another_order_are_told(tmp_path: Path) -> None:
    assert pasted(tmp_path, "```sh\necho one; echo two\n```\n\n```text output\ntwo\none\n```\n") != ""


def test_what_is_only_shown_is_not_run(tmp_path: Path) -> None:
    assert pasted(tmp_path, "```console\nfalse\n```\n") == ""
