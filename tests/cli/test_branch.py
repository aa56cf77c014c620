"""--branch and --no-apply: the file and nothing else, and a working tree that stays as it was."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cli
from fedml_infra.errors import AuthenticationError
from tests.cli.conftest import Done
from tests.gitops.proposals import FILE, GITHUB, GITLAB, Host, Reviewed, host, reviewed
from tests.gitops.repositories import IDENTITY
from tests.operations.federations import ENTRY
from tests.operations.worlds import MEMBER, OTHER

Run = Callable[..., Done]
BRANCH = "out/usz"
REMOVE = ("members", "remove", OTHER, "--yes")


@pytest.fixture(autouse=True)
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of its own, no terminal, nobody's settings of git, and no gh of this machine's."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "FEDML_INFRA_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FEDML_INFRA_DATA_DIR", str(tmp_path / "store"))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))


@pytest.fixture
def there(tmp_path: Path) -> Reviewed:
    return reviewed(tmp_path, members=f'{ENTRY}\n{{aws_id: "{OTHER}"}}')


@pytest.fixture
def gh(there: Reviewed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return host(tmp_path / "bin", there.bare.root, monkeypatch)


@pytest.fixture
def run(there: Reviewed, called: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command line in the clone."""

    def call(*arguments: str) -> Done:
        monkeypatch.chdir(there.checkout.root)
        return called(there.party.world.tools, *arguments)

    return call


def epochs(there: Reviewed) -> tuple[int, int]:
    """Of the file that is checked out, and of the last run."""
    return there.party.config.fed_epoch, there.party.outputs["federation"]["epoch"]


# --no-apply


def test_a_removal_is_written_with_its_rotation_and_nothing_comes_up(there: Reviewed, run: Run) -> None:
    roster = dict(there.party.world.aws.rosters)
    done = run(*REMOVE, "--no-apply", "--json")
    assert (done.code, done.json["applied"], done.json["changed"], done.json["epoch"]) == (0, False, True, 2), done.err
    assert [member.aws_id for member in there.party.config.members] == [MEMBER]
    assert epochs(there) == (2, 1)
    assert there.party.world.aws.rosters == roster
    assert "`fedml-infra up cardio`" in done.err


def test_written_twice_nothing_changes(there: Reviewed, run: Run) -> None:
    run("rotate-key", "--yes", "--no-apply")
    text = there.party.path.read_bytes()
    again = run("rotate-key", "--no-apply", "--json")
    assert (again.code, again.json["changed"], there.party.path.read_bytes()) == (0, False, text)


def test_a_state_that_is_out_of_reach_is_done_without_and_told(there: Reviewed, run: Run) -> None:
    def closed(*_: Any) -> Any:
        raise AuthenticationError("No credentials.")

    there.party.world.engine.state = closed  # type: ignore[method-assign]
    done = run("members", "set-rights", OTHER, "publish", "--yes", "--no-apply")
    assert done.code == 0
    assert "compared with the file alone. No credentials." in done.err
    assert (there.party.config.members[1].rights, there.party.config.fed_epoch) == ({"publish"}, 2)


def test_what_is_written_is_agreed_to_first(there: Reviewed, run: Run) -> None:
    before = there.party.path.read_bytes()
    assert run("schedule", "m15", "--no-apply").code == 2
    assert there.party.path.read_bytes() == before


# --branch


def test_a_removal_is_proposed_and_nothing_here_changes_in_a_dirty_tree(there: Reviewed, gh: Host, run: Run) -> None:
    there.checkout.write("notes", "half done")
    there.checkout.write("staged", "staged")
    there.checkout.git("add", "staged")
    there.party.edit("m30", "m45")
    before = there.snapshot()
    done = run(*REMOVE, "--branch", BRANCH, "--json")
    assert done.code == 0, done.err
    assert there.snapshot() == before
    assert "fedml-infra:sync_sched: m30" in there.of(BRANCH)
    assert OTHER not in there.of(BRANCH) and "fed_epoch: 2" in there.of(BRANCH)
    assert there.bare.git("diff", "--name-only", "main", BRANCH) == FILE
    assert "begins from what is committed" in done.err
    assert done.json["branch"]["pull_request"] == "https://example.org/pull/1"
    assert (done.json["applied"], epochs(there)) == (False, (1, 1))


def test_the_commit_and_the_pull_request_say_what_and_why(there: Reviewed, gh: Host, run: Run) -> None:
    run(*REMOVE, "--branch", BRANCH)
    title, _, body = there.bare.git("log", "-1", "--format=%B", BRANCH).partition("\n")
    assert title == f"Take account {OTHER} out of cardio"
    assert f"Account {OTHER} is no longer a member" in body and "epoch 2" in body
    words = gh.call("create")
    assert words[:2] == ["pr", "create"]
    assert {f"--head={BRANCH}", "--base=main", f"--title={title}", "--repo=github.com/charite/federations"} < {*words}
    assert any(word.startswith("--body=- Account") for word in words)


