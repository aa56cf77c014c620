"""`gitops take`: what it prints, its report, and its exit codes."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run
from tests.gitops.repositories import Checkout
from tests.operations.worlds import HUB_FILE, World


@pytest.fixture
def head(here: World, checkout: Checkout) -> str:
    """A pull request that adds a stack."""
    checkout.git("switch", "--quiet", "--create", "side")
    here.write(HUB_FILE.replace("cardio", "onco").replace("v1:xyz", "v1:new"), "onco")
    checkout.write("__main__.py", "theirs\n")
    made = checkout.commit()
    checkout.git("switch", "--quiet", "main")
    return made


def test_what_was_taken_is_told_and_what_was_not(here: World, run: Run, head: str) -> None:
    done = run("gitops", "take", "--base", "HEAD", "--report", "take.json", head)
    assert (done.code, done.out) == (0, "onco  added\n")
    assert "Not taken, and not used: __main__.py." in done.err
    report = json.loads((here.project / "take.json").read_text())
    assert (report["stacks"], report["refused"]) == ([{"stack": "onco", "status": "added"}], [])


def test_in_json(run: Run, head: str) -> None:
    assert run("gitops", "take", "--base", "HEAD", "--json", head).json["head"] == head


def test_refusals_end_with_2_and_are_in_the_report(here: World, run: Run, checkout: Checkout) -> None:
    checkout.git("switch", "--quiet", "--create", "evil")
    here.write(HUB_FILE + "  aws:endpoints: [{sqs: 'http://x'}]\nsecretsprovider: awskms://mine\n")
    checkout.commit()
    checkout.git("switch", "--quiet", "main")
    done = run("gitops", "take", "--base", "HEAD", "--report", "take.json", "evil")
    assert done.code == 2
    assert "line 11: stacks/Pulumi.cardio.yaml: aws:endpoints may not be set" in done.err
    assert [one["line"] for one in json.loads((here.project / "take.json").read_text())["refused"]] == [12, 11]


def test_a_head_that_is_no_commit_ends_with_2(run: Run, checkout: Checkout) -> None:
    assert run("gitops", "take", "--base", "HEAD", "--", "--upload-pack=x").code == 2
