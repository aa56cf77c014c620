"""Where the logs of runs are kept: a folder for each project and stack, in the user's own state folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_state_path

from fedml_infra.errors import ConfigurationError
from fedml_infra.operations.runs.record import Outcome, Record, lines_of, record_of

FOLDER_VARIABLE = "FEDML_INFRA_RUNS_DIR"
"""Environment: keep the logs there instead."""
KEPT = 50
"""Runs of one stack that are kept, the newest."""
SUFFIX = ".jsonl"


def runs_folder(project: Path) -> Path:
    """The folder of one project's logs; within it one for each stack."""
    given = os.environ.get(FOLDER_VARIABLE)
    root = Path(given) if given else user_state_path("fedml-infra") / "runs"
    key = hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:16]
    return root / key


def records(project: Path, stack: str | None = None) -> tuple[Record, ...]:
    """The runs of a project (of one stack), the oldest first. Also those of stacks that are gone."""
    found = (record_of(path, lines_of(path)) for path in _logs(runs_folder(project), stack))
    return tuple(sorted((each for each in found if each is not None), key=lambda each: (each.started, each.id)))


def find(project: Path, wanted: str) -> Record:
    """The run whose id that is, or begins with it. Raises ConfigurationError where none or several are meant."""
    fitting = [path for path in _logs(runs_folder(project), None) if path.stem.startswith(wanted)]
    exact = [path for path in fitting if path.stem == wanted] or fitting
    found = [record for record in (record_of(path, lines_of(path)) for path in exact) if record is not None]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigurationError(f"There is no run {wanted!r} of {project}.", fix="`fedml-infra runs list` names them.")
    raise ConfigurationError(
        f"{wanted!r} may mean {len(found)} runs: {', '.join(each.id for each in found)}.", fix="Give more of the id."
    )


def prune(folder: Path) -> None:
    """Delete the oldest logs of one stack, so that with one more `KEPT` remain; what still runs stays."""
    logs = sorted(folder.glob(f"*{SUFFIX}"))
    for path in logs[: max(len(logs) - KEPT + 1, 0)]:
        record = record_of(path, lines_of(path))
        if record is None or record.outcome is not Outcome.RUNNING:
            path.unlink(missing_ok=True)


def _logs(folder: Path, stack: str | None) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(folder.glob(f"{stack or '*'}/*{SUFFIX}"))
