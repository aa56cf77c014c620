"""Check stack files: what a pipeline and an editor want to know before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedml_infra.engine.stack_files import load
from fedml_infra.errors import ConfigurationError, FedmlError


@dataclass(frozen=True)
class Checked:
    """One stack file and what is wrong with it; notes are what is allowed and may surprise."""

    path: Path
    error: FedmlError | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The finding for machines."""
        problems = self.error.problems if isinstance(self.error, ConfigurationError) else ()
        return {
            "file": str(self.path),
            "ok": self.error is None,
            "error": self.error.what if self.error else None,
            "problems": [
                {"key": problem.key, "line": problem.line, "message": problem.message, "fix": problem.fix}
                for problem in problems
            ],
            "notes": list(self.notes),
        }


def check_files(paths: Iterable[Path]) -> tuple[Checked, ...]:
    """Validate every file; one that is wrong does not keep the others from being looked at."""
    return tuple(_check(path) for path in paths)


def _check(path: Path) -> Checked:
    try:
        config = load(path)
    except FedmlError as error:
        return Checked(path, error)
    return Checked(path, notes=config.notes)
