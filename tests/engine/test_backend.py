"""Where the states are kept, and what lies there of a stack's locks."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from fedml_infra.engine.backend import (
    BucketBackend,
    backend_url,
    bucket_of,
    folder_of,
    holders_in_folder,
    holders_of,
    lock_folder,
    pulumi_home,
)

LOCK = {"pid": 4711, "username": "ada", "hostname": "laptop", "timestamp": "2026-01-02T03:04:05.678901234+01:00"}


def test_the_environment_comes_first(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: fedml-infra\nbackend:\n  url: file:///project\n")
    assert backend_url({"PULUMI_BACKEND_URL": "s3://states"}, tmp_path) == "s3://states"
    assert backend_url({}, tmp_path) == "file:///project"


def test_then_where_the_user_is_logged_in(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text('{"current": "file://~"}')
    assert backend_url({"PULUMI_HOME": str(tmp_path)}, tmp_path) == "file://~"


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"current": ""}'])
def test_nowhere_is_told_apart(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "credentials.json").write_text(text)
    assert backend_url({"PULUMI_HOME": str(tmp_path)}, tmp_path) is None


def test_the_engine_s_folder_is_in_the_home_unless_named() -> None:
    assert pulumi_home({"HOME": "/h"}) == Path("/h/.pulumi")
    assert pulumi_home({"HOME": "/h", "PULUMI_HOME": "/p"}) == Path("/p")


def test_a_folder_and_a_bucket_are_told_apart() -> None:
    assert folder_of("file:///states") == Path("/states")
    assert folder_of("file://~") == Path.home()
    assert folder_of("s3://states") is None
    assert bucket_of("file:///states") is None
    assert bucket_of("https://api.pulumi.com") is None
    assert bucket_of("s3://states/a/b?region=eu-west-1&endpoint=https://127.0.0.1:1&profile=ops") == BucketBackend(
        "states", "a/b/", "eu-west-1", "https://127.0.0.1:1", "ops"
    )
    assert bucket_of("s3://states") == BucketBackend("states", "", None, None, None)


def test_who_holds_a_lock_in_a_folder(tmp_path: Path) -> None:
    assert holders_in_folder(tmp_path, "cardio") == ()
    locks = tmp_path / lock_folder("cardio")
    locks.mkdir(parents=True)
    (locks / "x.json").write_text(json.dumps(LOCK))
    (locks / "x.json.attrs").write_text("{}")
    (found,) = holders_in_folder(tmp_path, "cardio")
    assert (found.user, found.host, found.pid, found.since) == ("ada", "laptop", 4711, "2026-01-02T03:04:05+01:00")
    assert holders_in_folder(tmp_path, "neuro") == ()


def test_a_lock_of_this_machine_tells_whether_its_process_lives() -> None:
    # The lock is as old as can be: a process that lives, but began later, is another one.
    mine = {**LOCK, "hostname": socket.gethostname(), "pid": os.getpid(), "timestamp": "2099-01-01T00:00:00Z"}
    living, old = holders_of([json.dumps(mine), json.dumps({**mine, "timestamp": "2001-01-01T00:00:00Z"})])
    assert living.is_dead is False
    assert old.is_dead is True


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": "x"}'])
def test_a_lock_that_is_being_written_is_left_out(text: str) -> None:
    assert holders_of([text]) == ()
