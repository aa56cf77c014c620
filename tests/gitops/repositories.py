"""Real git repositories in a test's folder, away from the settings of whoever runs the tests."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fedml_infra.gitops.git import Repository

IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


@dataclass(frozen=True)
class Checkout:
    """A working tree, and git in it as a person uses it."""

    root: Path

    @property
    def repository(self) -> Repository:
        return Repository(self.root)

    def git(self, *arguments: str) -> str:
        """What git answers."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env={**os.environ, **IDENTITY},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def write(self, path: str, content: str | bytes) -> Path:
        """A file, with the folders that it needs."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def commit(self, message: str = "a change") -> str:
        """Everything that is there, committed."""
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")


def new_checkout(root: Path) -> Checkout:
    """An empty repository whose branch is main."""
    root.mkdir(parents=True, exist_ok=True)
    made = Checkout(root)
    made.git("init", "--quiet", "--initial-branch=main")
    return made