def test_the_same_again_changes_nothing_and_finds_its_pull_request(there: Reviewed, gh: Host, run: Run) -> None:
    run(*REMOVE, "--branch", BRANCH)
    commit = there.bare.git("rev-parse", BRANCH)
    again = run("members", "remove", OTHER, "--branch", BRANCH, "--json")
    assert (again.code, again.json["changed"], again.json["branch"]["commit"]) == (0, False, commit)
    assert len(gh.pulls) == 1


def test_a_branch_that_is_there_is_built_upon_and_its_key_is_rotated_once(there: Reviewed, gh: Host, run: Run) -> None:
    run("rotate-key", "--yes", "--branch", BRANCH)
    assert run("rotate-key", "--yes", "--branch", BRANCH).code == 0
    done = run("schedule", "h1", "--yes", "--branch", BRANCH)
    assert done.code == 0, done.err
    assert "fed_epoch: 2" in there.of(BRANCH) and "sync_sched: h1" in there.of(BRANCH)
    assert there.bare.git("rev-list", "--count", f"main..{BRANCH}") == "2"
    assert "epoch 2" in gh.call("edit")[-2]


def test_a_branch_that_was_merged_goes_on_from_there(there: Reviewed, gh: Host, run: Run) -> None:
    run("schedule", "h1", "--yes", "--branch", BRANCH)
    there.checkout.git("merge", "--quiet", "--no-ff", "-m", "merged", BRANCH)
    there.checkout.git("push", "--quiet", "origin", "main")
    assert run("schedule", "h2", "--yes", "--branch", BRANCH).code == 0
    assert there.bare.git("rev-list", "--count", f"main..{BRANCH}") == "1"


def test_where_nothing_would_change_there_is_no_branch(there: Reviewed, run: Run) -> None:
    done = run("schedule", "m30", "--yes", "--branch", BRANCH, "--json")
    assert (done.code, done.json["branch"]["commit"]) == (0, None)
    assert not there.checkout.repository.has_branch(BRANCH)


def test_a_change_that_is_not_agreed_to_leaves_no_branch(there: Reviewed, run: Run) -> None:
    assert run("schedule", "h1", "--branch", BRANCH).code == 2
    assert not there.checkout.repository.has_branch(BRANCH)


def test_neither_aws_nor_the_state_is_asked_and_a_change_without_secrets_needs_no_passphrase(
    there: Reviewed, gh: Host, run: Run
) -> None:
    def closed(*_: Any, **__: Any) -> Any:
        raise AuthenticationError("No credentials.")

    engine, aws = there.party.world.engine, there.party.world.aws
    for name in ("state", "outputs", "encrypt", "get_secrets", "init", "up", "preview"):
        setattr(engine, name, closed)
    for name in ("account_of", "get_roster", "put_roster", "caller_arn", "subscriptions"):
        setattr(aws, name, closed)
    assert run("schedule", "h1", "--yes", "--branch", BRANCH).code == 0
    done = run(*REMOVE, "--branch", "another")
    assert (done.code, there.checkout.repository.has_branch("another")) == (3, False)
    assert "No credentials." in done.err


def test_a_secret_is_opened_beside_an_empty_state(there: Reviewed, gh: Host, run: Run) -> None:
    there.party.edit("config:", "encryptionsalt: v1:abc\nconfig:")
    there.checkout.commit()
    assert run("rotate-key", "--yes", "--branch", BRANCH).code == 0
    assert str(there.party.world.engine.environment["PULUMI_BACKEND_URL"]).startswith("file:///")


def test_without_gh_the_address_is_told(there: Reviewed, run: Run) -> None:
    done = run(*REMOVE, "--branch", BRANCH)
    assert done.code == 0
    assert done.out.splitlines()[-1] == "https://github.com/charite/federations/pull/new/out/usz"


def test_a_gh_that_fails_is_told_and_the_branch_is_pushed(there: Reviewed, gh: Host, run: Run) -> None:
    gh.break_down("create")
    done = run(*REMOVE, "--branch", BRANCH, "--json")
    assert (done.code, done.json["branch"]["pull_request"]) == (0, None)
    assert "No pull request was opened. gh pr create: error: it is broken" in done.err
    assert OTHER not in there.of(BRANCH)


