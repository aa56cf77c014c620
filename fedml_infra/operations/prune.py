"""Find the stacks that were made with `persist=false`, and are old enough to go."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fedml_infra.engine.protocol import Engine, StackSummary
from fedml_infra.engine.stack_files import StackFile, stack_files
from fedml_infra.errors import FedmlError
from fedml_infra.model.schedule import Schedule
from fedml_infra.model.tags import is_ephemeral
from fedml_infra.operations.load import Stack


def ephemeral_stacks(project: Path, engine: Engine, *, older_than: Schedule | None, now: datetime) -> tuple[Stack, ...]:
    """The ephemeral stacks of the project by name: those that were last changed longer ago than `older_than`.

    A stack's age counts from its last run, that of one which never ran from its file. A file with mistakes is not
    among them, nor one that has `protect: true`: whoever wrote that does not want it gone. Errors as `Engine.stacks`.
    """
    found = []
    known = {summary.name: summary for summary in engine.stacks()}
    for name, path in stack_files(project).items():
        try:
            file = StackFile.read(path)
            stack = Stack(name, path, file.validated(), file.config)
        except FedmlError:
            continue
        if not is_ephemeral(stack.config.tags) or stack.config.protect:
            continue
        if older_than is None or (now - _changed(path, known.get(name))).total_seconds() > older_than.seconds:
            found.append(stack)
    return tuple(found)


def _changed(path: Path, summary: StackSummary | None) -> datetime:
    if summary is not None and summary.last_update is not None:
        return datetime.fromisoformat(summary.last_update)
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
