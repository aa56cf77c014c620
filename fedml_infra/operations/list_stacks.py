"""List the stacks of a project: what their files say, and what the state backend knows of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedml_infra.engine.protocol import Engine
from fedml_infra.engine.stack_files import load, stack_files
from fedml_infra.errors import FedmlError
from fedml_infra.model.tags import is_ephemeral


@dataclass(frozen=True)
class Listed:
    """One stack. What its file does not tell, since there is none or it has mistakes, is None."""

    name: str
    file: str | None
    region: str | None = None
    role: str | None = None
    """`hub` or `joiner`."""
    nodes: tuple[str, ...] = ()
    members: int = 0
    ephemeral: bool = False
    """Whether `stacks prune` may destroy it."""
    mistakes: int = 0
    in_backend: bool | None = None
    """None where the backend could not be asked."""
    last_update: str | None = None
    """ISO 8601, UTC."""
    resources: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The stack for machines."""
        return {**vars(self), "nodes": list(self.nodes)}


@dataclass(frozen=True)
class Listing:
    """All stacks by name, and why the backend could not be asked, where it could not."""

    stacks: tuple[Listed, ...]
    backend_error: FedmlError | None = None


def list_stacks(project: Path, engine: Engine) -> Listing:
    """The stacks that have a file here, and those that only the backend knows. A wrong file hides no other."""
    files = stack_files(project)
    error: FedmlError | None = None
    known = {}
    try:
        known = {stack.name: stack for stack in engine.stacks()}
    except FedmlError as failed:
        error = failed
    found = []
    for name in sorted({*files, *known}):
        summary = known.get(name)
        found.append(
            Listed(
                name=name,
                **_told(files[name]) if name in files else {"file": None},
                in_backend=None if error else summary is not None,
                last_update=summary.last_update if summary else None,
                resources=summary.resources if summary else None,
            )
        )
    return Listing(tuple(found), error)


def _told(path: Path) -> dict[str, Any]:
    try:
        config = load(path)
    except FedmlError as error:
        return {"file": str(path), "mistakes": max(1, len(getattr(error, "problems", ())))}
    return {
        "file": str(path),
        "region": config.region,
        "role": "hub" if config.is_hub else "joiner",
        "nodes": tuple(node.pid for node in config.nodes),
        "members": len(config.members),
        "ephemeral": is_ephemeral(config.tags),
    }
