"""Gets the Pulumi engine: from PATH, by the official installer, or built with Go from pinned modules.

Run as `python -m fedml_infra.engine.install` by `make`, and by the first command that needs an engine. What is
installed here lies in the user's cache folder, in a folder named by version.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from fedml_infra.engine.version import ENGINE_VERSION
from fedml_infra.errors import ConfigurationError, EngineError

Progress = Callable[[str], None]
"""Told one line at a time what happens."""

PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
LINKED = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={ENGINE_VERSION}"
INSTALLER_HOST = "get.pulumi.com"
INSTALLER_ANSWERS_WITHIN = 3.0
"""Seconds in which a machine with internet reaches the installer's host."""
INSTALLER_DONE_WITHIN = 300.0
BOTH_WAYS = (
    f"Install Pulumi {ENGINE_VERSION} or newer so that `pulumi` is on PATH (https://www.pulumi.com/docs/install/), "
    "or install Go 1.25 or newer (https://go.dev/dl/), which builds the engine once, in about three minutes."
)
_HOST_FILES = ("pulumi-language-python", "language_host.py", "pulumi_python_program.py")


@dataclass(frozen=True)
class EngineBinary:
    """An engine that can run: its `pulumi`, its version, and where it came from."""

    path: Path
    version: str
    source: Literal["path", "installer", "built"]


def cache_root() -> Path:
    """The user's cache folder of this project; `FEDML_INFRA_CACHE_DIR` names another."""
    override = os.environ.get("FEDML_INFRA_CACHE_DIR")
    return Path(override).expanduser().absolute() if override else Path(platformdirs.user_cache_dir("fedml-infra"))


def bin_dir() -> Path:
    """Where an engine that is installed here lies, and its language host beside it."""
    return cache_root() / f"pulumi-{ENGINE_VERSION}" / "bin"


def _silent(line: str) -> None:
    pass


def find() -> EngineBinary | None:
    """An engine that is there already, on PATH or in the cache folder; None where there is none."""
    return _on_path(os.environ.get("PATH", ""), bin_dir()) or _in_cache()


def install(progress: Progress = _silent) -> EngineBinary:
    """The engine, got where it is not there yet.

    Raises ConfigurationError where the cache folder cannot be written, EngineError where neither way works.
    """
    found = find()
    if found:
        return found
    with _lock(progress):
        found = _in_cache()  # another process may just have finished
        if found:
            return found
        if _repair():
            return _ready("built")
        if _official(progress):
            return _ready("installer")
        _build(progress)
        return _ready("built")


@functools.lru_cache(maxsize=8)
def _on_path(path: str, own: Path) -> EngineBinary | None:
    binary = shutil.which("pulumi", path=path)
    if binary is None:
        return None
    folder = Path(binary).resolve().parent
    if folder == own.resolve() or not (folder / "pulumi-language-python").exists():
        return None
    try:
        env = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        said = subprocess.run(
            [binary, "version"], capture_output=True, text=True, timeout=30, check=True, env=env
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = said.strip().removeprefix("v")
    return EngineBinary(Path(binary), version, "path") if _numbers(version) >= _numbers(ENGINE_VERSION) else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0])[:3])


def _in_cache() -> EngineBinary | None:
    folder = bin_dir()
    if not (folder / "pulumi").exists():
        return None
    if (folder / "pulumi-language-python-exec").exists():  # the official install's own host
        return _ready("installer")
    try:
        current = all((folder / name).read_bytes() == (_host_dir() / name).read_bytes() for name in _HOST_FILES)
    except OSError:
        current = False
    return _ready("built") if current else None


def _repair() -> bool:
    """Puts this version's language host beside a binary that is there; False where there is no binary."""
    if not (bin_dir() / "pulumi").exists():
        return False
    _add_host(bin_dir())
    return True


def _ready(source: Literal["installer", "built"]) -> EngineBinary:
    return EngineBinary(bin_dir() / "pulumi", ENGINE_VERSION, source)


def _host_dir() -> Path:
    return Path(__file__).parent / "language_host"


