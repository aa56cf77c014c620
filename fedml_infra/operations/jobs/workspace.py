"""A project of a customer as a folder that the engine runs in. What is true is the row; the folder is made of it.

Before each run that changes something the stack file is brought back into the row, so that a run which is killed finds
the keys that it had. A run holds its stack by the lease of its job: an earlier one of another machine is dead, and its
lock is taken off.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit, urlunsplit

from fedml_infra.engine.events import RunEvent, label
from fedml_infra.engine.locks import LockHolder
from fedml_infra.engine.project import stack_path, write_project
from fedml_infra.engine.protocol import Engine, RunOptions
from fedml_infra.errors import ConfigurationError, StoreError
from fedml_infra.operations.accounts import find_accounts
from fedml_infra.operations.catalogue import catalogue, scaffolding
from fedml_infra.operations.jobs.context import JobContext
from fedml_infra.operations.jobs.messages import Settings
from fedml_infra.operations.load import Stack, load_stack
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.tools import Tools
from fedml_infra.store.sealing import Sealer
from fedml_infra.store.service_values import Progress, Workspace

PASSPHRASE, CREDENTIALS = "workspace passphrase", "workspace credentials"
"""Purposes that a workspace's secrets are sealed for."""
_CHANGING = frozenset({"up", "refresh", "destroy", "adopt", "set_state"})
_ELSEWHERE = ("PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_STACK", "PULUMI_ACCESS_TOKEN")
"""Variables that would lead a run to another stack, or with another passphrase."""


@dataclass
class OpenProject:
    """A project's folder for one run. `tools` act as its customer does."""

    row: Workspace
    folder: Path
    tools: Tools
    context: JobContext

    @property
    def name(self) -> str:
        """The stack's, which is the federation's."""
        return self.row.fed_name

    @property
    def path(self) -> Path:
        """The stack file's."""
        return stack_path(self.folder, self.name)

    @property
    def engine(self) -> Engine:
        """The engine, which brings the stack file back before whatever it changes."""
        return cast("Engine", _Keeping(self.tools.engine(self.folder), self.keep))

    def stack(self) -> Stack:
        """The stack, as its file is now."""
        return load_stack(self.folder, self.name)

    def recovery(self, stack: Stack | None = None) -> Recovery:
        """For this run, of the stack as its file is now unless another is given."""
        stack = stack or self.stack()
        return Recovery(stack, self.engine, self.tools.aws, self.context.say, knows_dead=self.knows_dead)

    def knows_dead(self, holder: LockHolder) -> bool:
        """Whether a lock of another machine is of a run of this project that is over."""
        stack_key = f"{self.row.cid}/{self.row.pid}"
        return self.context.store.runs.knows_dead(stack_key, holder.host, datetime.fromisoformat(holder.since))

    def options(self) -> RunOptions:
        """With the job's progress."""
        stack = self.stack()
        accounts = find_accounts(stack.config, stack.settings, self.tools.aws)
        # The stack itself is one of them.
        expected = 1 + len(scaffolding(stack.config)) + len(catalogue(stack.config, {}, accounts))

        def tell(event: RunEvent) -> None:
            at = event.progress
            self.context.report(Progress(at.done, at.of, label(at.current[0]) if at.current else None))

        return RunOptions(on_event=tell, expected=expected, message=f"job {self.context.task.job_id}")

    def keep(self) -> None:
        """Bring the stack file back. StoreError where somebody else wrote it meanwhile."""
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else None
        if text == self.row.stack_file:
            return
        if not self.context.store.workspaces.write(self.row.cid, self.row.pid, self.row.version, text):
            raise StoreError(f"The stack file of {self.row.cid}/{self.row.pid} was written by somebody else meanwhile.")
        self.row = replace(self.row, stack_file=text, version=self.row.version + 1)

    def came_up(self, outputs: Mapping[str, Any], *, roster: bytes | None = None) -> None:
        """Keep what a run came to."""
        topic = (outputs.get("federation") or {}).get("topic_arn")
        self.keep()
        self.context.store.workspaces.keep(self.row.cid, self.row.pid, outputs=outputs, topic_arn=topic, roster=roster)


@contextmanager
def opened(context: JobContext, tools: Tools) -> Iterator[OpenProject]:
    """The folder of the job's project, written anew; its stack file is brought back however the run ends.

    `tools` act as the customer does. A project that nothing was made of, and that has no stack file in the end, is
    forgotten.
    """
    cid, pid = context.task.cid, context.task.pid
    assert pid is not None, "a job of a project"
    row = context.store.workspaces.get(cid, pid)
    if row is None:
        raise ConfigurationError(f"Cannot Find SYMETRYML id[{pid}] for Customer id [{cid}]")
    folder = context.task.settings.workspaces / cid / pid
    _write(row, folder)
    at_home = _at_home(context.sealer, context.task.settings, row, context.environ)
    project = OpenProject(row, folder, _laid_over(tools, at_home), context)
    try:
        yield project
    finally:
        project.keep()
        if project.row.stack_file is None and project.row.outputs is None:
            context.store.workspaces.remove(cid, pid)


def require_backend(url: str) -> None:
    """Raise ConfigurationError for a state backend that would not keep customers apart: for the start of a service."""
    parts = urlsplit(url)
    if parts.scheme in {"http", "https"}:
        raise ConfigurationError(
            "Stacks of several customers would share their names in Pulumi Cloud.",
            fix="Give a bucket: --state-backend s3://bucket/prefix?region=us-east-1&profile=state.",
        )
    if parts.scheme == "s3" and "profile" not in parse_qs(parts.query):
        # A run's environment has its customer's keys, which the engine would read and write the state with.
        raise ConfigurationError(
            "The state's bucket is reached with a profile of the service's own, and none is named.",
            fix="Write s3://bucket/prefix?region=us-east-1&profile=NAME.",
        )


def state_of(settings: Settings, cid: str, pid: str) -> str:
    """The URL of the state backend of one project. ConfigurationError for a backend that cannot be shared so."""
    if settings.state_backend is None:
        folder = (settings.workspaces.parent / "state" / cid / pid).absolute()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder.as_uri()
    require_backend(settings.state_backend)
    parts = urlsplit(settings.state_backend)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{cid}/{pid}"))


def _write(row: Workspace, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_project(folder)
    shutil.rmtree(folder / "stacks")
    (folder / "stacks").mkdir()
    if row.stack_file is not None:
        stack_path(folder, row.fed_name).write_text(row.stack_file, encoding="utf-8")


def _at_home(sealer: Sealer, settings: Settings, row: Workspace, environ: Mapping[str, str]) -> dict[str, str | None]:
    """What the engine's environment has for this project alone."""
    passphrase = sealer.open(row.passphrase, PASSPHRASE, row.cid, row.pid).decode()
    return {
        **dict.fromkeys(name for name in _ELSEWHERE if name in environ),
        "PULUMI_BACKEND_URL": state_of(settings, row.cid, row.pid),
        "PULUMI_CONFIG_PASSPHRASE": passphrase,
    }


def _laid_over(tools: Tools, variables: Mapping[str, str | None]) -> Tools:
    return replace(tools, engine=lambda folder: tools.engine(folder).with_environment(variables))


class _Keeping:
    """An engine before whose changes the stack file is brought back."""

    def __init__(self, engine: Engine, keep: Callable[[], None]) -> None:
        self._engine, self._keep = engine, keep

    def __getattr__(self, name: str) -> Any:
        if name in _CHANGING:
            self._keep()
        return getattr(self._engine, name)
