"""What a kill leaves half written beside a state in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedml_infra.engine.half_written import mend_files


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


def test_a_bucket_has_no_such_files():
    assert not mend_files("s3://somewhere?region=us-east-1", "cardio")