def _add_host(folder: Path) -> None:
    for name in _HOST_FILES:
        fresh = folder / f".{name}.{os.getpid()}"
        shutil.copyfile(_host_dir() / name, fresh)
        fresh.chmod(0o755)
        fresh.replace(folder / name)
    # A plain `pulumi up` finds a Python with the SDK by this, where nothing else says which.
    (folder / "interpreter").write_text(sys.executable, encoding="utf-8")


@contextlib.contextmanager
def _lock(progress: Progress) -> Iterator[None]:
    """One installation at a time in a cache folder, whoever starts it."""
    root = cache_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle = (root / "install.lock").open("w")
    except OSError as error:
        raise _not_writable(error) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Another process is installing the engine: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _not_writable(error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The engine cannot be put into {cache_root()}: {error.strerror}",
        fix="Make that folder writable, or set FEDML_INFRA_CACHE_DIR to one that is.",
    )


@contextlib.contextmanager
def _staging() -> Iterator[Path]:
    """A folder beside the final one, whose `bin` is moved into place when all is there."""
    final = bin_dir()
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".new-", dir=final.parent))
    except OSError as error:
        raise _not_writable(error) from error
    try:
        yield staging
        if final.exists():
            shutil.rmtree(final)
        (staging / "bin").rename(final)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _reachable(host: str, seconds: float) -> bool:
    """Whether a TLS port answers in time. In a thread, because looking up a name heeds no time-out."""
    answers: list[bool] = []

    def knock() -> None:
        with contextlib.suppress(OSError), socket.create_connection((host, 443), timeout=seconds):
            answers.append(True)

    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answers)


def _official(progress: Progress) -> bool:
    """The official installer; False where it cannot be reached or fails, with one line that says so."""
    if not _reachable(INSTALLER_HOST, INSTALLER_ANSWERS_WITHIN):
        progress(f"The official installer ({INSTALLER_HOST}) cannot be reached from here: building the engine instead")
        return False
    progress(f"Installing Pulumi {ENGINE_VERSION} with the official installer")
    script = "import sys; from pulumi.automation import PulumiCommand; PulumiCommand.install(root=sys.argv[1])"
    try:
        with _staging() as staging:
            subprocess.run(
                [sys.executable, "-c", script, str(staging)],
                check=True, capture_output=True, timeout=INSTALLER_DONE_WITHIN,
            )  # fmt: skip
    except (subprocess.SubprocessError, FileNotFoundError):
        progress("The official installer did not finish: building the engine instead")
        return False
    return True


def go_module() -> Path:
    """The folder with the go.mod that pins the engine: tools/pulumi of a checkout, or its copy in the wheel."""
    package = Path(__file__).parents[1]
    for folder in (package.parent / "tools" / "pulumi", package / "_pulumi_go"):
        if (folder / "go.mod").is_file():
            return folder
    raise EngineError("The go.mod that pins the Pulumi engine is missing from this installation", fix=BOTH_WAYS)


def _build(progress: Progress) -> None:
    go = shutil.which("go")
    if go is None:
        raise EngineError(
            f"There is no Pulumi engine {ENGINE_VERSION} here, no internet to get it from, and no Go to build it with",
            fix=BOTH_WAYS,
        )
    progress(f"Building Pulumi {ENGINE_VERSION} with Go, once (about three minutes on two cores)")
    started = time.monotonic()
    with _staging() as staging:
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(go_module() / name, staging / name)
        command = [go, "build", "-v", "-ldflags", LINKED, "-o", str(staging / "bin" / "pulumi"), PACKAGE]
        env = {**os.environ, "GOWORK": "off"}
        status, output = _watched(command, staging, env, progress, started)
        if status:
            raise EngineError(
                f"`go build` of the Pulumi engine failed (exit status {status}):\n" + "\n".join(output[-15:]),
                fix=BOTH_WAYS,
            )
        _add_host(staging / "bin")
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


def main() -> int:
    """`python -m fedml_infra.engine.install`: says what it does; one line where there is nothing to do."""

    def say(line: str) -> None:
        print(f"    {line}", flush=True)  # noqa: T201

    try:
        engine = install(say)
    except (ConfigurationError, EngineError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2 if isinstance(error, ConfigurationError) else 4
    say(f"Pulumi {engine.version}: {engine.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
