"""Builds the engine with Go from the modules that go.mod pins, where no release can be had."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fedml_infra.engine.environment import without_secrets
from fedml_infra.engine.version import ENGINE_VERSION
from fedml_infra.errors import EngineError

Progress = Callable[[str], None]
"""Told one line at a time what happens."""

PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
LINKED = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={ENGINE_VERSION}"
BOTH_WAYS = (
    f"Install Pulumi {ENGINE_VERSION} or newer so that `pulumi` is on PATH (https://www.pulumi.com/docs/install/), "
    "or install Go 1.25 or newer (https://go.dev/dl/), which builds the engine once, in about three minutes."
)


def go_module() -> Path:
    """The folder with the go.mod that pins the engine: tools/pulumi of a checkout, or its copy in the wheel."""
    package = Path(__file__).parents[1]
    for folder in (package.parent / "tools" / "pulumi", package / "_pulumi_go"):
        if (folder / "go.mod").is_file():
            return folder
    raise EngineError("The go.mod that pins the Pulumi engine is missing from this installation", fix=BOTH_WAYS)


def build(staging: Path, progress: Progress) -> None:
    """Builds `staging/bin/pulumi`. Raises EngineError where there is no Go, or where it fails."""
    go = shutil.which("go")
    if go is None:
        raise EngineError(
            f"There is no Pulumi engine {ENGINE_VERSION} here, no internet to get it from, and no Go to build it with",
            fix=BOTH_WAYS,
        )
    progress(f"Building Pulumi {ENGINE_VERSION} with Go, once (about three minutes on two cores)")
    started = time.monotonic()
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(go_module() / name, staging / name)
    command = [go, "build", "-v", "-ldflags", LINKED, "-o", str(staging / "bin" / "pulumi"), PACKAGE]
    status, output = _watched(command, staging, {**without_secrets(os.environ), "GOWORK": "off"}, progress, started)
    if status:
        raise EngineError(
            f"`go build` of the Pulumi engine failed (exit status {status}):\n" + "\n".join(output[-15:]), fix=BOTH_WAYS
        )
    progress(f"Built in {time.monotonic() - started:.0f} s")


def _watched(
    command: list[str], cwd: Path, env: dict[str, str], progress: Progress, started: float
) -> tuple[int, list[str]]:
    """Runs the build; says every ten seconds how many packages are compiled."""
    output: list[str] = []
    child = subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    stream = child.stderr
    if stream is None:  # asked for above
        raise EngineError("`go build` could not be started")

    def pump() -> None:
        output.extend(line.rstrip() for line in stream)

    reader = threading.Thread(target=pump, daemon=True)
    reader.start()
    try:
        while child.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)
                break
            now = f", now {output[-1]}" if output else ""
            progress(f"{time.monotonic() - started:4.0f} s: {len(output)} packages{now}")
    except BaseException:
        child.terminate()
        child.wait()
        raise
    reader.join(5)
    return child.returncode, output
