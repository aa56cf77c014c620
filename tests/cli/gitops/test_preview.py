"""`gitops preview`: only what changed, whatever fails beside it, and no secret in what it writes."""

from __future__ import annotations

import json
import threading

import pytest

from fedml_infra.errors import AuthenticationError
from tests.cli.conftest import Run
from tests.gitops.repositories import Checkout
from tests.operations.worlds import HUB_FILE, MEMBER, World

ONCO = HUB_FILE.replace("cardio", "onco").replace("v1:xyz", "v1:hidden-in-the-file")


@pytest.fixture
def applied(here: World, run: Run, checkout: Checkout) -> World:
    """The stack on main is up."""
    assert run("up", "cardio", "--yes").code == 0
    return here


def test_only_the_stacks_that_changed_are_previewed(applied: World, run: Run) -> None:
    applied.write(ONCO, "onco")
    done = run("gitops", "preview", "--base", "main", "--out", "preview.json")
    assert done.code == 0
    document = json.loads((applied.project / "preview.json").read_text())
    (row,) = document["stacks"]
    assert (row["stack"], row["status"], row["error"]) == ("onco", "added", None)
    assert row["rights"][0]["text"] == f"Account {MEMBER} becomes a member: it may publish and receive."
    assert {change["op"] for change in row["changes"]} == {"create"}
    assert "topic onco: made" in done.out


def test_nothing_touched_is_said(applied: World, run: Run) -> None:
    done = run("gitops", "preview", "--base", "main", "--json")
    assert (done.code, done.json["stacks"]) == (0, [])
    assert "No stack is touched." in done.err


def test_a_removed_member_is_told_with_the_rotation_that_follows(applied: World, run: Run) -> None:
    applied.write(HUB_FILE.replace(f'  fedml-infra:members:\n    - aws_id: "{MEMBER}"\n', ""))
    done = run("gitops", "preview", "--base", "main", "--json")
    (row,) = done.json["stacks"]
    assert (row["rotates_to"], row["because_of"], row["cut_off"]) == (2, [MEMBER], [])
    assert "The federation's key will be rotated to epoch 2" in run("gitops", "preview", "--base", "main").out
    assert "epoch 2" not in (applied.project / "stacks/Pulumi.cardio.yaml").read_text()


def test_a_removed_file_says_what_stays_and_what_to_do(applied: World, run: Run) -> None:
    (applied.project / "stacks/Pulumi.cardio.yaml").unlink()
    (row,) = run("gitops", "preview", "--base", "main", "--json").json["stacks"]
    assert row["status"] == "removed"
    assert "resources in AWS stay" in row["notes"][0]
    assert "fedml-infra destroy cardio" in row["notes"][1]


def test_one_that_fails_keeps_no_other_from_being_looked_at(applied: World, run: Run) -> None:
    applied.write(ONCO, "onco")
    applied.write(HUB_FILE.replace("m30", "often"))
    done = run("gitops", "preview", "--base", "main", "--json")
    bad, good = done.json["stacks"]
    assert done.code == 2
    assert (bad["error"]["problems"][0]["line"], good["error"]) == (4, None)


def test_the_exit_code_is_that_of_the_worst(applied: World, run: Run) -> None:
    applied.write(HUB_FILE.replace("m30", "often"))
    applied.write(ONCO, "onco")
    applied.engine.faults["onco"] = AuthenticationError("no credentials")
    assert run("gitops", "preview", "--base", "main").code == 3


def test_two_are_looked_at_side_by_side_and_told_in_order(applied: World, run: Run) -> None:
    met = threading.Barrier(2, timeout=20)
    for name in ("onco", "derma"):
        applied.write(ONCO.replace("onco", name), name)
    program = applied.engine._program

    def waiting(stack: str) -> object:
        met.wait()
        return program(stack)

    applied.engine._program = waiting  # type: ignore[assignment]
    done = run("gitops", "preview", "--base", "main", "--json")
    assert [row["stack"] for row in done.json["stacks"]] == ["derma", "onco"]


def test_what_take_refused_is_in_the_document_and_no_engine_is_started(applied: World, run: Run) -> None:
    applied.write(ONCO, "onco")
    base = Checkout(applied.project).git("rev-parse", "HEAD")
    refused = [{"file": "stacks/x", "line": 3, "message": "is bad", "fix": None}]
    (applied.project / "take.json").write_text(
        json.dumps({"base": base, "head": "1" * 40, "ignored": ["README.md"], "refused": refused})
    )
    applied.engine.faults["onco"] = AuthenticationError("the engine was started")
    done = run("gitops", "preview", "--base", "HEAD", "--take", "take.json", "--json")
    assert (done.code, done.json["refused"], done.json["stacks"]) == (2, refused, [])
    assert done.json["ignored"] == ["README.md"]


def test_a_report_that_was_never_written_is_a_refusal(applied: World, run: Run) -> None:
    done = run("gitops", "preview", "--base", "HEAD", "--take", "take.json", "--out", "preview.json")
    assert done.code == 2
    assert json.loads((applied.project / "preview.json").read_text())["refused"][0]["file"] == "the pull request"


@pytest.mark.parametrize("content", ["{}", "[]", "no", '{"base": "x", "head": "y", "ignored": [], "refused": []}'])
def test_a_report_of_something_else_ends_with_2(applied: World, run: Run, content: str) -> None:
    (applied.project / "take.json").write_text(content)
    assert run("gitops", "preview", "--base", "HEAD", "--take", "take.json").code == 2


def test_no_ciphertext_and_no_secret_is_in_the_document(
    applied: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "correct horse battery")
    applied.write(ONCO + "  fedml-infra:tags: {a: correct horse battery, b: v1:hidden-in-the-file}\n", "onco")
    told = AuthenticationError("correct horse battery is wrong, and v1:hidden-in-the-file")
    applied.engine.faults["onco"] = told
    done = run("gitops", "preview", "--base", "main", "--json")
    assert "[secret] is wrong, and [secret]" in done.out
    assert "battery" not in done.out
    assert "hidden-in-the-file" not in done.out


def test_plans_are_saved_where_asked(applied: World, run: Run) -> None:
    applied.write(ONCO, "onco")
    done = run("gitops", "preview", "--base", "main", "--save-plans", "plans", "--json")
    (row,) = done.json["stacks"]
    assert row["plan"] == "onco.plan.json"
    assert (applied.project / "plans/onco.plan.json").is_file()
