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
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from fedml_infra.engine.build import Progress, build
from fedml_infra.engine.environment import without_secrets
from fedml_infra.engine.version import ENGINE_VERSION
from fedml_infra.errors import ConfigurationError, EngineError

INSTALLER_HOST = "get.pulumi.com"
INSTALLER_ANSWERS_WITHIN = 3.0
"""Seconds in which a machine with internet reaches the installer's host."""
INSTALLER_DONE_WITHIN = 300.0
INSTALLER = "import sys; from pulumi.automation import PulumiCommand; PulumiCommand.install(root=sys.argv[1])"
"""A program that puts the release of the SDK's version into the folder it is given."""
OFFICIAL = ".official"
"""Marks an engine that has the official language host beside it."""
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
        with _staging() as staging:
            build(staging, progress)
            _add_host(staging / "bin")
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
        env = {**without_secrets(os.environ), "PULUMI_SKIP_UPDATE_CHECK": "true"}
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
    if (folder / OFFICIAL).exists():
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
    with contextlib.suppress(_NotInstalledError), _staging() as staging:
        _run_installer(staging)
        (staging / "bin" / OFFICIAL).touch()
        return True
    progress("The official installer did not finish: building the engine instead")
    return False


class _NotInstalledError(Exception):
    pass


def _run_installer(staging: Path) -> None:
    installer = subprocess.Popen(
        [sys.executable, "-c", INSTALLER, str(staging)],
        env=without_secrets(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that its downloads can be stopped with it
    )
    try:
        status = installer.wait(INSTALLER_DONE_WITHIN)
    except BaseException as stopped:
        os.killpg(installer.pid, signal.SIGKILL)
        installer.wait()
        if isinstance(stopped, subprocess.TimeoutExpired):
            raise _NotInstalledError from stopped
        raise
    if status or not all((staging / "bin" / name).exists() for name in ("pulumi", "pulumi-language-python")):
        raise _NotInstalledError


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
