"""Machines in a folder: an engine, a language host, a plugin, a cache."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from fedml_infra.engine.install import EngineBinary
from fedml_infra.engine.version import AWS_PLUGIN_VERSION, ENGINE_VERSION
from fedml_infra.operations.checks.machine import PACKAGES, Machine


def executable(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def add_plugin(folder: Path, text: str = "ELF") -> None:
    executable(folder / "home" / "plugins" / f"resource-aws-v{AWS_PLUGIN_VERSION}" / "pulumi-resource-aws", text)


def healthy(folder: Path, **environment: str) -> Machine:
    """A machine on which all is well."""
    bin_dir = folder / "bin"
    executable(bin_dir / "pulumi-language-python")
    (bin_dir / "interpreter").write_text(sys.executable)
    add_plugin(folder)
    given: Mapping[str, str] = {
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": (folder / "states").as_uri(),
        **environment,
    }
    return Machine(
        environment=given,
        engine=EngineBinary(executable(bin_dir / "pulumi"), ENGINE_VERSION, "built"),
        packages=dict(PACKAGES),
        cache=folder / "cache",
    )
