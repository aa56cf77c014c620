"""Two worlds for one contract: the real engine on a small program without AWS, and the engine in memory."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

from fedml_infra.engine.automation import PulumiEngine
from fedml_infra.engine.double import Declared, InMemoryEngine, Program
from fedml_infra.engine.protocol import Engine
from fedml_infra.errors import StackNotFoundError

PROJECT = "fedml-infra"
STASH = "pulumi:index:Stash"

PROGRAM = """\
import json
import pathlib
import pulumi
from pulumi.stash import Stash

declared = json.loads(pathlib.Path("declared.json").read_text())
for name, one in declared["resources"].items():
    Stash(name, input=one["input"], opts=pulumi.ResourceOptions(protect=one["protect"]))
for name, value in declared["outputs"].items():
    pulumi.export(name, value)
for name, value in declared["secret_outputs"].items():
    pulumi.export(name, pulumi.Output.secret(value))
"""


class World(Protocol):
    engine: Engine

    def declare(
        self,
        resources: Mapping[str, Any],
        *,
        protect: bool = False,
        outputs: Mapping[str, Any] | None = None,
        secret_outputs: Mapping[str, str] | None = None,
    ) -> None: ...

    def stack_file(self, stack: str) -> None: ...


class RealWorld:
    """A project in a folder, with a file backend beside it."""

    def __init__(self, folder: Path, program: str = PROGRAM, **environment: str) -> None:
        self.project = folder / "project"
        (self.project / "stacks").mkdir(parents=True)
        (folder / "state").mkdir()
        (self.project / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\nstackConfigDir: stacks\n")
        (self.project / "__main__.py").write_text(program)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "AWS_"))},
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "correct horse battery",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_PYTHON": sys.executable,
            **environment,
        }
        self.engine = PulumiEngine(self.project, environment=self.environment)
        self.declare({})

    def declare(self, resources, *, protect=False, outputs=None, secret_outputs=None) -> None:
        declared = {
            "resources": {name: {"input": value, "protect": protect} for name, value in resources.items()},
            "outputs": outputs or {},
            "secret_outputs": secret_outputs or {},
        }
        (self.project / "declared.json").write_text(json.dumps(declared))

    def stack_file(self, stack: str) -> None:
        (self.project / "stacks" / f"Pulumi.{stack}.yaml").write_text("config: {}\n")


class MemoryWorld:
    def __init__(self) -> None:
        self._files: set[str] = set()
        self._program = Program()
        self.engine = InMemoryEngine(self._of)

    def declare(self, resources, *, protect=False, outputs=None, secret_outputs=None) -> None:
        secrets = {name: SecretStr(value) for name, value in (secret_outputs or {}).items()}
        self._program = Program(
            [Declared(STASH, name, {"input": value}, protect) for name, value in resources.items()],
            {**(outputs or {}), **secrets},
        )

    def stack_file(self, stack: str) -> None:
        self._files.add(stack)

    def _of(self, stack: str) -> Program:
        if stack not in self._files:
            raise StackNotFoundError(f"no stack {stack}")
        return self._program
