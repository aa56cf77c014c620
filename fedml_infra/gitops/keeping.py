"""Keep in git what a rotation wrote into a stack file, before anything is brought up with it.

The new key is nowhere else: brought up and then lost, it would leave a federation that its own stack file cannot
describe. So it is committed and pushed first: to the branch that was applied, on whatever that is at by now; where that
takes no push, to a branch of its own, to be merged by a pull request.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedml_infra.engine.stack_files import StackFile
from fedml_infra.errors import ConflictError, FedmlError, ResourceError
from fedml_infra.gitops.git import Repository
from fedml_infra.gitops.hosting.protocol import Host
from fedml_infra.gitops.plans import ROTATED
from fedml_infra.gitops.remotes import Remote
from fedml_infra.gitops.writing import committed, go_on, push_commit
from fedml_infra.operations.rotate import EPOCH

PUSHES = 3
"""Times that a push is tried, while others push to the same branch."""
SKIP = "[skip ci]"
"""Neither GitHub nor GitLab starts a pipeline for a commit that says so."""
_ENCRYPTION = re.compile(r"^(?:encryptionsalt|encryptedkey|secretsprovider):.*$", re.MULTILINE)


@dataclass(frozen=True)
class Kept:
    """Where a rotation is kept."""

    epoch: int
    commit: str | None
    branch: str | None
    """The remote's branch; None where it is only here."""
    waits: bool = False
    """Whether that is a branch of its own, to be merged."""
    pull_request: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "epoch": self.epoch,
            "commit": self.commit,
            "branch": self.branch,
            "waits_for_merge": self.waits,
            "pull_request": self.pull_request,
        }

    @property
    def words(self) -> str:
        """For people."""
        if self.branch is None:
            where = (
                f"in commit {self.commit[:12]}, here alone" if self.commit else "in the working tree alone: commit it"
            )
            return f"The key of epoch {self.epoch} is {where}."
        if not self.waits:
            return f"The key of epoch {self.epoch} is committed to {self.branch}."
        by = f" by {self.pull_request}" if self.pull_request else ""
        return (
            f"The key of epoch {self.epoch} is in the branch {self.branch}, as this one takes no push: "
            f"merge it{by} before the stack file is changed again."
        )


