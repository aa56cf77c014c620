"""Which stacks a change touches: told by the names of the files that differ, so no stack file is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fedml_infra.engine.project import stack_dir
from fedml_infra.errors import ConfigurationError
from fedml_infra.gitops.git import FileChange, Repository, Status

# A stack is called as its federation (model.fields).
_STACK_FILE = re.compile(r"Pulumi\.([A-Za-z0-9_-]{1,100})\.yaml")


@dataclass(frozen=True)
class Layout:
    """Where a project lies in its repository, as paths below the root with `/`; "" is the root itself."""

    project: str
    stacks: str

    @classmethod
    def of(cls, repository: Repository, project: Path) -> Layout:
        """By the project's own Pulumi.yaml. ConfigurationError where it, or its stacks, lie outside the repository."""
        return cls(_below(repository, project), _below(repository, stack_dir(project)))

    def stack_of(self, path: str) -> str | None:
        """The stack that a path is the file of; None for any other path, and for a name that no stack can have."""
        folder, _, name = path.rpartition("/")
        found = _STACK_FILE.fullmatch(name)
        return found[1] if found and folder == self.stacks else None

    def path_of(self, stack: str) -> str:
        """The path of a stack's file."""
        name = f"Pulumi.{stack}.yaml"
        return f"{self.stacks}/{name}" if self.stacks else name

    def is_program(self, path: str) -> bool:
        """Whether every stack runs by this file: Pulumi.yaml, the Python files beside it, pinned requirements."""
        whole = PurePosixPath(path)
        folder = "" if str(whole.parent) == "." else str(whole.parent)
        if folder == f"{self.project}/requirements".lstrip("/"):
            return True
        return folder == self.project and (
            whole.name == "Pulumi.yaml" or whole.suffix == ".py" or whole.match("requirements*")
        )


@dataclass(frozen=True)
class StackChange:
    """A stack that a change touches."""

    name: str
    status: Status


@dataclass(frozen=True)
class ChangedStacks:
    """What a change comes to."""

    stacks: tuple[StackChange, ...]
    """By name."""
    program: tuple[str, ...] = ()
    """Files of the program that differ; where there are any, every stack is touched."""
    others: tuple[str, ...] = ()
    """All other paths that differ."""


def changed_stacks(repository: Repository, project: Path, base: str, head: str | None = None) -> ChangedStacks:
    """The stacks that differ from `base` to `head` (None: the working tree), a renamed one as removed and added.

    The time it takes grows with what changed, not with how many stacks there are.
    """
    layout = Layout.of(repository, project)
    changes = repository.changed(base, head)
    found = {name: change.status for change in changes if (name := layout.stack_of(change.path)) is not None}
    program = tuple(change.path for change in changes if layout.is_program(change.path))
    if program:
        for name in _names(repository, layout, head):
            found.setdefault(name, "changed")
    stacks = tuple(StackChange(name, status) for name, status in sorted(found.items()))
    return ChangedStacks(stacks, program, _others(layout, changes))


def _names(repository: Repository, layout: Layout, head: str | None) -> list[str]:
    if head is None:
        there = [path.name for path in (repository.root / layout.stacks).glob("Pulumi.*.yaml")]
        paths = [f"{layout.stacks}/{name}".lstrip("/") for name in there]
    else:
        paths = [entry.path for entry in repository.entries(head, layout.stacks)]
    return [name for path in paths if (name := layout.stack_of(path)) is not None]


def _others(layout: Layout, changes: Iterable[FileChange]) -> tuple[str, ...]:
    return tuple(
        change.path for change in changes if layout.stack_of(change.path) is None and not layout.is_program(change.path)
    )


def _below(repository: Repository, folder: Path) -> str:
    try:
        found = folder.resolve().relative_to(repository.root.resolve()).as_posix()
    except ValueError:
        raise ConfigurationError(
            f"{folder} lies outside the repository {repository.root}.", fix="Name a folder in it with -C DIR."
        ) from None
    return "" if found == "." else found
