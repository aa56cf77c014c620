"""What a kill leaves half written beside a state in a folder."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fedml_infra.engine.half_written import mend_files, sweep_files


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    folder = tmp_path / ".pulumi/stacks/fedml-infra"
    folder.mkdir(parents=True)
    (folder / "cardio.json").write_text("{}")
    (folder / "cardio.json.attrs").write_text('{"md5": ""}')
    return folder


def test_an_empty_file_of_attributes_is_taken_away_and_the_state_stays(tmp_path, stacks):
    (stacks / "cardio.json.attrs").write_text("")
    assert mend_files(tmp_path.as_uri(), "cardio")
    assert [path.name for path in stacks.iterdir()] == ["cardio.json"]


def test_whole_files_are_left_alone(tmp_path, stacks):
    assert not mend_files(tmp_path.as_uri(), "cardio")
    assert (stacks / "cardio.json.attrs").exists()


def test_another_stacks_files_are_left_alone(tmp_path, stacks):
    (stacks / "onco.json.attrs").write_text("")
    assert not mend_files(tmp_path.as_uri(), "cardio")
    assert (stacks / "onco.json.attrs").exists()


def test_a_locks_attributes_are_mended_too(tmp_path, stacks):
    locks = tmp_path / ".pulumi/locks/organization/fedml-infra/cardio"
    locks.mkdir(parents=True)
    (locks / "1.json").write_text("{}")
    (locks / "1.json.attrs").write_text('{"user.cache')
    assert mend_files(tmp_path.as_uri(), "cardio")
    assert [path.name for path in locks.iterdir()] == ["1.json"]


def test_a_lock_that_was_never_finished_is_mended_too(tmp_path, stacks):
    locks = tmp_path / ".pulumi/locks/organization/fedml-infra/cardio"
    locks.mkdir(parents=True)
    (locks / "1.json.4711.tmp").write_text('{"pid": 12')
    assert mend_files(tmp_path.as_uri(), "cardio")
    assert list(locks.iterdir()) == []


@pytest.fixture
def unfinished(tmp_path: Path, stacks: Path) -> list[Path]:
    """Files that a killed run left half written, in each folder where it can."""
    names = ("stacks/fedml-infra", "backups/fedml-infra/cardio", "history/fedml-infra/cardio")
    found = [tmp_path / ".pulumi" / name / "cardio.json.4711.tmp" for name in names]
    for path in found:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{")
    return found


def hold(tmp_path: Path, pid: int) -> None:
    locks = tmp_path / ".pulumi/locks/organization/fedml-infra/cardio"
    locks.mkdir(parents=True)
    since = datetime.now(UTC).isoformat()
    held = {"pid": pid, "username": "eve", "hostname": socket.gethostname(), "timestamp": since}
    (locks / "1.json").write_text(json.dumps(held))


def test_what_was_never_finished_is_swept_where_nobody_holds_the_stack(tmp_path, stacks, unfinished):
    (stacks / "onco.json.1.tmp").write_text("{")
    sweep_files(tmp_path.as_uri(), "cardio")
    assert not [path for path in unfinished if path.exists()]
    assert {path.name for path in stacks.iterdir()} == {"cardio.json", "cardio.json.attrs", "onco.json.1.tmp"}


def test_what_was_never_finished_is_swept_where_its_run_is_dead(tmp_path, unfinished):
    hold(tmp_path, 2**22 + 1)
    sweep_files(tmp_path.as_uri(), "cardio")
    assert not [path for path in unfinished if path.exists()]


def test_what_a_live_run_may_be_writing_is_left_alone(tmp_path, unfinished):
    hold(tmp_path, os.getpid())
    sweep_files(tmp_path.as_uri(), "cardio")
    assert all(path.exists() for path in unfinished)


def test_a_bucket_has_no_such_files():
    assert not mend_files("s3://somewhere?region=us-east-1", "cardio")
