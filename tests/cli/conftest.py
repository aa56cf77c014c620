"""`run`: the command line as a person calls it, on a project of its own, with the shipped doubles behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import cli
from fedml_infra.operations.tools import Tools
from tests.operations.worlds import OWN, World, world


@dataclass(frozen=True)
class Done:
    """One call."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A project in the current folder; no region and no endpoint in the environment."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "FEDML_INFRA_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return world(tmp_path)


@pytest.fixture
def called(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """`called(tools, *arguments)`: a command line in the current folder, and what came of it."""

    def call(tools: Tools, *arguments: str) -> Done:
        capsys.readouterr()
        code = cli.main(list(arguments), tools=tools)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return call


@pytest.fixture
def run(here: World, called: Callable[..., Done]) -> Run:
    """Runs a command line."""
    return lambda *arguments: called(here.tools, *arguments)


@pytest.fixture
def up(here: World, run: Run) -> World:
    """A federation that is up, with what it made standing in AWS."""
    here.write()
    assert run("up", "--yes").code == 0
    here.aws.add_bucket(OWN, "us-east-1", "cardio-charite")
    here.aws.add_bucket(OWN, "us-east-1", f"fedml-cardio-{OWN}-us-east-1")
    here.aws.add_queue(OWN, "us-east-1", "cardio_charite")
    here.aws.add_topic(OWN, "us-east-1", "cardio")
    return here
