"""Change a stack file: one edit at a time, the result validated before it counts, all of it written in one step."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

from fedml_infra.engine.claims import editing
from fedml_infra.engine.stack_files import StackFile
from fedml_infra.errors import ConfigurationError
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.stack import StackConfig
from fedml_infra.operations.load import Stack, find_file


class Secrets(Protocol):
    """What opens and encrypts the secrets of stack files: an engine, or a part of one."""

    def encrypt(self, stack: str, values: Mapping[str, SecretStr]) -> dict[str, Ciphertext]:
        """See `engine.protocol.Engine`."""

    def get_secrets(self, stack: str, keys: Iterable[str]) -> dict[str, SecretStr]:
        """See `engine.protocol.Engine`."""


@dataclass
class Draft:
    """A stack file being edited. What is done to `values` is done to the file."""

    values: dict[str, Any]
    """Plain values by full key, secrets as their ciphertext."""
    secrets: dict[str, SecretStr] = field(default_factory=dict, repr=False)
    """Secrets to encrypt into the file, by full key."""


@dataclass(frozen=True)
class Changed:
    """What an edit came to."""

    before: StackConfig | None
    """What the file said; None where that was not whole, as while a join waits for its key."""
    after: Stack
    changed: bool


def change_stack(project: Path, name: str, engine: Secrets, edit: Callable[[Draft], None]) -> Changed:
    """Let `edit` change the stack's file, and write it if what comes out is right.

    Edits of this machine wait for each other. Comments, order and other namespaces stay. Raises StackNotFoundError;
    ConfigurationError with every mistake that the edited file would have, or where somebody else changed it meanwhile:
    the file is as it was then. Whatever `edit` raises goes through, and leaves the file as it was.
    """
    stack, path = find_file(project, name)
    return change_file(stack, path, engine, edit)


def change_file(stack: str, path: Path, engine: Secrets, edit: Callable[[Draft], None]) -> Changed:
    """The same, of a stack whose file is known."""
    with editing(path):
        before = StackFile.read(path)
        draft = Draft(copy.deepcopy(before.config))
        edit(draft)
        wanted = draft.values | {key: Ciphertext("") for key in draft.secrets}
        _edited(path, wanted).validated()
        if draft.secrets:
            wanted |= engine.encrypt(stack, draft.secrets)
        file = _edited(path, wanted)
        config = file.validated()
        changed = file.config != before.config
        if changed:
            file.write()
    return Changed(_said(before), Stack(stack, path, config, file.config), changed)


def entries(values: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The list of entries under a full key, to be changed in place; [] where the key is absent.

    `pulumi config set` leaves a list as JSON text in the file: it is a list from here on.
    """
    found = values.get(key)
    if isinstance(found, str):
        found = values[key] = json.loads(found)
    return found if isinstance(found, list) else []


def _edited(path: Path, wanted: dict[str, Any]) -> StackFile:
    """The file with those values, in memory."""
    file = StackFile.read(path)
    for key in [key for key in file.config if key not in wanted]:
        file.remove(key)
    for key, value in wanted.items():
        file.set(key, value)
    return file


def _said(file: StackFile) -> StackConfig | None:
    try:
        return file.validated()
    except ConfigurationError:
        return None
