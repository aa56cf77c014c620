"""Every command that changes a stack is in the audit, once, whatever came of it; a broken store stops none of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fedml_infra.errors import ResourceError
from tests.cli.conftest import Run
from tests.operations.worlds import OWN, World

CREATE = ("create", "cardio", "--region", "us-east-1", "--sync-sched", "m30", "--pid", "charite", "--s3-bucket", "c-c")


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEDML_INFRA_DATA_DIR", str(tmp_path / "store"))
    return tmp_path / "store"


def entries(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run("audit", "--json").json["entries"]
    return found


def test_a_life_is_recorded_with_its_account(here: World, run: Run) -> None:
    assert run(*CREATE, "--no-protect", "--yes").code == 0
    assert run("up", "--yes").code == 0
    assert run("destroy", "--yes").code == 0
    told = entries(run)
    assert [(each["action"], each["outcome"]) for each in told] == [
        ("create", "done"), ("up", "done"), ("destroy", "done")
    ]  # fmt: skip
    assert OWN in told[0]["actor"] and told[0]["topic_arn"].endswith(":cardio")


def test_a_run_that_fails_is_recorded_as_that(here: World, run: Run) -> None:
    here.engine.faults["cardio"] = ResourceError("AWS says no")
    assert run(*CREATE, "--yes").code == 4
    [told] = entries(run)
    assert (told["action"], told["outcome"], told["details"]["error"]) == ("create", "failed", "ResourceError")


def test_what_only_looks_is_not_recorded(here: World, run: Run) -> None:
    run(*CREATE, "--preview")
    assert entries(run) == []


def test_a_broken_store_is_told_and_stops_nothing(here: World, run: Run, data_dir: Path) -> None:
    data_dir.write_text("not a folder", encoding="utf-8")
    done = run(*CREATE, "--yes")
    assert done.code == 0
    assert "not in the audit" in done.err
