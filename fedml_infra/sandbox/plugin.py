"""The `aws` plugin of the sandbox's PULUMI_HOME: finds the profiles that the project names, then is the provider.

The engine starts it in the project's folder, and asks it whose credentials a profile's are before anything else does.
"""

from __future__ import annotations

import os
import runpy
import shlex
import sys
from pathlib import Path

from fedml_infra.engine.version import AWS_PLUGIN_VERSION
from fedml_infra.sandbox import profiles
from fedml_infra.sandbox.place import package_root

PROVIDER = "fedml_infra.sandbox.provider"
BINARY = "pulumi-resource-aws"


def install(home: Path) -> Path:
    """Write the plugin into a PULUMI_HOME; returns its executable. It runs with this very Python."""
    folder = home / "plugins" / f"resource-aws-v{AWS_PLUGIN_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    binary = folder / BINARY
    text = (
        "#!/bin/sh\n"
        f'PYTHONPATH={shlex.quote(package_root())}"${{PYTHONPATH:+:$PYTHONPATH}}" '
        f'exec {shlex.quote(sys.executable)} -P -m {__name__} "$@"\n'
    )
    fresh = folder / f".{BINARY}.{os.getpid()}"
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o755)
    fresh.replace(binary)
    return binary


def main() -> None:
    """Serve the emulated provider, as the engine asks for it."""
    profiles.ensure(profiles.mentioned(Path.cwd()))
    runpy.run_module(PROVIDER, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
