"""`gitops changed`: what it prints, and each refusal."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run
from tests.gitops.repositories import Checkout
from tests.operations.worlds import HUB_FILE, World


def test_one_stack_a_line_with_its_status(here: World, run: Run, checkout: Checkout) -> None:
    here.write(HUB_FILE + "# more\n")
    here.write(name="oncology")
    done = run("gitops", "changed", "--base", "main")
    assert (done.code, done.out) == (0, "cardio    changed\noncology  added\n")


def test_in_json_with_the_commits_compared(here: World, run: Run, checkout: Checkout) -> None:
    base = checkout.git("rev-parse", "HEAD")
    here.write(name="oncology")
    head = checkout.commit()
    done = run("gitops", "changed", "--base", base, "--head", "main", "--json")
    assert done.json == {
        "base": base,
        "head": head,
        "stacks": [{"stack": "oncology", "status": "added"}],
        "program": [],
    }


def test_what_the_base_got_meanwhile_does_not_count(here: World, run: Run, checkout: Checkout) -> None:
    checkout.git("switch", "--quiet", "--create", "side")
    here.write(name="oncology")
    checkout.commit()
    checkout.git("switch", "--quiet", "main")
    here.write(HUB_FILE + "# main went on\n")
    checkout.commit()
    assert run("gitops", "changed", "--base", "main", "--head", "side").out == "oncology  added\n"


def test_a_changed_program_is_said(here: World, run: Run, checkout: Checkout) -> None:
    checkout.write("__main__.py", "")
    checkout.write("requirements\n.txt", "")
    done = run("gitops", "changed", "--base", "main")
    assert done.out == "cardio  changed\n"
    assert "Every stack is touched, as the program changed: __main__.py, 'requirements\\n.txt'." in done.err


def test_no_stack_is_said(here: World, run: Run, checkout: Checkout) -> None:
    done = run("gitops", "changed", "--base", "main")
    assert (done.code, done.out, done.err) == (0, "", "No stack is touched.\n")


def test_a_base_that_is_no_commit_ends_with_2(run: Run, checkout: Checkout) -> None:
    done = run("gitops", "changed", "--base", "nothing")
    assert done.code == 2
    assert "'nothing' is no commit" in done.err


@pytest.mark.usefixtures("here")
def test_a_folder_in_no_repository_ends_with_2(run: Run) -> None:
    done = run("gitops", "changed", "--base", "main")
    assert done.code == 2
    assert "lies in no git repository" in done.err
