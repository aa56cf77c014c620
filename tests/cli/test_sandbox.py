"""Faults of the sandbox, by the command: what is wrong is told before anything starts, and what they did after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fedml_infra.sandbox.sandbox import down, status
from tests.cli.conftest import Run

PLAN = "rules:\n  - {fault: throttle, service: sts, calls: [1]}\n"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    directory = tmp_path / "sandbox"
    monkeypatch.setenv("FEDML_INFRA_SANDBOX_DIR", str(directory))
    yield directory
    down(directory)


def plan(tmp_path: Path, text: str = PLAN) -> str:
    path = tmp_path / "faults.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_plan_with_a_mistake_starts_nothing(run: Run, sandbox: Path, tmp_path: Path) -> None:
    done = run("sandbox", "up", "--faults", plan(tmp_path, "rules:\n  - fault: throtle\n"))
    assert done.code == 2
    assert "line 2: rules[0].fault" in done.err
    assert status(sandbox) is None


def test_a_plan_that_is_not_there_starts_nothing(run: Run, sandbox: Path, tmp_path: Path) -> None:
    done = run("sandbox", "up", "--faults", str(tmp_path / "none.yaml"))
    assert done.code == 2
    assert "none.yaml cannot be read" in done.err
    assert status(sandbox) is None


def test_without_a_sandbox_there_are_no_faults_to_show(run: Run, sandbox: Path) -> None:
    done = run("sandbox", "faults")
    assert done.code == 2
    assert "fedml-infra sandbox up" in done.err


def test_faults_are_not_set_and_cleared_at_once(run: Run, sandbox: Path, tmp_path: Path) -> None:
    assert run("sandbox", "faults", "--set", plan(tmp_path), "--clear").code == 2


@pytest.mark.story
def test_faults_come_with_the_sandbox_are_shown_and_go(run: Run, sandbox: Path, tmp_path: Path) -> None:
    started = run("sandbox", "up", "--faults", plan(tmp_path), "--json")
    assert started.code == 0, started.err
    assert started.json["faults"] == 1
    shown = run("sandbox", "faults", "--json").json
    assert shown == {"plan": {"rules": [{"fault": "throttle", "service": "sts", "calls": [1]}]}, "calls": []}
    running = status(sandbox)
    assert running is not None
    running.local_aws.session("111111111111").client("sts").get_caller_identity()  # which tries once more
    told = run("sandbox", "faults")
    assert "1 rule; 2 calls, 1 of them met a fault." in told.out + told.err
    assert "call 1: sts GetCallerIdentity of 111111111111: throttle" in told.out + told.err
    again = run("sandbox", "up", "--json")
    assert (again.json["started"], "faults" in again.json) == (False, False)
    assert len(run("sandbox", "faults", "--json").json["calls"]) == 2
    cleared = run("sandbox", "faults", "--clear")
    assert "There are no faults." in cleared.out + cleared.err
