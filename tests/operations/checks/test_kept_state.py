"""Backend, secrets, lock and what was cut off."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.backend import lock_folder
from fedml_infra.engine.locks import LockHolder
from fedml_infra.errors import AuthenticationError, PolicyError
from fedml_infra.operations.checks import kept_state
from fedml_infra.operations.checks.finding import Check, Finding, Status, asked
from fedml_infra.operations.load import Stack, load_stack
from tests.operations.worlds import KEY, OWN, World, world

SINCE = "2026-01-02T03:04:05Z"


@pytest.fixture
def here(tmp_path: Path) -> World:
    made = world(tmp_path)
    made.write()
    return made


@pytest.fixture
def stack(here: World) -> Stack:
    return load_stack(here.project, "cardio")


def holder(pid: int, host: str | None = None, since: str = SINCE) -> LockHolder:
    return LockHolder("ada", host or socket.gethostname(), pid, since)


def test_a_backend_that_answers_says_whether_it_has_the_stack(here: World) -> None:
    assert kept_state.backend(here.engine, "cardio", "file:///s").told == "file:///s answers, and does not have cardio"
    here.engine.init("cardio")
    assert kept_state.backend(here.engine, "cardio", None).told == "the backend answers, and has cardio"


def test_a_backend_that_does_not_answer_fails(here: World) -> None:
    def away() -> tuple[()]:
        raise AuthenticationError("log in")

    here.engine.stacks = away  # type: ignore[method-assign]
    (found,) = asked(Check("backend", lambda: kept_state.backend(here.engine, "cardio", None)))
    assert (found.status, found.exit_code) == (Status.FAIL, 3)


def test_secrets_that_can_be_read(here: World, stack: Stack) -> None:
    here.engine.init("cardio")
    here.engine.set_secret("cardio", "fedml-infra:fed_secret_key", SecretStr(KEY))
    found = kept_state.secrets(here.engine, stack, {})
    assert (found.status, found.told) == (Status.OK, "1 can be read with the passphrase")
    assert KEY not in str(found)


def test_secrets_that_cannot_be_read_fail(here: World, stack: Stack) -> None:
    def wrong(*_: object) -> dict[str, SecretStr]:
        raise AuthenticationError("The passphrase is wrong")

    here.engine.get_secrets = wrong  # type: ignore[method-assign]
    (found,) = asked(Check("secrets", lambda: kept_state.secrets(here.engine, stack, {})))
    assert (found.status, found.exit_code) == (Status.FAIL, 3)


def test_before_the_first_up_a_passphrase_that_is_not_set_fails(here: World, stack: Stack) -> None:
    assert kept_state.secrets(here.engine, stack, {}).exit_code == 3
    assert kept_state.secrets(here.engine, stack, {"PULUMI_CONFIG_PASSPHRASE": "x"}).status is Status.WARN


def test_a_secrets_provider_needs_no_passphrase(here: World) -> None:
    path = here.write()
    path.write_text("secretsprovider: awskms://alias/fed\n" + path.read_text())
    found = kept_state.secrets(here.engine, load_stack(here.project, "cardio"), {})
    assert found.status is Status.WARN
    assert "awskms://alias/fed" in found.told


def locked(here: World, **environment: str) -> Finding:
    (found,) = asked(Check("lock", lambda: kept_state.lock("cardio", here.project, environment, here.aws)))
    return found


def content(**more: Any) -> str:
    return json.dumps({"pid": 1, "username": "ada", "hostname": "elsewhere", "timestamp": SINCE, **more})


def test_a_lock_in_a_folder_is_seen(here: World, tmp_path: Path) -> None:
    states = tmp_path / "states"
    assert locked(here, PULUMI_BACKEND_URL=states.as_uri()) == Finding("lock", Status.OK, "free")
    (states / lock_folder("cardio")).mkdir(parents=True)
    (states / lock_folder("cardio") / "x.json").write_text(content())
    found = locked(here, PULUMI_BACKEND_URL=states.as_uri())
    assert found.status is Status.WARN
    assert "held by ada@elsewhere, process 1, since 2026-01-02T03:04:05" in found.told


def test_a_lock_in_a_bucket_is_seen(here: World) -> None:
    here.aws.add_bucket(OWN, "us-east-1", "states")
    url = "s3://states/team"
    assert locked(here, PULUMI_BACKEND_URL=url).told == "free"
    here.aws.put_object("states", f"team/{lock_folder('cardio')}x.json", content().encode())
    assert locked(here, PULUMI_BACKEND_URL=url).status is Status.WARN


def test_the_bucket_s_own_profile_is_used(here: World) -> None:
    assert locked(here, PULUMI_BACKEND_URL="s3://states?profile=ops").exit_code == 3
    here.aws._accounts[Access(profile="ops")] = OWN
    here.aws.add_bucket(OWN, "us-east-1", "states")
    assert locked(here, PULUMI_BACKEND_URL="s3://states?profile=ops").status is Status.OK


def test_a_bucket_that_may_not_be_read_fails(here: World) -> None:
    here.aws.add_bucket("999999999999", "us-east-1", "states")
    assert locked(here, PULUMI_BACKEND_URL="s3://states").exit_code == 5


def test_a_folder_that_cannot_be_read_fails(here: World, tmp_path: Path) -> None:
    folder = tmp_path / "states" / lock_folder("cardio")
    (folder / "x.json").mkdir(parents=True)
    assert locked(here, PULUMI_BACKEND_URL=(tmp_path / "states").as_uri()).exit_code == 4


def test_a_backend_that_keeps_its_locks_to_itself_is_said_to(here: World) -> None:
    assert "not told" in locked(here, PULUMI_BACKEND_URL="https://api.pulumi.com").told


def test_without_a_backend_the_lock_is_not_looked_at(here: World, tmp_path: Path) -> None:
    assert locked(here, PULUMI_HOME=str(tmp_path)).status is Status.WARN


def test_a_dead_holder_is_mended_by_the_next_run_and_others_are_waited_for() -> None:
    dead = kept_state.told_of("cardio", [holder(os.getpid(), since="2001-01-01T00:00:00Z")])
    assert "is gone" in dead.told
    assert "fedml-infra up cardio" in (dead.fix or "")
    assert "Wait" in (kept_state.told_of("cardio", [holder(os.getpid(), since="2099-01-01T00:00:00Z")]).fix or "")
    assert "pulumi cancel" in (kept_state.told_of("cardio", [holder(1, "elsewhere")]).fix or "")


def test_what_was_cut_off_is_named() -> None:
    rows = [
        {"type": "creating", "resource": {"urn": f"urn:pulumi:c::p::aws:sqs/queue:Queue::q{n}", "type": "t"}}
        for n in range(5)
    ]
    found = kept_state.pending("cardio", {"deployment": {"pending_operations": rows}})
    assert found.status is Status.WARN
    assert "creating aws:sqs:Queue q0, creating aws:sqs:Queue q1, creating aws:sqs:Queue q2 and 2 more" in found.told
    assert kept_state.pending("cardio", {}).status is Status.OK


def test_a_bucket_error_is_the_check_s(here: World) -> None:
    def denied(*_: object) -> tuple[str, ...]:
        raise PolicyError("denied")

    here.aws.texts_in = denied  # type: ignore[method-assign]
    assert locked(here, PULUMI_BACKEND_URL="s3://states").exit_code == 5
