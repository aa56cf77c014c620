"""Branches that are written beside what is checked out: what they begin from, what is left, where reviews are."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fedml_infra.errors import ConfigurationError, ConflictError, ResourceError
from fedml_infra.gitops.git import Repository
from fedml_infra.gitops.propose import at_desk, listed, propose
from fedml_infra.gitops.remotes import Place, Remote
from fedml_infra.gitops.reviews import LONGEST_BODY, reviews_at
from tests.gitops.proposals import FILE, Reviewed, host, reviewed
from tests.gitops.repositories import new_checkout

BRANCH = "a-branch"


@pytest.fixture
def there(tmp_path: Path) -> Reviewed:
    return reviewed(tmp_path, members="")


def write(there: Reviewed, text: str, branch: str = BRANCH) -> str | None:
    """Write the stack file on a branch, with a line added; its commit."""
    with at_desk(there.checkout.root, branch) as desk:
        path = desk.project / FILE
        path.write_text(path.read_text() + text)
        return propose(desk, path, "a title", "a body").commit


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://github.com/charite/federations.git", Place("github.com", "charite/federations")),
        ("https://somebody:secret@GitHub.com/charite/federations", Place("github.com", "charite/federations")),
        ("git@gitlab.example.org:a/b/c.git", Place("gitlab.example.org", "a/b/c")),
        ("ssh://git@example.org:22/a/b.git", Place("example.org", "a/b")),
        ("/srv/git/a.git", None),
        ("file:///srv/git/a.git", None),
        ("../a", None),
    ],
)
def test_a_remote_s_url_leads_to_its_host(url: str, place: Place | None) -> None:
    assert Place.of(url) == place


def test_where_a_pull_request_is_opened_by_hand() -> None:
    assert Place("github.com", "a/b").new_pull_request("x/y") == "https://github.com/a/b/pull/new/x/y"
    lab = Place("gitlab.example.org", "a/b").new_pull_request("x/y")
    assert lab == "https://gitlab.example.org/a/b/-/merge_requests/new?merge_request%5Bsource_branch%5D=x%2Fy"
    assert Place("example.org", "a/b").new_pull_request("x/y") == "https://example.org/a/b"


def test_credentials_in_a_remote_s_url_are_not_shown(tmp_path: Path) -> None:
    made = new_checkout(tmp_path / "a")
    made.git("remote", "add", "origin", "https://me:secret@example.org/a/b.git")
    remote = Remote.of(made.repository)
    assert remote is not None and remote.shown == "https://example.org/a/b.git"


def test_of_several_remotes_origin_is_meant_and_none_is_guessed(there: Reviewed) -> None:
    there.checkout.git("remote", "add", "another", "/nowhere")
    remote = Remote.of(there.checkout.repository)
    assert remote is not None and remote.name == "origin"
    there.checkout.git("remote", "rename", "origin", "third")
    with pytest.raises(ConfigurationError, match="another, third"):
        Remote.of(there.checkout.repository)


def test_another_remote_s_commits_are_never_overwritten(there: Reviewed) -> None:
    write(there, "# one\n")
    there.bare.git("update-ref", f"refs/heads/{BRANCH}", "main")
    somebody = there.checkout.root.parent / "somebody"
    there.bare.git("clone", "--quiet", "--branch", BRANCH, str(there.bare.root), str(somebody))
    elsewhere = Reviewed(there.party, type(there.checkout)(somebody), there.bare)
    elsewhere.checkout.write("theirs", "x")
    elsewhere.checkout.commit()
    elsewhere.checkout.git("push", "--quiet", "origin", BRANCH)
    theirs = there.bare.git("rev-parse", BRANCH)
    with pytest.raises(ConflictError, match="of the local branch a-branch"):
        write(there, "# two\n")
    assert there.bare.git("rev-parse", BRANCH) == theirs


def test_a_branch_that_only_the_remote_has_is_built_upon(there: Reviewed) -> None:
    first = write(there, "# one\n")
    there.checkout.git("branch", "-D", BRANCH)
    write(there, "# two\n")
    assert there.bare.git("rev-parse", f"{BRANCH}~1") == first
    assert there.of(BRANCH).endswith("# one\n# two")


def test_where_it_fails_the_branch_is_taken_back(there: Reviewed) -> None:
    before = there.snapshot()
    with pytest.raises(ResourceError), at_desk(there.checkout.root, BRANCH):
        raise ResourceError("it failed")
    assert there.snapshot() == before
    assert not there.checkout.repository.has_branch(BRANCH)


def test_a_project_that_is_not_committed_is_told(tmp_path: Path, there: Reviewed) -> None:
    inner = there.checkout.root / "inner"
    inner.mkdir()
    (inner / "Pulumi.yaml").write_text("name: fedml-infra\n")
    with pytest.raises(ConfigurationError, match="it is not committed"), at_desk(inner, BRANCH):
        pass


def test_a_project_below_the_root_is_found_there(there: Reviewed) -> None:
    there.checkout.write("inner/Pulumi.yaml", "name: fedml-infra\n")
    there.checkout.commit()
    with at_desk(there.checkout.root / "inner", BRANCH) as desk:
        assert desk.project == desk.tree.root / "inner"


def test_a_repository_without_a_commit_has_nothing_to_begin_from(tmp_path: Path) -> None:
    made = new_checkout(tmp_path / "a")
    made.write("Pulumi.yaml", "name: fedml-infra\n")
    with pytest.raises(ConfigurationError, match="no commit HEAD"), at_desk(made.root, BRANCH):
        pass


def test_a_branch_of_another_worktree_is_refused(there: Reviewed, tmp_path: Path) -> None:
    there.checkout.git("worktree", "add", "--quiet", "-b", BRANCH, str(tmp_path / "other"))
    with pytest.raises(Exception, match=BRANCH), at_desk(there.checkout.root, BRANCH):
        pass


@pytest.mark.parametrize("folder_is_gone", [False, True])
def test_a_command_that_was_killed_is_in_nobody_s_way(there: Reviewed, tmp_path: Path, folder_is_gone: bool) -> None:
    left = tmp_path / "fedml-infra-worktree-killed"
    there.checkout.git("worktree", "add", "--quiet", "-b", BRANCH, str(left / "tree"))
    if folder_is_gone:
        shutil.rmtree(left)
    assert write(there, "# one\n") is not None
    assert not left.exists()
    assert len(there.checkout.git("worktree", "list").splitlines()) == 1


def test_two_that_write_one_branch_wait_for_each_other(there: Reviewed) -> None:
    with ThreadPoolExecutor(2) as pool:
        done = [each.result() for each in [pool.submit(write, there, f"# {word}\n") for word in ("one", "two")]]
    assert None not in done
    assert {"# one", "# two"} < {*there.of(BRANCH).splitlines()}


def test_a_detached_head_is_reviewed_into_the_main_branch(
    there: Reviewed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh = host(tmp_path / "bin", there.bare.root, monkeypatch)
    there.checkout.git("checkout", "--quiet", "--detach")
    write(there, "# one\n")
    assert not any(word.startswith("--base") for word in gh.call("create"))


def test_no_shell_reads_a_title_and_no_secret_goes_along(
    there: Reviewed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh = host(tmp_path / "bin", there.bare.root, monkeypatch)
    program = tmp_path / "bin" / "gh"
    program.write_text(
        program.read_text().replace(
            "words = sys", "import os\n(here / 'env').write_text(str(dict(os.environ)))\nwords = sys"
        )
    )
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "hush-hush")
    remote = Remote.of(there.checkout.repository)
    reviews = reviews_at(remote) if remote is not None else None
    assert reviews is not None
    title = "$(touch pwned) `id`; --body=x"
    reviews.open("$(x)", None, title, "a" * 2 * LONGEST_BODY)
    words = gh.call("create")
    assert f"--title={title}" in words and "--head=$(x)" in words
    assert max(map(len, words)) < LONGEST_BODY + 10
    assert "very-secret" not in (tmp_path / "bin" / "env").read_text()
    assert "hush-hush" not in (tmp_path / "bin" / "env").read_text()


def test_a_fork_s_branch_of_the_same_name_is_not_ours(
    there: Reviewed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host(tmp_path / "bin", there.bare.root, monkeypatch)
    row = (
        f'[{{"number": 1, "url": "u", "state": "OPEN", "head": "{BRANCH}", "headRefOid": "0", '
        '"isCrossRepository": true}]'
    )
    (tmp_path / "bin" / "pulls").write_text(row)
    remote = Remote.of(Repository(there.checkout.root))
    reviews = reviews_at(remote) if remote is not None else None
    assert reviews is not None and reviews.of(BRANCH) == ()


def test_a_list_that_is_none_is_told(there: Reviewed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host(tmp_path / "bin", there.bare.root, monkeypatch)
    (tmp_path / "bin" / "gh").write_text("#!/bin/sh\necho nonsense\n")
    remote = Remote.of(there.checkout.repository)
    reviews = reviews_at(remote) if remote is not None else None
    assert reviews is not None
    with pytest.raises(ResourceError, match="no list"):
        reviews.of(BRANCH)


def test_what_changes_no_right_says_so() -> None:
    assert listed(()) == "- No rights change."
