"""The set-up: what a step says, and that the lock files are what pyproject.toml asks for, with hashes and no index."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STEP = ROOT / "tools" / "step.sh"


def step(log: str | Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([STEP, "Some step", str(log), *command], capture_output=True, text=True)


def test_a_step_says_what_it_does_and_how_long_it_took(tmp_path: Path) -> None:
    done = step(tmp_path / "log", "echo", "details")
    assert done.returncode == 0
    assert done.stdout == "==> Some step … 0 s\n"
    assert (tmp_path / "log").read_text() == "details\n"


def test_a_step_that_fails_shows_its_output_and_fails(tmp_path: Path) -> None:
    done = step(tmp_path / "log", "sh", "-c", "echo the reason >&2; exit 7")
    assert done.returncode == 7
    assert "failed after" in done.stdout
    assert "the reason" in done.stdout


def test_a_long_step_shows_its_output_as_it_comes() -> None:
    done = step("-", "echo", "progress")
    assert done.stdout.splitlines() == ["==> Some step", "progress", "    done in 0 s"]


def planned(*arguments: str) -> str:
    """What make would do, for set-up stamps of this checkout."""
    done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_step_is_redone_only_when_its_input_changed() -> None:
    everything_is_there = planned("setup", *old("venv", "requirements", "installed", "engine"))
    assert "step.sh" not in everything_is_there
    again = planned("setup", "-W", "tools/pulumi/go.mod", *old("venv", "requirements", "installed"))
    assert "Pulumi engine" in again
    assert "Locked requirements" not in again


def old(*stamps: str) -> list[str]:
    """Options that tell make to take these as done, whether they are or not."""
    return [part for stamp in stamps for part in ("-o", f".make/{stamp}")]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what `tools/lock.py` reads."""
    pack = [f"fedml_infra/gitops/policy_pack/requirements.{suffix}" for suffix in ("in", "txt")]
    for name in ("pyproject.toml", "tools/lock.py", "requirements/dev.txt", "requirements/runtime.txt", *pack):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def check(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "tools/lock.py", "--check"], cwd=project, capture_output=True, text=True)


def test_the_lock_files_are_in_step(project: Path) -> None:
    assert check(project).returncode == 0


@pytest.mark.parametrize(
    ("name", "before", "after", "told"),
    [
        ("pyproject.toml", '"click>=8.2"', '"click>=8.3"', "make lock"),
        ("requirements/dev.txt", "click==", "--index-url https://index.example/simple\nclick==", "package index"),
        ("requirements/runtime.txt", " --hash=sha256:", " --nothing:", "without a hash"),
        ("fedml_infra/gitops/policy_pack/requirements.in", "pulumi==3.259.0", "pulumi==3.260.0", "make lock"),
        ("fedml_infra/gitops/policy_pack/requirements.txt", " --hash=sha256:", " --nothing:", "without a hash"),
    ],
)
def test_a_lock_file_out_of_step_is_told(project: Path, name: str, before: str, after: str, told: str) -> None:
    text = (project / name).read_text()
    assert before in text
    (project / name).write_text(text.replace(before, after))
    done = check(project)
    assert done.returncode == 1
    assert told in done.stderr
