"""Load a stack: find its file, read and validate it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedml_infra.aws.provider_settings import provider_settings
from fedml_infra.engine.stack_files import StackFile, stack_files
from fedml_infra.errors import ConfigurationError, StackNotFoundError
from fedml_infra.model.mistake import nearest
from fedml_infra.model.stack import StackConfig


@dataclass(frozen=True)
class Stack:
    """One stack of a project: its file, and what the file says."""

    name: str
    path: Path
    config: StackConfig
    values: Mapping[str, Any]
    """Plain values by full key, those of other namespaces too; secrets stay encrypted."""

    @property
    def settings(self) -> dict[str, Any]:
        """The file's `aws:*` keys as arguments of Pulumi's `aws.Provider`."""
        return provider_settings(self.values)


def load_stack(project: Path, name: str | None) -> Stack:
    """The stack of that name, or the only one there.

    Raises StackNotFoundError where there is none (of that name), ConfigurationError where several could be meant or
    with all mistakes of the file.
    """
    found, path = find_file(project, name)
    file = StackFile.read(path)
    return Stack(found, path, file.validated(), file.config)


def find_file(project: Path, name: str | None) -> tuple[str, Path]:
    """Name and file of the stack, unread; errors as `load_stack`."""
    files = files_of(project)
    if name is not None:
        if name in files:
            return name, files[name]
        near = nearest(name, files)
        meant = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(files)}."
        raise StackNotFoundError(f"There is no stack {name!r} in {project}.", fix=meant)
    if len(files) == 1:
        return next(iter(files.items()))
    raise ConfigurationError(
        f"{project} has {len(files)} stacks, and none is named: {', '.join(files)}.",
        fix="Name one, as the first argument or with -s.",
    )


def files_of(project: Path) -> dict[str, Path]:
    """All stack files of the project by name. Raises StackNotFoundError where there is none at all."""
    files = stack_files(project)
    if not files:
        raise StackNotFoundError(
            f"There is no stack file in {project}.",
            fix="`fedml-infra create NAME --pid PID --s3-bucket BUCKET --sync-sched m30` writes one.",
        )
    return files
