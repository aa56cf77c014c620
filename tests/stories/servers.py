"""`fedml-infra serve` as people start it: a process on a free port, with customers added on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fedml_infra.engine.runner import dying_with_us

COMMAND = str(Path(sys.executable).with_name("fedml-infra"))


@dataclass(frozen=True)
class Server:
    """One that runs: its address, its data folder, its process."""

    url: str
    data: Path
    env: Mapping[str, str]
    process: subprocess.Popen[str]
    store: tuple[str, ...]
    """The options that say where its store is."""

    def command(self, *arguments: str) -> Any:
        """What a command on the same store prints with --json."""
        ended = subprocess.run(
            [COMMAND, *arguments, *self.store, "--json"],
            env=dict(self.env),
            cwd=self.data.parent,
            text=True,
            capture_output=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def add(self, cid: str, *options: str) -> str:
        """A customer; its key."""
        return str(self.command("customers", "add", cid, *options)["key"])

    def log(self) -> str:
        """What it said."""
        return log_of(self.data).read_text(encoding="utf-8")


def log_of(data: Path) -> Path:
    """Where a server's log goes."""
    return data.with_suffix(".log")


@contextmanager
def serving(
    data: Path, env: Mapping[str, str], *options: str, store: tuple[str, ...] | None = None
) -> Iterator[Server]:
    """A server on that folder, or on another store beside it; killed in the end."""
    data.parent.mkdir(parents=True, exist_ok=True)
    store = ("--data-dir", str(data)) if store is None else store
    command = [COMMAND, "serve", "--port", "0", "--json", *store, *options]
    with log_of(data).open("ab") as log:
        process = subprocess.Popen(
            [*dying_with_us(), *command], env=dict(env), cwd=data.parent, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline() or pytest.fail(log_of(data).read_text(encoding="utf-8"))
        yield Server(json.loads(line)["url"], data, env, process, store)
    finally:
        process.kill()
        process.communicate()
