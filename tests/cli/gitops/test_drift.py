"""gitops drift: the command."""

from __future__ import annotations

import pytest

from fedml_infra.engine.double import Declared
from fedml_infra.operations.state import TOPIC
from tests.cli.conftest import Run
from tests.gitops.code_host import TOKEN, code_host
from tests.operations.worlds import World


@pytest.fixture(autouse=True)
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)


def open_up(up: World) -> None:
    put(up, Declared(TOPIC, "cardio", {"policy": "open to all"}))


def put(up: World, declared: Declared) -> None:
    up.engine.reality["cardio"][up.engine.urn("cardio", declared)] = declared


def test_nothing_that_differs_ends_with_0(up: World, run: Run):
    done = run("gitops", "drift")
    assert done.code == 0 and done.out == "cardio: as made\n"


def test_what_differs_ends_with_7_and_is_one_document(up: World, run: Run):
    open_up(up)
    done = run("gitops", "drift", "--json")
    assert done.code == 7 and done.json["drift"] is True and done.json["issue"] is None
    assert done.json["stacks"][0]["findings"][0]["resource"] == "cardio"


def test_it_is_told_in_words(up: World, run: Run):
    open_up(up)
    done = run("gitops", "drift")
    assert done.code == 7 and "cardio: has drifted" in done.out and "exposed" in done.out


def test_a_page_is_added_to_the_summary(up: World, run: Run, tmp_path):
    assert run("gitops", "drift", "--summary", str(tmp_path / "page.md")).code == 0
    assert "Nothing in AWS differs" in (tmp_path / "page.md").read_text()


def test_an_issue_needs_a_code_host(up: World, run: Run):
    done = run("gitops", "drift", "--issue")
    assert done.code == 2 and "GITHUB_TOKEN" in done.err and "FEDML_GITLAB_TOKEN" in done.err


def test_an_issue_is_opened_and_closed(up: World, run: Run, monkeypatch: pytest.MonkeyPatch):
    with code_host() as host:
        job = {"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "o/r", "GITHUB_API_URL": host.url}
        for name, value in job.items():
            monkeypatch.setenv(name, value)
        made = up.engine.reality["cardio"][up.engine.urn("cardio", Declared(TOPIC, "cardio"))]
        open_up(up)
        opened = run("gitops", "drift", "--issue")
        assert opened.code == 7 and TOKEN not in opened.out + opened.err
        [issue] = host.issues
        assert issue["title"] == "Drift in 1 stack: cardio"
        put(up, made)
        closed = run("gitops", "drift", "--issue", "--json")
        assert closed.code == 0 and closed.json["issue"] == issue["html_url"] and issue["state"] == "closed"


def test_a_stack_that_cannot_be_looked_at_is_told_in_its_place(up: World, run: Run):
    up.write("config:\n  fedml-infra:fed_name: broken\n", "broken")
    done = run("gitops", "drift")
    assert done.code == 2 and "broken: could not be looked at" in done.out and "cardio: as made" in done.out
