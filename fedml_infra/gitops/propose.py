"""Propose a change of a stack file: on a branch, beside whatever is checked out, pushed, with a pull request.

The person's working tree, index and branch stay exactly as they are. A branch that is there is built upon; one that
nothing was committed on is taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedml_infra.engine.claims import editing
from fedml_infra.engine.project import PROJECT_FILE
from fedml_infra.engine.stack_files import StackFile
from fedml_infra.errors import ConfigurationError, FedmlError
from fedml_infra.gitops.git import Repository
from fedml_infra.gitops.remotes import Remote, drop_branch, forward, is_within, sweep
from fedml_infra.gitops.reviews import reviews_at
from fedml_infra.model.stack import StackConfig
from fedml_infra.operations.compare_rights import RightsChange
from fedml_infra.operations.hub_change import HubPlan
from fedml_infra.operations.rotate import told_of_cut_off


@dataclass(frozen=True)
class Desk:
    """A branch that is being written, in a temporary worktree."""

    repository: Repository
    """The person's."""
    tree: Repository
    """The worktree."""
    project: Path
    """The project's folder in it."""
    branch: str
    base: str
    """The commit that the change is reviewed against."""
    into: str | None
    """The branch that it is to be merged into, where the remote has one of that name."""
    remote: Remote | None

    @property
    def has_own(self) -> bool:
        """Whether the branch has commits that are still to be reviewed."""
        return not is_within(self.repository, self.tree.commit_of("HEAD"), self.base)

    def below(self, path: Path) -> str:
        """A path in the worktree, below the root of the repository."""
        return path.resolve().relative_to(self.tree.root.resolve()).as_posix()

    def reviewed(self, path: Path) -> StackConfig | None:
        """What a stack file says at the base; None where it is not there. ConfigurationError for mistakes in it."""
        entry = self.repository.entry(self.base, self.below(path))
        if entry is None or entry.kind != "blob":
            return None
        content = self.repository.read(entry.oid)
        return StackFile(path, content.decode("utf-8", "replace"), on_disk=None).validated()

    def differs_here(self, path: Path) -> bool:
        """Whether the person has the file otherwise than the base does."""
        own = self.repository.root / self.below(path)
        entry = self.repository.entry(self.base, self.below(path))
        there = own.read_bytes() if own.is_file() else None
        return there != (self.repository.read(entry.oid) if entry is not None and entry.kind == "blob" else None)


@dataclass(frozen=True)
class Proposal:
    """What became of it."""

    branch: str
    commit: str | None
    """What the branch ends with; None where there is nothing to review, and no branch was made."""
    pushed_to: str | None = None
    """The remote's name; None where there is none."""
    pull_request: str | None = None
    """The address of the open one."""
    address: str | None = None
    """Where a person opens one, or the remote itself, where none was opened."""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The proposal for machines."""
        return {
            "name": self.branch,
            "commit": self.commit,
            "pushed_to": self.pushed_to,
            "pull_request": self.pull_request,
            "address": self.address,
        }


@contextmanager
def at_desk(project: Path, branch: str, *, base: str = "HEAD", into: str | None = None) -> Iterator[Desk]:
    """A branch to be written: a new one from `base`, or the one of that name.

    `into`: what it is to be merged into; the branch that is checked out if None. Raises ConfigurationError where there
    is no repository or no commit, the project is not committed, or the branch is the one that is checked out.
    """
    repository = Repository.find(project)
    current = repository.current_branch()
    if branch == current:
        raise ConfigurationError(
            f"{branch} is checked out here, and would change under it.",
            fix="Name another branch; --no-apply writes the change into the files that are checked out.",
        )
    remote = Remote.of(repository)
    try:
        onto = repository.commit_of(base)
    except ConfigurationError:
        raise ConfigurationError(
            f"{repository.root} has no commit {base} that a branch could begin from.",
            fix="Commit the project first.",
        ) from None
    into = into or current
    # Two commands that write one branch wait for each other.
    with editing(repository.root / ".branches" / branch), _checked_out(repository, remote, branch, onto) as tree:
        place = tree.root / project.resolve().relative_to(repository.root.resolve())
        if not (place / PROJECT_FILE).is_file():
            raise ConfigurationError(
                f"{PROJECT_FILE} of {project} is not in {branch}: it is not committed.", fix="Commit it first."
            )
        reviewed_in = into if remote is not None and into is not None and remote.has(into) else None
        yield Desk(repository, tree, place, branch, onto, reviewed_in, remote)


@contextmanager
def _checked_out(repository: Repository, remote: Remote | None, branch: str, onto: str) -> Iterator[Repository]:
    """The branch in a worktree: as it is here or on the remote, or new; one that is merged goes on from `onto`."""
    sweep(repository, branch)
    known = remote.has(branch) if remote is not None else None
    start = known or onto
    is_new = not repository.has_branch(branch)
    try:
        with repository.worktree(branch, start) as tree:
            begun = tree.commit_of("HEAD")
            if known is not None and begun != known and is_within(repository, begun, known):
                forward(tree, known)
                begun = known
            if begun != onto and is_within(repository, begun, onto):
                forward(tree, onto)
                start = onto
            yield tree
    finally:
        if is_new:
            drop_branch(repository, branch, start)


def propose(desk: Desk, path: Path, title: str, body: str) -> Proposal:
    """Commit the stack file, push the branch, and open the pull request or say where.

    Again, it goes on where it was cut off. Raises what git's push does (ConflictError, AuthenticationError): the commit
    stays on the local branch.
    """
    desk.tree.commit([path], f"{title}\n\n{body}\n")
    if not desk.has_own:
        return Proposal(desk.branch, None)
    commit = desk.tree.commit_of("HEAD")
    if desk.remote is None:
        return Proposal(desk.branch, commit, notes=("The repository has no remote, so nothing was pushed.",))
    remote = desk.remote
    try:
        desk.repository.push(desk.branch, remote=remote.name)
    except FedmlError as error:
        error.what += f"\n  The change is commit {commit[:12]} of the local branch {desk.branch}."
        raise
    place = remote.place
    address = place.new_pull_request(desk.branch) if place is not None else remote.shown
    notes: tuple[str, ...] = ()
    try:
        reviews = reviews_at(remote)
        if reviews is not None:
            opened = reviews.open(desk.branch, desk.into, title, body)
            return Proposal(desk.branch, commit, remote.name, opened)
    except FedmlError as error:
        notes = (f"No pull request was opened. {error.what}",)
    return Proposal(desk.branch, commit, remote.name, None, address, notes)


def body_of(plan: HubPlan, notes: Sequence[str] = ()) -> str:
    """Why a hub's file changes, as a commit and a pull request say it: who gains and loses what, in words. Pure."""
    more: list[str] = []
    if plan.rotates_to is not None:
        why = f", as {', '.join(plan.because_of)} had the one before" if plan.because_of else ""
        more.append(f"The key becomes that of epoch {plan.rotates_to}{why}.")
    cut_off = [told_of_cut_off(plan.cut_off)] if plan.cut_off else []
    return listed(plan.rights, [*more, *notes, *cut_off])


def listed(rights: Iterable[RightsChange], notes: Iterable[str] = ()) -> str:
    """Rights that change, and what else there is to say, a line each. Pure."""
    return "\n".join([f"- {line}" for line in (*rights, *notes)] or ["- No rights change."])
