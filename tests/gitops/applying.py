"""A federation's repository with a remote, as a pipeline works on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedml_infra.engine.stack_files import StackFile
from fedml_infra.gitops.apply import Applying, Outcome
from fedml_infra.gitops.hosting.double import InMemoryHost
from tests.gitops.repositories import Checkout, new_checkout
from tests.operations.federations import ENTRY, Party, hub

REFUSES = (
    '#!/bin/sh\nwhile read old new ref; do case "$ref" in {refs}) echo "protected branch" >&2; exit 1;; esac; done\n'
)


@dataclass
class Pipeline:
    """The checkout, its remote, and the hub that is up."""

    party: Party
    checkout: Checkout
    remote: Path
    base: str
    said: list[str] = field(default_factory=list)
    host: InMemoryHost = field(default_factory=InMemoryHost)

    def applying(self, **more: Any) -> Applying:
        world = self.party.world
        given: dict[str, Any] = {"branch": "main", "host": self.host, **more}
        return Applying(world.project, self.checkout.repository, world.engine, world.aws, self.said.append, **given)

    def apply(self, base: str | None = None, **more: Any) -> dict[str, Outcome]:
        """The whole run; outcomes by stack."""
        applying = self.applying(**more)
        outcomes, _ = applying.all(applying.touched(base or self.base))
        return {one.stack: one for one in outcomes}

    def pushed(self, message: str = "reviewed") -> str:
        """All that is there is committed and merged."""
        commit = self.checkout.commit(message)
        self.checkout.git("push", "--quiet", "origin", "HEAD:main")
        return commit

    def on_remote(self, branch: str = "main") -> dict[str, Any] | None:
        """What the remote's branch has of the stack file; None where there is no such branch."""
        self.checkout.git("fetch", "--quiet", "--prune", "origin")
        listed = self.checkout.git("branch", "--remotes", "--list", f"origin/{branch}")
        if not listed:
            return None
        text = self.checkout.git("show", f"origin/{branch}:stacks/Pulumi.cardio.yaml")
        return StackFile(Path("Pulumi.cardio.yaml"), text + "\n", on_disk=None).config

    def log(self, branch: str = "main") -> list[str]:
        """Subjects of the remote's commits, the newest first."""
        return self.checkout.git("log", "--format=%s", f"origin/{branch}").splitlines()

    def protect(self, refs: str = "refs/heads/main") -> None:
        """The remote takes no push to these (a pattern of the shell's)."""
        hook = self.remote / "hooks" / "pre-receive"
        hook.write_text(REFUSES.format(refs=refs))
        hook.chmod(0o755)

    def somebody_pushes(self, old: str, new: str, path: str = "stacks/Pulumi.cardio.yaml") -> None:
        """From another checkout."""
        other = self.remote.parent / "theirs"
        if not other.exists():
            self.checkout.git("clone", "--quiet", str(self.remote), str(other))
        theirs = Checkout(other)
        theirs.git("pull", "--quiet", "origin", "main")
        file = other / path
        text = file.read_text() if file.exists() else old
        assert old in text
        theirs.write(path, text.replace(old, new))
        theirs.commit("theirs")
        theirs.git("push", "--quiet", "origin", "HEAD:main")

    def remove_member(self) -> str:
        """The change that makes a rotation due, reviewed and merged."""
        self.party.edit(f"  fedml-infra:members:\n    - {ENTRY}\n", "")
        return self.pushed("Remove the member")

    @property
    def epoch(self) -> int:
        """Of the federation as it was last brought up."""
        return int(self.party.outputs["federation"]["epoch"])


def pipeline(folder: Path) -> Pipeline:
    """A hub with one member, up, committed and pushed."""
    root = folder / "checkout"
    party = hub(root)
    remote = folder / "remote.git"
    checkout = new_checkout(root)
    checkout.git("init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    checkout.git("remote", "add", "origin", str(remote))
    made = Pipeline(party, checkout, remote, "")
    made.base = made.pushed("up")
    return made
