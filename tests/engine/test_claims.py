"""One run of a stack at a time on one machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fedml_infra.engine.claims import claim_path, claimed
from fedml_infra.engine.locks import StackLockedByError

HOLD = """
import sys, time
from pathlib import Path
from fedml_infra.engine.claims import claimed
with claimed(Path(sys.argv[1]), "cardio"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holding(path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_claim_that_another_process_has_is_refused_with_who_has_it(tmp_path):
    with holding(tmp_path / "claim") as process:
        claim = claimed(tmp_path / "claim", "cardio")
        with pytest.raises(StackLockedByError, match="under way on this machine") as refused, claim:
            pass
        [holder] = refused.value.holders
        assert holder.pid == process.pid and holder.is_dead is False
        process.stdin.close()


def test_a_killed_holder_has_no_claim_any_more(tmp_path):
    with holding(tmp_path / "claim") as process:
        process.kill()
        process.wait()
        with claimed(tmp_path / "claim", "cardio"):
            pass


def test_a_claim_can_be_had_again_after_it_was_given_back(tmp_path):
    for _ in range(2):
        with claimed(tmp_path / "claim", "cardio"):
            assert str(os.getpid()) in (tmp_path / "claim").read_text()
    assert (tmp_path / "claim").read_text() == ""


def test_each_stack_backend_and_project_has_a_claim_of_its_own(tmp_path):
    paths = {
        claim_path("file:///a", tmp_path, "cardio"),
        claim_path("file:///a", tmp_path, "onco"),
        claim_path("file:///b", tmp_path, "cardio"),
        claim_path("file:///a", tmp_path / "other", "cardio"),
    }
    assert len(paths) == 4
