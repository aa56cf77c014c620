"""git against real repositories: what changed, what a commit holds, and what git is never made to do."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fedml_infra.errors import ConfigurationError, ConflictError, FedmlError, TimedOutError
from fedml_infra.gitops.git import FileChange, Repository
from fedml_infra.gitops.git_process import GitFailedError, environment, git, said
from tests.gitops.repositories import Checkout, new_checkout


def test_a_repository_is_found_from_a_folder_in_it(checkout: Checkout) -> None:
    checkout.write("deep/er/file", "x")
    assert Repository.find(checkout.root / "deep/er").root == checkout.root


def test_a_folder_outside_any_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="lies in no git repository"):
        Repository.find(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no folder"):
        Repository.find(tmp_path / "gone")


def test_without_git_it_is_said(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout.root))
    with pytest.raises(ConfigurationError, match="git is not installed"):
        checkout.repository.current_branch()


@pytest.mark.parametrize("ref", ["nothing", "-v", "--help", "", "HEAD:file", "a..b", "main\nmain"])
def test_what_is_no_commit_is_refused(checkout: Checkout, ref: str) -> None:
    checkout.write("file", "x")
    checkout.commit()
    with pytest.raises(ConfigurationError, match="is no commit"):
        checkout.repository.commit_of(ref)


def test_a_branch_and_a_tag_are_commits(checkout: Checkout) -> None:
    commit = checkout.commit()
    checkout.git("tag", "--annotate", "v1", "--message", "one")
    assert {checkout.repository.commit_of(ref) for ref in ("main", "v1", commit[:10])} == {commit}


def test_two_branches_have_a_commit_in_common(checkout: Checkout) -> None:
    base = checkout.commit()
    checkout.git("switch", "--quiet", "--create", "other")
    checkout.commit("on other")
    checkout.git("switch", "--quiet", "main")
    checkout.commit("on main")
    assert checkout.repository.merge_base("main", "other") == base


def test_unrelated_histories_have_none(checkout: Checkout) -> None:
    checkout.commit()
    checkout.git("switch", "--quiet", "--orphan", "other")
    checkout.commit("on other")
    with pytest.raises(ConfigurationError, match="no commit in common"):
        checkout.repository.merge_base("main", "other")


def test_changes_between_commits_have_their_status_and_mode(checkout: Checkout) -> None:
    for name in ("kept", "changed", "removed", "old name"):
        checkout.write(name, f"{name}\n" * 20)
    base = checkout.commit()
    checkout.write("changed", "other")
    (checkout.root / "removed").unlink()
    (checkout.root / "old name").rename(checkout.root / "neuer Näme\n")
    (checkout.root / "link").symlink_to("kept")
    checkout.write("run", "x").chmod(0o755)
    head = checkout.commit()
    expected = (
        FileChange("changed", "changed", "100644"),
        FileChange("link", "added", "120000"),
        FileChange("neuer Näme\n", "added", "100644"),
        FileChange("old name", "removed", "100644"),
        FileChange("removed", "removed", "100644"),
        FileChange("run", "added", "100755"),
    )
    assert checkout.repository.changed(base, head) == expected
    assert checkout.repository.changed(base, None) == expected


def test_the_working_tree_counts_with_what_git_does_not_know_and_does_not_ignore(checkout: Checkout) -> None:
    checkout.write("known", "x")
    checkout.write(".gitignore", "*.secret\n")
    base = checkout.commit()
    checkout.write("known", "y")
    checkout.write("folder/new", "z")
    checkout.write("a.secret", "z")
    assert [(one.path, one.status) for one in checkout.repository.changed(base, None)] == [
        ("folder/new", "added"),
        ("known", "changed"),
    ]


def test_a_file_that_only_its_time_makes_look_changed_is_not(checkout: Checkout) -> None:
    file = checkout.write("known", "x")
    base = checkout.commit()
    os.utime(file, (1, 1))
    assert checkout.repository.changed(base, None) == ()


def test_a_file_out_of_the_index_and_still_there_is_compared_by_being_there(checkout: Checkout) -> None:
    checkout.write("known", "x")
    base = checkout.commit()
    checkout.git("rm", "--quiet", "--cached", "known")
    assert [(one.path, one.status) for one in checkout.repository.changed(base, None)] == [("known", "changed")]


def test_entries_of_a_tree_tell_links_and_modules_from_files(checkout: Checkout) -> None:
    checkout.write("stacks/a", "four")
    checkout.write("stacks/deep/b", "x")
    (checkout.root / "stacks/link").symlink_to("a")
    checkout.git("add", "--all")
    checkout.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},stacks/module")
    checkout.git("commit", "--quiet", "--message", "all")
    found = {one.path: (one.mode, one.kind, one.size) for one in checkout.repository.entries("HEAD", "stacks")}
    assert found == {
        "stacks/a": ("100644", "blob", 4),
        "stacks/deep": ("040000", "tree", 0),
        "stacks/link": ("120000", "blob", 1),
        "stacks/module": ("160000", "commit", 0),
    }


def test_the_root_of_a_tree_is_listed_and_a_folder_that_is_not_there_is_empty(checkout: Checkout) -> None:
    checkout.write("stacks/a", "x")
    checkout.commit()
    assert [one.path for one in checkout.repository.entries("HEAD", "")] == ["stacks"]
    assert checkout.repository.entries("HEAD", "nothing") == ()


@pytest.mark.parametrize("path", ["nothing", "*", ":(glob)**", "stacks/*"])
def test_paths_are_literal(checkout: Checkout, path: str) -> None:
    checkout.write("stacks/a", "x")
    checkout.commit()
    assert checkout.repository.entry("HEAD", path) is None


def test_a_blob_is_read_as_it_is_stored(checkout: Checkout) -> None:
    checkout.write(".gitattributes", "* text eol=crlf\n")
    blob = checkout.git("hash-object", "-w", "--no-filters", str(checkout.write("a", b"one\r\ntwo\n\x00\xff")))
    assert checkout.repository.read(blob) == b"one\r\ntwo\n\x00\xff"


def test_several_blobs_are_read_by_one_process(checkout: Checkout) -> None:
    for name in ("a", "b"):
        checkout.write(name, name * 3)
    checkout.write("empty", "")
    checkout.commit()
    entries = checkout.repository.entries("HEAD", "")
    found = checkout.repository.read_all(one.oid for one in entries)
    assert [found[one.oid] for one in entries] == [b"aaa", b"bbb", b""]


def test_what_is_no_blob_is_refused(checkout: Checkout) -> None:
    commit = checkout.commit()
    for oid in (commit, "0" * 40):
        with pytest.raises(ConfigurationError, match="is no file"):
            checkout.repository.read(oid)
    with pytest.raises(ValueError, match="names no object"):
        checkout.repository.read("--all")


def _branches(checkout: Checkout, ours: str, theirs: str) -> None:
    checkout.write("file", "".join(f"{number}\n" for number in range(30)))
    checkout.commit()
    checkout.git("switch", "--quiet", "--create", "theirs")
    checkout.write("file", theirs)
    checkout.commit()
    checkout.git("switch", "--quiet", "main")
    checkout.write("file", ours)
    checkout.commit()


def test_a_merged_tree_holds_the_changes_of_both_and_nothing_is_checked_out(checkout: Checkout) -> None:
    lines = [f"{number}\n" for number in range(30)]
    _branches(checkout, "".join(["ours\n", *lines[1:]]), "".join([*lines[:-1], "theirs\n"]))
    tree = checkout.repository.merged_tree("main", "theirs")
    entry = checkout.repository.entry(tree, "file")
    assert entry is not None
    assert checkout.repository.read(entry.oid).decode() == "".join(["ours\n", *lines[1:-1], "theirs\n"])
    assert checkout.git("status", "--porcelain") == ""


def test_a_conflict_names_its_files(checkout: Checkout) -> None:
    _branches(checkout, "ours\n", "theirs\n")
    with pytest.raises(ConflictError) as caught:
        checkout.repository.merged_tree("main", "theirs")
    assert [problem.key for problem in caught.value.problems] == ["file"]


def test_neither_merging_nor_comparing_starts_a_program_that_the_repository_names(checkout: Checkout) -> None:
    canary = checkout.root.parent / "canary"
    program = checkout.root.parent / "program"
    program.write_text(f"#!/bin/sh\necho x >> '{canary}'\n")
    program.chmod(0o755)
    for name in ("diff.evil.command", "diff.evil.textconv", "diff.external", "core.fsmonitor", "core.pager"):
        checkout.git("config", name, str(program))
    hooks = checkout.root / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "pre-commit", "commit-msg", "post-commit", "pre-push", "reference-transaction"):
        (hooks / name).symlink_to(program)
    canary.unlink(missing_ok=True)
    repository = checkout.repository
    checkout.write(".gitattributes", "* diff=evil\n")
    checkout.write("file", "one\n")
    assert repository.commit([".gitattributes", "file"], "one")
    checkout.write("file", "two\n")
    repository.changed("HEAD", None)
    repository.merged_tree("HEAD", "HEAD")
    with repository.worktree("side", "HEAD") as side:
        side.changed("HEAD", None)
    remote = new_checkout(checkout.root.parent / "remote")
    checkout.git("remote", "add", "origin", str(remote.root))
    repository.push("side")
    assert not canary.exists()


def test_variables_of_a_hook_do_not_move_what_is_asked(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    other = new_checkout(checkout.root.parent / "other")
    other.commit()
    mine = checkout.commit("mine")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    assert checkout.repository.commit_of("HEAD") == mine


def test_git_is_given_no_secret_of_ours() -> None:
    outer = {
        "PULUMI_CONFIG_PASSPHRASE": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "GIT_TRACE": "1",
        "GIT_SSH_COMMAND": "ssh -i key",
        "HOME": "/h",
    }
    assert environment(outer, remote=False).keys() & outer.keys() == {"GIT_SSH_COMMAND", "HOME"}
    assert environment(outer, remote=True).keys() & outer.keys() == {"AWS_SECRET_ACCESS_KEY", "GIT_SSH_COMMAND", "HOME"}


def test_credentials_in_an_address_are_not_told() -> None:
    told = said(b"hint: x\nfatal: unable to access 'https://token123456@host/x': no\n")
    assert told == "fatal: unable to access 'https://[secret]@host/x': no"
    assert "hunter22" not in said(b"fatal: 'https://user:hunter22@host/x' is gone\n")


def test_the_branch_that_is_checked_out_is_named(checkout: Checkout) -> None:
    commit = checkout.commit()
    assert checkout.repository.current_branch() == "main"
    checkout.git("switch", "--quiet", "--detach", commit)
    assert checkout.repository.current_branch() is None


def test_only_the_paths_named_are_committed(checkout: Checkout) -> None:
    for name in ("a", "b", "gone"):
        checkout.write(name, "1")
    checkout.commit()
    for name in ("a", "b", "new"):
        checkout.write(name, "2")
    (checkout.root / "gone").unlink()
    checkout.git("add", "b")
    made = checkout.repository.commit(["a", checkout.root / "new", "gone", "never there"], "# not a comment\n\ntext")
    assert made == checkout.git("rev-parse", "HEAD")
    assert checkout.git("show", "--name-status", "--format=%B", "HEAD").splitlines() == [
        "# not a comment", "", "text", "", "", "M\ta", "D\tgone", "A\tnew",
    ]  # fmt: skip
    assert checkout.git("diff", "--cached", "--name-only") == "b"


def test_where_nothing_changed_nothing_is_committed(checkout: Checkout) -> None:
    checkout.write("a", "1")
    before = checkout.commit()
    assert checkout.repository.commit(["a", "never there"], "no change") is None
    assert checkout.git("rev-parse", "HEAD") == before


def test_the_first_commit_of_a_repository_can_be_made(checkout: Checkout) -> None:
    checkout.write("a", "1")
    assert checkout.repository.commit(["a"], "first")


def test_a_path_outside_the_repository_is_refused(checkout: Checkout) -> None:
    with pytest.raises(ConfigurationError, match="lies outside"):
        checkout.repository.commit(["../elsewhere"], "x")


def test_an_ignored_file_is_not_committed_and_git_says_why(checkout: Checkout) -> None:
    checkout.write(".gitignore", "*.secret\n")
    checkout.commit()
    checkout.write("a.secret", "x")
    with pytest.raises(FedmlError, match="Nothing was committed"):
        checkout.repository.commit(["a.secret"], "x")


def test_without_an_identity_it_says_how_to_give_one(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL"):
        monkeypatch.delenv(f"GIT_{name}")
    checkout.git("config", "user.useConfigOnly", "true")
    checkout.write("a", "1")
    with pytest.raises(FedmlError, match=r"user\.name"):
        checkout.repository.commit(["a"], "first")


@pytest.fixture
def remote(checkout: Checkout) -> Checkout:
    """A bare repository that `origin` names; both have one commit on main."""
    made = Checkout(checkout.root.parent / "remote.git")
    made.root.mkdir()
    made.git("init", "--quiet", "--bare", "--initial-branch=main")
    checkout.git("remote", "add", "origin", str(made.root))
    checkout.commit()
    checkout.git("push", "--quiet", "origin", "main")
    return made


def test_a_branch_is_pushed(checkout: Checkout, remote: Checkout) -> None:
    commit = checkout.commit("more")
    checkout.repository.push("main")
    assert remote.git("rev-parse", "main") == commit


def test_a_remote_that_went_on_is_a_conflict_and_stays_as_it_is(checkout: Checkout, remote: Checkout) -> None:
    theirs = checkout.commit("theirs")
    checkout.repository.push("main")
    checkout.git("reset", "--quiet", "--hard", "HEAD~1")
    checkout.commit("ours")
    with pytest.raises(ConflictError, match="was not pushed"):
        checkout.repository.push("main")
    assert remote.git("rev-parse", "main") == theirs


def test_a_remote_that_is_not_there_is_told_in_gits_own_words(checkout: Checkout) -> None:
    checkout.commit()
    with pytest.raises(GitFailedError, match="nowhere"):
        checkout.repository.push("main", remote="nowhere")


@pytest.mark.parametrize("branch", ["-x", "--all", "a..b", "a b", "", "@{-1}", "x:y", "refs/heads/../x"])
def test_what_is_no_name_of_a_branch_is_refused(checkout: Checkout, branch: str) -> None:
    checkout.commit()
    with pytest.raises(ConfigurationError, match="is no name for a branch"):
        checkout.repository.push(branch)


def test_a_worktree_is_temporary_and_its_branch_stays(checkout: Checkout) -> None:
    checkout.write("a", "1")
    checkout.commit()
    checkout.write("a", "under way")
    with checkout.repository.worktree("add/x", "main") as side:
        assert (side.root / "a").read_text() == "1"
        (side.root / "a").write_text("2")
        commit = side.commit(["a"], "two")
        place = side.root
    assert not place.exists()
    assert checkout.repository.commit_of("add/x") == commit
    assert (checkout.root / "a").read_text() == "under way"
    assert len(checkout.git("worktree", "list").splitlines()) == 1


def test_a_worktree_of_a_branch_that_is_there_goes_on_from_it(checkout: Checkout) -> None:
    checkout.commit()
    checkout.git("branch", "side")
    checkout.commit("main goes on")
    with checkout.repository.worktree("side", "main") as side:
        assert side.commit_of("HEAD") == checkout.repository.commit_of("main~1")


def test_a_block_that_fails_leaves_no_new_branch(checkout: Checkout) -> None:
    checkout.commit()
    with pytest.raises(RuntimeError), checkout.repository.worktree("side", "main"):
        raise RuntimeError
    assert not checkout.repository.has_branch("side")


def test_a_branch_that_is_checked_out_is_refused_in_gits_own_words(checkout: Checkout) -> None:
    checkout.commit()
    with pytest.raises(GitFailedError, match="already checked out"), checkout.repository.worktree("main", "main"):
        pass


def test_git_that_does_not_end_is_stopped(checkout: Checkout) -> None:
    """And so is what it has started: its end of a pipe is closed with it."""
    fifo = checkout.root / "fifo"
    os.mkfifo(fifo)
    checkout.git("config", "alias.wait", f"!exec sleep 600 > '{fifo}'")
    with ThreadPoolExecutor() as pool:
        closed = pool.submit(fifo.read_bytes)
        with pytest.raises(TimedOutError):
            git(checkout.root, ["wait"], what="Waiting", seconds=0.5)
        assert closed.result(60) == b""
