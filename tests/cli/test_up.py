"""preview and up: what each prints, and each refusal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from fedml_infra.engine.locks import LockHolder
from fedml_infra.engine.protocol import RunOptions, RunResult
from fedml_infra.errors import NetworkError, PolicyError
from fedml_infra.operations.state import TOPIC
from tests.cli.conftest import Run
from tests.operations.worlds import HUB_FILE, MEMBER, OTHER, OWN, World

TOPIC_ARN = f"arn:aws:sns:us-east-1:{OWN}:cardio"


def test_a_preview_says_who_gains_which_right_and_changes_nothing(here: World, run: Run) -> None:
    here.write()
    done = run("preview")
    assert done.code == 0
    assert f"Account {MEMBER} becomes a member: it may publish and receive." in done.out
    assert "create aws:sns:Topic cardio" in done.out
    assert not here.engine.outputs("cardio")


def test_a_removed_member_is_said_to_lose_its_rights_and_subscriptions(up: World, run: Run) -> None:
    up.write(HUB_FILE.replace(f'  fedml-infra:members:\n    - aws_id: "{MEMBER}"\n', ""))
    done = run("preview", "--json")
    (change,) = done.json["rights"]
    assert (change["who"], change["loses"], change["gains"]) == (MEMBER, ["publish", "receive"], [])
    assert "Its subscriptions are removed." in change["text"]


def test_a_preview_in_json_has_every_policy_in_full(here: World, run: Run) -> None:
    here.write()
    topic = next(each for each in run("preview", "--json").json["changes"] if each["type"] == TOPIC)
    assert topic["op"] == "create"


def test_expected_changes_end_with_7_and_are_shown(here: World, run: Run) -> None:
    here.write()
    done = run("preview", "--expect-no-changes", "--json")
    assert done.code == 7
    assert done.json["changes"]


def test_no_changes_where_none_are_expected_end_with_0(up: World, run: Run) -> None:
    assert run("preview", "--expect-no-changes").code == 0
    assert run("up", "--expect-no-changes", "--yes").code == 0


def test_up_does_nothing_where_changes_were_not_expected(up: World, run: Run) -> None:
    up.write(HUB_FILE + "    - {pid: usz, s3_bucket: cardio-usz}\n")
    done = run("up", "--expect-no-changes", "--yes")
    assert done.code == 7
    assert "usz" not in up.engine.outputs("cardio")["nodes"]


def test_up_never_asks_without_a_terminal(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    here.write()
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    done = run("up")
    assert done.code == 2
    assert "Give --yes" in done.err
    assert not here.engine.outputs("cardio")


def test_up_asks_for_nothing_where_nothing_changes(up: World, run: Run) -> None:
    assert run("up").code == 0


def test_up_with_preview_stops_there(here: World, run: Run) -> None:
    here.write()
    done = run("up", "--preview", "--yes")
    assert done.code == 0
    assert "create aws:sns:Topic cardio" in done.out
    assert not here.engine.outputs("cardio")


def test_up_prints_one_json_document_and_progress_elsewhere(here: World, run: Run) -> None:
    here.write()
    done = run("up", "--yes", "--json")
    assert done.json["outputs"]["federation"]["topic_arn"] == TOPIC_ARN
    assert done.json["summary"]["create"] == 5
    assert "+ created aws:sns:Topic cardio" in done.err


def test_a_stack_file_with_mistakes_touches_nothing(here: World, run: Run) -> None:
    here.write(HUB_FILE.replace("sync_sched", "sync_shed"))
    done = run("up", "--yes", "--json")
    assert done.code == 2
    assert any(each["line"] == 4 and "sync_sched" in each["fix"] for each in done.json["error"]["problems"])
    assert not here.engine.stacks()


def test_credentials_of_another_account_than_allowed_are_refused(here: World, run: Run) -> None:
    here.write(HUB_FILE.replace("config:\n", f'config:\n  aws:allowedAccountIds: ["{OTHER}"]\n'))
    done = run("up", "--yes")
    assert done.code == 3
    assert f"belong to account {OWN}" in done.err
    assert f"account {OTHER}" in done.err


def test_credentials_of_another_account_than_the_stack_s_are_refused(up: World, run: Run) -> None:
    up.aws._accounts = dict.fromkeys(up.aws._accounts, OTHER)
    done = run("up", "--yes")
    assert done.code == 3
    assert f"the topic says account {OWN}" in done.err


def test_a_bucket_to_be_made_that_is_there_is_refused(here: World, run: Run) -> None:
    here.write()
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    done = run("up", "--yes")
    assert done.code == 2
    assert "Set adopt_bucket: true" in done.err
    assert not here.engine.stacks()


def test_what_stands_of_the_stack_itself_is_no_surprise(up: World, run: Run) -> None:
    assert run("up", "--yes").code == 0


def test_a_timeout_ends_with_9(here: World, run: Run) -> None:
    here.write()
    real = here.engine.up
    here.engine.up = lambda stack, options: real(stack, replace(options, timeout=0.0))  # type: ignore[method-assign]
    assert run("up", "--yes", "--timeout", "1").code == 9


def test_a_failure_of_aws_ends_with_4_and_says_what(here: World, run: Run) -> None:
    here.write()
    here.engine.faults["cardio_charite"] = NetworkError("AWS could not be reached", fix="Look at the network.")
    done = run("up", "--yes")
    assert done.code == 4
    assert "✗ failed aws:sqs:Queue cardio_charite" in done.err
    assert "Look at the network." in done.err


def test_a_lock_ends_with_4(up: World, run: Run) -> None:
    up.engine.lock("cardio", LockHolder("ada", "laptop", 4711, "2026-01-01"))
    done = run("up", "--yes")
    assert done.code == 4


def test_with_a_policy_pack_nothing_is_made_before_a_preview_has_passed_it(
    here: World, run: Run, tmp_path: Path
) -> None:
    here.write()
    asked: list[RunOptions] = []
    real = here.engine.preview

    def preview(stack: str, options: RunOptions) -> RunResult:
        asked.append(options)
        if len(asked) == 1:
            raise PolicyError("A policy forbids this")
        return real(stack, options)

    here.engine.preview = preview  # type: ignore[method-assign]
    assert run("up", "--yes", "--policy-pack", str(tmp_path)).code == 5
    assert not here.engine.exists("cardio")
    assert run("up", "--yes", "--policy-pack", str(tmp_path)).code == 0
    assert here.engine.outputs("cardio")
    assert [each.policy_packs for each in asked] == [(tmp_path,), (tmp_path,)]


def test_up_itself_is_held_to_the_policy_pack(here: World, run: Run, tmp_path: Path) -> None:
    here.write()
    asked: list[RunOptions] = []
    real = here.engine.up
    here.engine.up = lambda stack, options: asked.append(options) or real(stack, options)  # type: ignore[func-returns-value,method-assign]
    assert run("up", "--yes", "--policy-pack", str(tmp_path)).code == 0
    assert {each.policy_packs for each in asked} == {(tmp_path,)}


def test_a_policy_pack_that_is_not_there_is_told(here: World, run: Run, tmp_path: Path) -> None:
    here.write()
    done = run("preview", "--policy-pack", str(tmp_path / "absent"))
    assert done.code == 2
    assert "absent" in done.err
