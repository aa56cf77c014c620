"""The plans of the engine in memory: what a preview found, kept in a file as the real engine keeps its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedml_infra.engine.events import label
from fedml_infra.engine.protocol import PlanRefusedError, RunResult


@dataclass(frozen=True)
class PlannedSteps:
    """By URN the operation, and the inputs after it."""

    steps: Mapping[str, tuple[str, Mapping[str, Any]]]

    @classmethod
    def of(cls, result: RunResult) -> PlannedSteps:
        """What a preview found."""
        return cls({change.urn: (change.op, change.inputs) for change in result.changes})

    @classmethod
    def read(cls, path: Path) -> PlannedSteps:
        """What was written."""
        return cls({urn: (op, inputs) for urn, (op, inputs) in json.loads(path.read_text("utf-8")).items()})

    def write(self, path: Path) -> None:
        """Into a file that only its owner reads."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.steps), encoding="utf-8")

    def allow(self, stack: str, urn: str, op: str, inputs: Mapping[str, Any]) -> None:
        """PlanRefusedError for what is not planned. What is done already is no step, so a plan can be applied again."""
        wanted, planned = self.steps.get(urn, (None, {}))
        if op == "same" and wanted not in (None, "delete"):
            return
        if op != wanted or dict(planned) != json.loads(json.dumps(dict(inputs))):
            raise PlanRefusedError(
                f"The plan of stack {stack} does not fit any more: {label(urn)}: {op} is not allowed by the plan",
                fix="Make a new preview, have it reviewed, and apply that.",
            )
