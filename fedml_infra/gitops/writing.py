"""Commits that are made without a working tree: one file of a commit replaced, and the result pushed somewhere.

Nothing that is checked out, staged or running here is touched, so a pipeline can commit in the middle of its work.
"""

from __future__ import annotations

from fedml_infra.errors import FedmlError
from fedml_infra.gitops.git import Repository
from fedml_infra.gitops.git_process import git, text

NOBODY = ("-c", "user.name=fedml-infra", "-c", "user.email=fedml-infra@localhost")
"""Who commits where git was told nobody, as in most pipelines."""


def committed(repository: Repository, onto: str, path: str, content: bytes, message: str) -> str:
    """A commit on `onto` in which the file at `path` is `content`; its name. No branch points to it."""
    blob = _line(repository, ["hash-object", "-w", "--stdin"], content)
    tree = _replaced(repository, f"{onto}^{{tree}}", path.split("/"), blob)
    return _line(repository, [*_identity(repository), "commit-tree", tree, "-p", onto, "-F", "-"], message.encode())


def push_commit(
    repository: Repository, remote: str, commit: str, branch: str, *, instead_of: str | None = None
) -> None:
    """Have the remote's branch be that commit, which follows what is there.

    `instead_of`: the commit that the branch must be at, and that need not be followed. GitFailedError where the
    remote does not take it.
    """
    ref = f"refs/heads/{branch}"
    lease = [f"--force-with-lease={ref}:{instead_of}"] if instead_of is not None else []
    asked = ["push", "--quiet", "--no-verify", *lease, "--", remote, f"{commit}:{ref}"]
    git(repository.root, asked, what=f"{branch} was not pushed to {remote}", remote=True)


def go_on(repository: Repository, was: str, commit: str, path: str) -> bool:
    """Have HEAD, where it is at `was`, be a commit that follows it and differs in `path` alone, as the working tree
    has it already; whether it was there."""
    if repository.commit_of("HEAD") != was:
        return False
    try:
        git(repository.root, ["update-ref", "HEAD", commit, was], what="HEAD stays where it is")
        git(repository.root, ["add", "--", path], what=f"{path} was not noted")
    except FedmlError:
        return False
    return True


def _replaced(repository: Repository, tree: str, parts: list[str], blob: str) -> str:
    """The tree with the blob at that path."""
    name, rest = parts[0], parts[1:]
    rows = git(repository.root, ["ls-tree", "-z", tree], what="A tree cannot be read")[1].split(b"\0")
    kept = [row for row in rows if row and row.partition(b"\t")[2] != name.encode()]
    there = next((row for row in rows if row.partition(b"\t")[2] == name.encode()), None)
    if rest:
        if there is None:
            raise FedmlError(f"There is no folder {name} in {tree}.")
        below = text(there.split()[2])
        entry = f"040000 tree {_replaced(repository, below, rest, blob)}\t{name}"
    else:
        entry = f"100644 blob {blob}\t{name}"
    return _line(repository, ["mktree", "-z"], b"\0".join([*kept, entry.encode(), b""]))


def _identity(repository: Repository) -> tuple[str, ...]:
    code, _ = git(repository.root, ["var", "GIT_COMMITTER_IDENT"], what="Nobody commits", fine=(0, 1, 128))
    return () if code == 0 else NOBODY


def _line(repository: Repository, arguments: list[str], feed: bytes) -> str:
    return text(git(repository.root, arguments, what="Nothing was committed", feed=feed)[1]).strip()
