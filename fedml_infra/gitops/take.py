"""Take the stack files of a pull request into a checkout of its base, as data (docs/adr/0025).

Nothing of it is checked out and nothing is run: the files are read as blobs from the tree that merging would give, each
is held to `guard`, and all of them are written, or none.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedml_infra.errors import ConfigurationError, ConflictError, Problem
from fedml_infra.gitops.changed import Layout, StackChange
from fedml_infra.gitops.git import Repository, TreeEntry
from fedml_infra.gitops.guard import Base, mistakes

LARGEST = 1024 * 1024
"""Bytes of a stack file."""
REGULAR = "100644"
_LOOKS_LIKE_A_STACK = re.compile(r"pulumi\..*\.ya?ml", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Refusal:
    """Why a file is not taken. `line` is 1-based; None where it is the file as a whole."""

    file: str
    line: int | None
    message: str
    fix: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The refusal for machines."""
        return {"file": self.file, "line": self.line, "message": self.message, "fix": self.fix}


@dataclass(frozen=True)
class Taken:
    """What was taken of a pull request; where anything is refused, nothing was written."""

    base: str
    head: str
    stacks: tuple[StackChange, ...] = ()
    ignored: tuple[str, ...] = ()
    """Other paths that it changes, which nothing here uses."""
    refused: tuple[Refusal, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The report that `gitops preview` reads."""
        return {
            "base": self.base,
            "head": self.head,
            "stacks": [{"stack": one.name, "status": one.status} for one in self.stacks],
            "ignored": list(self.ignored),
            "refused": [refusal.as_json() for refusal in self.refused],
        }

    @property
    def error(self) -> ConfigurationError:
        """What was refused, as an error."""
        problems = [Problem(one.file, one.message, one.fix, one.line) for one in self.refused]
        fix = "Nothing was taken. Change these in the pull request, and push again."
        return ConfigurationError(f"The stack files of {self.head[:12]} are refused:", problems, fix=fix)


def take(repository: Repository, project: Path, base: str, head: str) -> Taken:
    """Write the stack files of `head`, merged into `base`, into the working tree, where none is refused.

    ConfigurationError where `base` is not what is checked out, or a stack file was edited and is not committed.
    """
    onto, proposed = repository.commit_of(base), repository.commit_of(head)
    if repository.commit_of("HEAD") != onto:
        raise ConfigurationError(
            f"{base!r} is not what is checked out, so program and stack files would not belong together.",
            fix=f"git checkout {onto[:12]}",
        )
    layout = Layout.of(repository, project)
    try:
        tree = repository.merged_tree(onto, proposed)
    except ConflictError as conflict:
        refused = tuple(Refusal(one.key, None, one.message, conflict.fix) for one in conflict.problems)
        return Taken(onto, proposed, refused=refused)
    changes = repository.changed(onto, tree)
    stacks, ignored = [], []
    for change in changes:
        name = layout.stack_of(change.path)
        if name is None:
            ignored.append(change.path)
        else:
            stacks.append(StackChange(name, change.status))
    there = {entry.path: entry for entry in repository.entries(tree, layout.stacks)}
    before = {entry.path: entry for entry in repository.entries(onto, layout.stacks)}
    touched = tuple(stacks)
    refused = (
        *_names(layout, [change.path for change in changes if change.status != "removed"], there),
        *_folders(layout, {change.path: change.mode for change in changes if change.status != "removed"}),
        *_entries(layout, touched, there),
    )
    contents: Mapping[str, bytes] = {}
    if not refused:
        contents = _contents(repository, layout, touched, there)
        refused = tuple(_mistakes(repository, layout, contents, before))
    if not refused:
        _require_untouched(repository, layout, touched, onto, contents)
        _write(repository, layout, touched, contents)
    return Taken(onto, proposed, touched, tuple(ignored), refused)


def _names(layout: Layout, added: list[str], there: Mapping[str, TreeEntry]) -> Iterator[Refusal]:
    for path in added:
        folder, _, name = path.rpartition("/")
        if folder == layout.stacks and layout.stack_of(path) is None and _LOOKS_LIKE_A_STACK.fullmatch(name):
            fix = "a stack file is Pulumi.NAME.yaml, its name of letters, digits, _ and -"
            yield Refusal(path, None, "is named as no stack file can be", fix)
    by_case: dict[str, list[str]] = {}
    for path in there:
        by_case.setdefault(path.casefold(), []).append(path)
    for path in added:
        clash = [other for other in by_case.get(path.casefold(), []) if other != path]
        if layout.stack_of(path) is not None and clash:
            said = f"differs from {clash[0]} by case alone, so one machine has both and another one of them"
            yield Refusal(path, None, said, "give it another name")


def _folders(layout: Layout, modes: Mapping[str, str]) -> Iterator[Refusal]:
    """The way to the stack files leads through folders only."""
    parts = layout.stacks.split("/") if layout.stacks else []
    for depth in range(1, len(parts) + 1):
        path = "/".join(parts[:depth])
        if path in modes:
            yield Refusal(path, None, "takes the place of the folder of stack files", "leave the folder as it is")


def _entries(layout: Layout, stacks: tuple[StackChange, ...], there: Mapping[str, TreeEntry]) -> Iterator[Refusal]:
    kinds = {"120000": "is a symbolic link", "160000": "is a submodule", "100755": "is executable"}
    for stack in stacks:
        entry = there.get(layout.path_of(stack.name))
        if entry is None:
            continue
        if entry.mode != REGULAR:
            yield Refusal(entry.path, None, kinds.get(entry.mode, "is no file"), "make it a plain file (mode 644)")
        elif entry.size > LARGEST:
            yield Refusal(entry.path, None, f"has {entry.size} bytes; {LARGEST} are allowed")


def _contents(
    repository: Repository, layout: Layout, stacks: tuple[StackChange, ...], there: Mapping[str, TreeEntry]
) -> dict[str, bytes]:
    entries = {stack.name: there[path] for stack in stacks if (path := layout.path_of(stack.name)) in there}
    blobs = repository.read_all(entry.oid for entry in entries.values())
    return {name: blobs[entry.oid] for name, entry in entries.items()}


def _mistakes(
    repository: Repository, layout: Layout, contents: Mapping[str, bytes], before: Mapping[str, TreeEntry]
) -> Iterator[Refusal]:
    known = {name: entry for path, entry in before.items() if (name := layout.stack_of(path)) and entry.kind == "blob"}
    blobs = repository.read_all(entry.oid for entry in known.values())
    files = {name: blobs[entry.oid] for name, entry in known.items()}
    base = Base.of(files)
    for name, content in contents.items():
        for found in mistakes(name, files.get(name), content, base):
            yield Refusal(layout.path_of(name), found.line, found.message, found.fix)


def _require_untouched(
    repository: Repository,
    layout: Layout,
    stacks: tuple[StackChange, ...],
    onto: str,
    contents: Mapping[str, bytes],
) -> None:
    """Nobody's edits are written over; what an earlier call took may be."""
    edited = {change.path for change in repository.changed(onto, None)}
    for stack in stacks:
        path = layout.path_of(stack.name)
        file = repository.root / path
        now = file.read_bytes() if file.is_file() else None
        if file.is_symlink() or (path in edited and now != contents.get(stack.name)):
            raise ConfigurationError(
                f"{path} was edited and is not committed.", fix="Commit the edit, or take it back."
            )


def _write(
    repository: Repository, layout: Layout, stacks: tuple[StackChange, ...], contents: Mapping[str, bytes]
) -> None:
    folder = repository.root / layout.stacks
    folder.mkdir(parents=True, exist_ok=True)
    for stack in stacks:
        file = repository.root / layout.path_of(stack.name)
        if stack.name not in contents:
            file.unlink(missing_ok=True)
            continue
        handle, name = tempfile.mkstemp(dir=folder, prefix=".take.")
        try:
            with os.fdopen(handle, "wb") as fresh:
                fresh.write(contents[stack.name])
            Path(name).chmod(0o644)
            Path(name).replace(file)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
