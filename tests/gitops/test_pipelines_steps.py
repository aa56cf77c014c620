"""The shell lines of the pipelines, run as a runner does: bash -e, git for real, the code host's tools stood in for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.gitops.test_pipelines import gitlab, jobs, workflow

GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "HOME": "/nonexistent"} | {
    f"GIT_{who}_{what}": "somebody@charite.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}

EVERYTHING = "0" * 40
"""What `gitops apply` takes for: nothing was before."""


def git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, env=os.environ | GIT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def shell(text: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """As GitHub runs `run:` where no shell is named; GitLab's lines are run with the same."""
    command = ["bash", "-e", "-o", "pipefail", "-c", text]
    environment = os.environ | GIT | variables
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def step(job: str, name: str) -> str:
    workflow_name, job_name = job.split("/")
    (found,) = [each for each in workflow(workflow_name)["jobs"][job_name]["steps"] if each.get("name") == name]
    return found["run"]


def tool(folder: Path, name: str, text: str) -> str:
    """A command of that name; the PATH on which it is found."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/bash\n{text}\n")
    (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare repository: three commits on main, and one of a pull request that is on no branch."""
    bare, clone = tmp_path / "origin.git", tmp_path / "author"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git(tmp_path, "clone", "--quiet", str(bare), str(clone))
    for number in range(3):
        git(clone, "commit", "--quiet", "--allow-empty", "-m", f"{number}")
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "theirs")
    git(clone, "push", "--quiet", "origin", "HEAD:refs/pull/7/head", "HEAD:refs/merge-requests/7/head")
    return bare


@pytest.fixture
def checkout(tmp_path: Path, origin: Path) -> Path:
    git(tmp_path, "clone", "--quiet", str(origin), "checkout")
    return tmp_path / "checkout"


def test_every_shell_line_is_one() -> None:
    lines = [each["run"] for job in jobs().values() for each in job["steps"] if "run" in each]
    lines += [line for job in gitlab().values() if isinstance(job, dict) for line in job.get("script", [])]
    assert [line for line in lines if subprocess.run(["bash", "-n", "-c", line], check=False).returncode] == []


@pytest.mark.parametrize("job", ["pull-request/check", "pull-request/preview"])
def test_a_pull_request_is_fetched_and_the_checkout_stays_as_it_is(job: str, checkout: Path) -> None:
    before = git(checkout, "rev-parse", "HEAD")
    done = shell(step(job, "Fetch the pull request, as data"), checkout, NUMBER="7", GITHUB_TOKEN="t")
    assert done.returncode == 0, done.stderr
    assert git(checkout, "log", "-1", "--format=%s", "refs/fedml/head") == "theirs"
    assert git(checkout, "rev-parse", "HEAD") == before
    assert git(checkout, "status", "--porcelain") == ""


def test_the_token_is_git_s_answer_and_on_no_command_line(checkout: Path) -> None:
    """The helper reads it from its environment."""
    text = step("pull-request/check", "Fetch the pull request, as data")
    helper = text.partition("credential.helper='")[2].partition("'")[0]
    feed = subprocess.run(
        ["git", "-c", "credential.helper=", "-c", f"credential.helper={helper}", "credential", "fill"],
        input="protocol=https\nhost=github.com\n\n", capture_output=True, text=True, check=True,
        env=os.environ | GIT | {"GITHUB_TOKEN": "t0ken", "GIT_TERMINAL_PROMPT": "0"}, cwd=checkout,
    )  # fmt: skip
    assert "username=x-access-token\npassword=t0ken\n" in feed.stdout


def last_applied(checkout: Path, tmp_path: Path, *, said: str, event: str = "push") -> str:
    output = tmp_path / "output"
    path = tool(tmp_path / "bin", "gh", f'[ "$GH_TOKEN" = t ] && echo "{said}"')
    done = shell(
        step("apply/apply", "Find what was applied last"), checkout,
        PATH=path, EVENT=event, GH_TOKEN="t", GITHUB_REPOSITORY="o/r", GITHUB_REF_NAME="main",
        GITHUB_OUTPUT=str(output),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return output.read_text().strip().removeprefix("base=")


def test_what_is_applied_begins_where_the_last_good_run_ended(checkout: Path, tmp_path: Path) -> None:
    """Not at the last push: its run may have failed, or have been replaced while it waited."""
    last = git(checkout, "rev-parse", "HEAD~1")
    assert last_applied(checkout, tmp_path, said=last) == last


@pytest.mark.parametrize(("said", "event"), [("", "push"), ("f" * 40, "push"), ("HEAD~1", "workflow_dispatch")])
def test_it_is_everything_where_nothing_was_or_by_hand(checkout: Path, tmp_path: Path, said: str, event: str) -> None:
    assert last_applied(checkout, tmp_path, said=said, event=event) == EVERYTHING


def test_a_commit_that_is_not_of_the_branch_any_more_is_no_beginning(checkout: Path, tmp_path: Path) -> None:
    shell(step("pull-request/check", "Fetch the pull request, as data"), checkout, NUMBER="7", GITHUB_TOKEN="t")
    theirs = git(checkout, "rev-parse", "refs/fedml/head")
    assert last_applied(checkout, tmp_path, said=theirs) == EVERYTHING


@pytest.mark.parametrize(
    ("answer", "expected"),
    [('[{"sha": "LAST"}]', "LAST"), ("[]", EVERYTHING), ("oops", EVERYTHING), (None, EVERYTHING)],
)
def test_on_gitlab_it_begins_at_the_last_good_deployment(
    checkout: Path, tmp_path: Path, answer: str | None, expected: str
) -> None:
    last = git(checkout, "rev-parse", "HEAD~1")
    answer = answer and answer.replace("LAST", last)
    tool(tmp_path / "bin", "curl", f"cat > /dev/null; echo '{answer}'" if answer else "exit 22")
    path = tool(tmp_path / "bin", "fedml-infra", 'echo "$@"')
    text = "\n".join(gitlab()["apply"]["script"])
    done = shell(
        text, checkout, PATH=path, CI_PIPELINE_SOURCE="push", CI_JOB_TOKEN="t", CI_API_V4_URL="u", CI_PROJECT_ID="1"
    )
    assert done.returncode == 0, done.stderr
    assert f"gitops apply --base {expected.replace('LAST', last)}" in done.stdout