@dataclass
class Keeper:
    """Keeps the rotations of one stack. `path` is its file, `before` what is committed of it, `branch` what is applied,
    None where nobody knows.

    `writes` False: nothing is committed. `because` are the accounts that had the key before.
    """

    repository: Repository
    stack: str
    path: Path
    before: bytes
    branch: str | None
    say: Callable[[str], None]
    host: Host | None = None
    writes: bool = True
    because: tuple[str, ...] = ()
    kept: Kept | None = field(default=None, init=False)

    def keep(self) -> None:
        """Keep what the file says by now, wherever that is possible, and say where.

        Done already it is not done again. Raises ResourceError where it cannot be: the file is then as it was before.
        """
        try:
            self.kept = self._kept()
        except FedmlError as error:
            self.path.write_bytes(self.before)
            raise ResourceError(
                f"The key of {self.stack} has to be rotated, and the new one cannot be kept in git, so nothing was "
                f"brought up with it: {error.what}",
                fix="Let the pipeline push to the branch that it applies, or at least to branches that begin with "
                "fedml-infra/ (GitHub: `contents: write`), and run it again. The stack file is as it was.",
            ) from None
        self.before = self.path.read_bytes()
        self.say(self.kept.words)

    def _kept(self) -> Kept:
        file = StackFile.read(self.path)
        epoch = int(file.config[EPOCH])
        if not self.writes:
            return Kept(epoch, None, None)
        remote = Remote.of(self.repository)
        if remote is None:
            commit = self.repository.commit([self.path], self._message(epoch, skip=True))
            return Kept(epoch, commit or self.repository.commit_of("HEAD"), None)
        if self.branch is not None:
            found = self._on_branch(remote, self.branch, file, epoch)
            if found is not None:
                return found
        return self._beside(remote, file, epoch)

    def _on_branch(self, remote: Remote, branch: str, file: StackFile, epoch: int) -> Kept | None:
        """On the branch that is applied; None where that takes no push."""
        for _ in range(PUSHES):
            remote.fetch()
            tip = remote.has(branch)
            if tip is None:
                return None
            content = self._with_rotation(tip, file)
            if content is None:
                return Kept(epoch, tip, branch)
            commit = committed(self.repository, tip, self._below, content, self._message(epoch, skip=True))
            try:
                push_commit(self.repository, remote.name, commit, branch)
            except FedmlError:
                remote.fetch()
                if remote.has(branch) == tip:
                    return None  # it did not move, so it takes no push
                continue
            go_on(self.repository, tip, commit, self._below)
            return Kept(epoch, commit, branch)
        return None

    def _beside(self, remote: Remote, file: StackFile, epoch: int) -> Kept:
        """On a branch of its own. One of that name is replaced: its rotation never came up, or the epoch were past."""
        name = f"fedml-infra/{self.stack}-epoch-{epoch}"
        remote.fetch()
        tip = (remote.has(self.branch) if self.branch is not None else None) or self.repository.commit_of("HEAD")
        there = remote.has(name)
        content = self._with_rotation(tip, file)
        if content is None:
            return Kept(epoch, tip, self.branch)
        if there is None or self._with_rotation(there, file, foreign=True) is not None:
            commit = committed(self.repository, tip, self._below, content, self._message(epoch, skip=False))
            push_commit(self.repository, remote.name, commit, name, instead_of=there)
        else:
            commit = there
        return Kept(epoch, commit, name, waits=True, pull_request=self._pull_request(name, epoch))

    def _pull_request(self, name: str, epoch: int) -> str | None:
        if self.host is None or self.branch is None:
            return None
        title, _, body = self._message(epoch, skip=False).partition("\n\n")
        try:
            return self.host.pull_request(name, title, body, base=self.branch)
        except FedmlError as error:
            self.say(f"No pull request of {name} was opened: {error.what}")
            return None

    def _with_rotation(self, commit: str, file: StackFile, *, foreign: bool = False) -> bytes | None:
        """The stack file as that commit has it, with our keys; None where it has them already.

        ConflictError where it has neither those from before nor ours: somebody else rotated. `foreign`: that is no
        matter.
        """
        entry = self.repository.entry(commit, self._below)
        if entry is None or entry.mode not in ("100644", "100755"):
            raise ConflictError(f"{self._below} is not there any more on {commit[:12]}.")
        raw = self.repository.read(entry.oid)
        if raw == self.before:
            return self.path.read_bytes()
        theirs = StackFile(self.path, raw.decode("utf-8", "replace"), on_disk=None)
        ours = _rotated(file)
        if _rotated(theirs) == ours:
            return None
        if foreign:
            return raw
        mine = StackFile(self.path, self.before.decode(), on_disk=None)
        if _rotated(theirs) != _rotated(mine) or _ENCRYPTION.findall(theirs.text) != _ENCRYPTION.findall(mine.text):
            raise ConflictError(f"The keys in {self._below} were changed meanwhile, by commit {commit[:12]} or before.")
        for key, value in ours.items():
            theirs.set(key, value)
        for key in set(_rotated(theirs)) - set(ours):
            theirs.remove(key)
        return theirs.text.encode()

    @property
    def _below(self) -> str:
        return self.path.resolve().relative_to(self.repository.root.resolve()).as_posix()

    def _message(self, epoch: int, *, skip: bool) -> str:
        why = f"{', '.join(self.because)} had the one before" if self.because else "Who is out had the one before"
        return (
            f"Rotate the key of {self.stack} to epoch {epoch}{f' {SKIP}' if skip else ''}\n\n"
            f"{why}, and may not read what comes.\nWritten by `fedml-infra gitops apply`.\n"
        )


def is_rotation(before: bytes, now: Path) -> bool:
    """Whether a stack file differs from what was committed by a later key and nothing else: a rotation that was written
    and then cut off."""
    old, new = StackFile(now, before.decode("utf-8", "replace"), on_disk=None), StackFile.read(now)
    rest = [{key: value for key, value in each.config.items() if key not in ROTATED} for each in (old, new)]
    same = rest[0] == rest[1] and _ENCRYPTION.findall(old.text) == _ENCRYPTION.findall(new.text)
    return same and int(new.config.get(EPOCH, 1)) > int(old.config.get(EPOCH, 1))


def _rotated(file: StackFile) -> dict[str, Any]:
    return {key: file.config[key] for key in ROTATED if key in file.config}