def test_a_pull_request_whose_text_may_not_be_changed_is_found_all_the_same(
    there: Reviewed, gh: Host, run: Run
) -> None:
    run(*REMOVE, "--branch", BRANCH)
    gh.break_down("edit")
    done = run("schedule", "h1", "--yes", "--branch", BRANCH, "--json")
    assert (done.code, done.json["branch"]["pull_request"]) == (0, "https://example.org/pull/1")


def test_who_is_not_logged_in_is_given_the_address(there: Reviewed, gh: Host, run: Run) -> None:
    gh.break_down("status")
    done = run(*REMOVE, "--branch", BRANCH, "--json")
    assert done.json["branch"]["address"] == f"{GITHUB.removesuffix('.git')}/pull/new/{BRANCH}"


def test_a_merge_request_is_opened_with_glab(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    there = reviewed(tmp_path / "lab", members=ENTRY, remote=GITLAB)
    glab = host(tmp_path / "glab", there.bare.root, monkeypatch, "glab")
    monkeypatch.chdir(there.checkout.root)
    given = ["schedule", "h1", "--yes", "--branch", BRANCH, "-C", str(there.checkout.root)]
    assert cli.main(given, tools=there.party.world.tools) == 0
    words = glab.call("create")
    assert {f"--source-branch={BRANCH}", "--target-branch=main", "--yes"} < {*words}


def test_without_a_remote_it_is_said_that_nothing_was_pushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = reviewed(tmp_path / "lone", remote=None)
    monkeypatch.chdir(there.checkout.root)
    assert cli.main(["schedule", "h1", "--yes", "--branch", BRANCH], tools=there.party.world.tools) == 0
    assert "no remote, so nothing was pushed" in capsys.readouterr().err
    assert "sync_sched: h1" in there.checkout.git("show", f"{BRANCH}:{FILE}")


def test_a_push_that_is_refused_leaves_the_commit_and_says_so(there: Reviewed, run: Run) -> None:
    hook = there.bare.root / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    before = there.snapshot()
    done = run("schedule", "h1", "--yes", "--branch", BRANCH, "--json")
    assert done.code == 2
    assert f"of the local branch {BRANCH}" in done.json["error"]["what"]
    assert "sync_sched: h1" in there.checkout.git("show", f"{BRANCH}:{FILE}")
    assert there.snapshot() == before
    hook.unlink()
    assert run("schedule", "h1", "--branch", BRANCH).code == 0
    assert "sync_sched: h1" in there.of(BRANCH)


@pytest.mark.parametrize("name", ["-x", "--upload-pack=x", "a..b", "a b", "a~1", ".a", "a.lock", "a/", "HEAD@{1}"])
def test_what_is_no_name_for_a_branch_is_refused(there: Reviewed, run: Run, name: str) -> None:
    done = run("schedule", "h1", "--yes", f"--branch={name}")
    assert done.code == 2
    assert "no name for a branch" in done.err


def test_the_branch_that_is_checked_out_is_refused(there: Reviewed, run: Run) -> None:
    done = run("schedule", "h1", "--yes", "--branch", "main")
    assert (done.code, "main is checked out here" in done.err) == (2, True)


def test_outside_a_repository_there_is_no_branch(tmp_path: Path, run: Run, there: Reviewed) -> None:
    (there.checkout.root / ".git").rename(tmp_path / "git")
    done = run("schedule", "h1", "--yes", "--branch", BRANCH)
    assert (done.code, "no git repository" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--branch", "x", "--no-apply"), "exclude each other"),
        (("--branch", "x", "--preview"), "exclude each other"),
        (("--no-apply", "--preview"), "exclude each other"),
    ],
)
@pytest.mark.parametrize("command", [REMOVE, ("rotate-key",), ("schedule", "h1"), ("topology", "centralized")])
def test_what_does_not_go_together_is_refused(
    run: Run, command: tuple[str, ...], options: tuple[str, ...], said: str
) -> None:
    done = run(*command, *options)
    assert (done.code, said in done.err) == (2, True)


@pytest.mark.parametrize("command", [("rotate-key", "--listen", "1"), ("schedule",), ("topology",)])
def test_what_brings_nothing_up_is_no_option_of_what_needs_that(run: Run, command: tuple[str, ...]) -> None:
    assert run(*command, "--no-apply").code == 2


def test_a_topology_is_proposed(there: Reviewed, gh: Host, run: Run) -> None:
    done = run("topology", "centralized", "--yes", "--branch", BRANCH, "--json")
    assert (done.code, done.json["topology"], done.json["applied"]) == (0, "centralized", False)
    assert "topology: centralized" in there.of(BRANCH) and "fed_epoch: 2" in there.of(BRANCH)
