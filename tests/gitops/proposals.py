"""A hub whose stack file is reviewed: committed in a repository with a bare remote, and the host's command line played
by a small program that writes down what it was called with."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.gitops.repositories import Checkout, new_checkout
from tests.operations.federations import ENTRY, Party, hub

GITHUB, GITLAB = "https://github.com/charite/federations.git", "https://gitlab.com/charite/federations.git"
FILE = "stacks/Pulumi.cardio.yaml"

_PROGRAM = """\
#!{python}
import json, pathlib, subprocess, sys
here = pathlib.Path({folder!r})
words = sys.argv[1:]
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
if (here / "broken").exists() and words[1] in (here / "broken").read_text().split():
    sys.exit("error: it is broken")
pulls = here / "pulls"
rows = json.loads(pulls.read_text()) if pulls.exists() else []
given = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
branch = given.get("head") or given.get("source-branch")
ref = f"refs/heads/{{branch}}"
found = subprocess.run(["git", "ls-remote", {bare!r}, ref], capture_output=True, text=True).stdout.split()
commit = found[0] if found else ""
for row in rows:
    if row["head"] == branch and row["state"].lower().startswith("open") and commit:
        row["headRefOid"] = row["sha"] = commit
if words[1] == "list":
    print(json.dumps([row for row in rows if row["head"] == branch][::-1]))
elif words[1] == "create":
    number = len(rows) + 1
    url = f"https://example.org/pull/{{number}}"
    rows.append(dict(number=number, iid=number, url=url, web_url=url, state="OPEN", head=branch, headRefOid=commit,
                     sha=commit, isCrossRepository=False, source_project_id=1, target_project_id=1))
    print("Creating pull request", url)
pulls.write_text(json.dumps(rows))
"""


@dataclass(frozen=True)
class Host:
    """`gh` or `glab` on PATH."""

    folder: Path

    @property
    def calls(self) -> list[list[str]]:
        """The words of each call."""
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def call(self, verb: str) -> list[str]:
        """The last one with that verb."""
        return [words for words in self.calls if words[1] == verb][-1]

    @property
    def pulls(self) -> list[dict[str, Any]]:
        """All pull requests."""
        file = self.folder / "pulls"
        return list(json.loads(file.read_text())) if file.exists() else []

    def set_state(self, state: str, number: int = 1) -> None:
        """As a person does in a browser."""
        rows = self.pulls
        rows[number - 1]["state"] = state
        (self.folder / "pulls").write_text(json.dumps(rows))

    def break_down(self, *verbs: str) -> None:
        """These verbs fail from now on."""
        (self.folder / "broken").write_text(" ".join(verbs))


@dataclass(frozen=True)
class Reviewed:
    """The administrator's clone, and the remote that it was cloned from."""

    party: Party
    checkout: Checkout
    bare: Checkout

    def of(self, branch: str, path: str = FILE) -> str:
        """A file as the remote has it on a branch."""
        return self.bare.git("show", f"refs/heads/{branch}:{path}")

    def snapshot(self) -> tuple[str, ...]:
        """All that a person would see change: files, index, branch, worktrees."""
        files = sorted(path for path in self.checkout.root.rglob("*") if path.is_file() and ".git" not in path.parts)
        return (
            self.checkout.git("status", "--porcelain=v2", "--branch", "--untracked-files=all"),
            self.checkout.git("diff", "--cached"),
            self.checkout.git("worktree", "list", "--porcelain"),
            *(f"{path}\n{path.read_bytes()!r}" for path in files if "store" not in path.parts),
        )

    def merge(self, branch: str, *, delete: bool = True) -> None:
        """As a host merges a pull request: squashed, into main."""
        clone = self.bare.root.parent / "merging"
        elsewhere = Checkout(clone)
        if not clone.exists():
            self.bare.git("clone", "--quiet", str(self.bare.root), str(clone))
        elsewhere.git("fetch", "--quiet", "--prune", "origin")
        elsewhere.git("checkout", "--quiet", "-B", "main", "origin/main")
        elsewhere.git("merge", "--quiet", "--squash", f"origin/{branch}")
        elsewhere.git("commit", "--quiet", "--message", "merged")
        elsewhere.git("push", "--quiet", "origin", "main")
        if delete:
            self.delete(branch)

    def delete(self, branch: str) -> None:
        """Take a branch off the remote."""
        self.bare.git("branch", "--quiet", "-D", branch)


def reviewed(folder: Path, *, members: str = ENTRY, remote: str | None = GITHUB) -> Reviewed:
    """A hub that is up, committed and pushed. `remote`: what the remote is called; None for none."""
    party = hub(folder / "hub", members=members)
    checkout = new_checkout(party.world.project)
    checkout.write(".gitignore", "store/\n")
    checkout.commit("a federation")
    bare = Checkout(folder / "remote.git")
    bare.root.mkdir()
    bare.git("init", "--quiet", "--bare", "--initial-branch=main")
    if remote is not None:
        # The remote has a host's name, and lies in the folder.
        checkout.git("config", f"url.{bare.root}.insteadOf", remote)
        checkout.git("remote", "add", "origin", remote)
        checkout.git("push", "--quiet", "--set-upstream", "origin", "main")
    return Reviewed(party, checkout, bare)


def host(folder: Path, bare: Path, monkeypatch: pytest.MonkeyPatch, name: str = "gh") -> Host:
    """The host's command line, first on PATH."""
    import os

    folder.mkdir()
    program = folder / name
    program.write_text(_PROGRAM.format(python=sys.executable, folder=str(folder), bare=str(bare)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return Host(folder)
