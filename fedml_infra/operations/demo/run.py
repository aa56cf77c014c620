"""Runs the demo on a local AWS of its own, and takes it all away again."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fedml_infra.operations.demo.organisations import ADMINISTRATOR
from fedml_infra.operations.demo.report import Report
from fedml_infra.operations.demo.story import Story
from fedml_infra.sandbox.local_aws import Kind
from fedml_infra.sandbox.place import DIRECTORY_VARIABLE
from fedml_infra.sandbox.sandbox import down, up


@dataclass(frozen=True)
class Kept:
    """A demo that was left up: where, how a shell gets into it, and how it is removed."""

    directory: Path
    entrance: str
    removal: str


def run_demo(kind: str, *, keep: bool, say: Callable[[str], None]) -> tuple[Report, Kept | None]:
    """Tell the story on a fresh local AWS of that kind, in a folder of its own.

    With `keep` nothing is destroyed. Raises what the engine or the local AWS raise; the folder is gone then too.
    """
    directory = Path(tempfile.mkdtemp(prefix="fedml-infra-demo-"))
    sandbox = directory / "sandbox"
    kept = False
    try:
        say("a local AWS starts on this machine")
        report = Story(up(sandbox, Kind(kind)).running, directory, say).tell(keep=keep)
        kept = keep
    finally:
        if not kept:
            down(sandbox)
            shutil.rmtree(directory, ignore_errors=True)
    return report, _kept(directory, sandbox) if kept else None


def _kept(directory: Path, sandbox: Path) -> Kept:
    variable = f"{DIRECTORY_VARIABLE}={shlex.quote(str(sandbox))}"
    project = shlex.quote(str(directory / ADMINISTRATOR.pid))
    account, region = ADMINISTRATOR.account, ADMINISTRATOR.region
    environment = f"fedml-infra sandbox env --account {account} --region {region}"
    return Kept(
        directory=directory,
        entrance=f'  export {variable}\n  cd {project} && eval "$({environment})"',
        removal=f"  {variable} fedml-infra sandbox down && rm -r {shlex.quote(str(directory))}",
    )
