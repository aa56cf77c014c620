"""The remote of a repository: where it is, what it has, and where a pull request is opened by hand."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit

from fedml_infra.errors import ConfigurationError
from fedml_infra.gitops.git import Repository
from fedml_infra.gitops.git_process import GitFailedError, git, text

WORKTREE_PREFIX = "fedml-infra-worktree-"
"""How the folders of `Repository.worktree` begin."""
_SCP = re.compile(r"(?:[^/@:]+@)?([^/:]+):(?!//)(.+)")


@dataclass(frozen=True)
class Place:
    """A repository on a host: `github.com` and `charite/federations`."""

    host: str
    path: str

    @classmethod
    def of(cls, url: str) -> Self | None:
        """That of a remote's URL, `https://…`, `ssh://…` or `git@host:path`; None of a folder."""
        parts = urlsplit(url)
        if parts.scheme in {"https", "http", "ssh", "git"} and parts.hostname:
            host, path = parts.hostname, parts.path
        elif not parts.scheme and (found := _SCP.fullmatch(url)) is not None:
            host, path = found[1], found[2]
        else:
            return None
        path = path.strip("/").removesuffix(".git")
        return cls(host.lower(), path) if path else None

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"https://{self.host}/{quote(self.path)}"

    def new_pull_request(self, branch: str) -> str:
        """Where a person opens a pull request of that branch; the repository itself on a host that is not known."""
        if "gitlab" in self.host:
            return f"{self.url}/-/merge_requests/new?merge_request%5Bsource_branch%5D={quote(branch, safe='')}"
        return f"{self.url}/pull/new/{quote(branch)}" if "github" in self.host else self.url


@dataclass(frozen=True)
class Remote:
    """A remote of a repository."""

    repository: Repository
    name: str
    url: str
    """As it is configured, with whatever credentials are in it: never to be shown."""

    @classmethod
    def of(cls, repository: Repository) -> Self | None:
        """`origin`, or the only one there is; None where there is none. ConfigurationError where several could be."""
        names = text(git(repository.root, ["remote"], what="Remotes cannot be listed")[1]).split()
        if not names:
            return None
        if "origin" not in names and len(names) > 1:
            raise ConfigurationError(
                f"{repository.root} has the remotes {', '.join(names)}, and none is called origin.",
                fix="`git remote rename NAME origin` says which one is pushed to.",
            )
        name = "origin" if "origin" in names else names[0]
        asked = ["config", "--get", f"remote.{name}.url"]
        return cls(repository, name, text(git(repository.root, asked, what=f"{name} has no URL")[1]).strip())

    @property
    def place(self) -> Place | None:
        """Where it is, as far as that is a host; git's own abbreviations (insteadOf) are looked through."""
        asked = ["remote", "get-url", "--", self.name]
        whole = text(git(self.repository.root, asked, what=f"{self.name} has no URL")[1]).strip()
        return Place.of(self.url) or Place.of(whole)

    @property
    def shown(self) -> str:
        """The URL without credentials."""
        return re.sub(r"(://)[^/\s@]+@", r"\1", self.url)

    def fetch(self) -> None:
        """Take over its branches, and forget those that are gone."""
        asked = ["fetch", "--quiet", "--no-tags", "--prune", "--no-recurse-submodules", "--", self.name]
        git(self.repository.root, asked, what=f"{self.name} cannot be fetched from", remote=True)

    def has(self, branch: str) -> str | None:
        """The commit of its branch, as it was last fetched or pushed; None where there is none."""
        with suppress(ConfigurationError):
            return self.repository.commit_of(f"refs/remotes/{self.name}/{branch}")
        return None

    def main(self) -> str | None:
        """The branch that its HEAD is, where a clone noted it."""
        asked = ["symbolic-ref", "--short", "--quiet", f"refs/remotes/{self.name}/HEAD"]
        code, out = git(self.repository.root, asked, what="No branch", fine=(0, 1, 128))
        return text(out).strip().removeprefix(f"{self.name}/") if code == 0 else None


def is_within(repository: Repository, commit: str, other: str) -> bool:
    """Whether `other` has all that `commit` has."""
    asked = ["merge-base", "--is-ancestor", commit, other]
    return git(repository.root, asked, what="Commits cannot be compared", fine=(0, 1))[0] == 0


def forward(tree: Repository, commit: str) -> None:
    """Have the branch that is checked out go on to a commit that follows it."""
    git(tree.root, ["merge", "--quiet", "--ff-only", commit], what=f"The branch cannot go on to {commit[:12]}")


def drop_branch(repository: Repository, branch: str, commit: str) -> None:
    """Take a local branch away, if it still is at that commit."""
    with suppress(GitFailedError):
        git(repository.root, ["update-ref", "-d", f"refs/heads/{branch}", commit], what=f"{branch} stays")


def sweep(repository: Repository, branch: str) -> None:
    """Take away a temporary worktree of that branch whose command was killed; nobody else may be writing the branch.

    git would let nobody check the branch out otherwise.
    """
    listed = text(git(repository.root, ["worktree", "list", "--porcelain", "-z"], what="No worktrees")[1])
    for one in listed.split("\0\0"):
        said = dict(line.partition(" ")[::2] for line in one.split("\0") if line)
        place = Path(said.get("worktree", ""))
        if said.get("branch") != f"refs/heads/{branch}" or not place.parent.name.startswith(WORKTREE_PREFIX):
            continue
        git(repository.root, ["worktree", "remove", "--force", str(place)], what=f"{place} stays")
        shutil.rmtree(place.parent, ignore_errors=True)
