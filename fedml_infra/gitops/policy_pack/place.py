"""Makes the policy pack ready to be given to `--policy-pack`: its folder, and the environment that it runs in.

Both lie in the user's cache folder, each in a folder named by what it is made from, and are made once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from fedml_infra.engine.environment import without_secrets
from fedml_infra.engine.install import cache_root
from fedml_infra.engine.redaction import Redactor
from fedml_infra.errors import ConfigurationError, EngineError

_HERE = Path(__file__).resolve().parent
_PACKAGE = _HERE.parents[1]
REQUIREMENTS = _HERE / "requirements.txt"
_COPIED = ("__init__.py", "errors.py", "model", "policies", "gitops/__init__.py", "gitops/policy_pack")
_NOT_COPIED = frozenset({"place.py", "requirements.in", "requirements.txt"})
_DONE = ".complete"
_MAIN = '''"""Started by Pulumi's language host; the port of the pack is its first line of output."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))

from fedml_infra.gitops.policy_pack.server import serve

serve()
'''

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Pack:
    """A policy pack that is ready."""

    path: Path
    """The folder for `--policy-pack`."""
    environment: Path
    """The virtual environment that it runs in."""


def policy_pack(progress: Progress = lambda _: None) -> Pack:
    """The pack, made where it is not there yet; `progress` is told what takes long.

    Raises ConfigurationError where the cache folder cannot be written, EngineError where its requirements cannot be
    installed.
    """
    environment = cache_root() / f"policy-pack-python-{_environment_key()}"
    files = dict(_files(environment))
    path = cache_root() / f"policy-pack-{_digest(*(f'{name}={text!r}' for name, text in sorted(files.items())))}"
    pack = Pack(path, environment)
    if _is_ready(pack):
        return pack
    try:
        with _lock(progress):
            if not _has_python(environment):
                with _staged(environment) as staging:
                    _make_environment(staging, progress)
            if not (path / _DONE).exists():
                with _staged(path) as staging:
                    for name, text in files.items():
                        (staging / name).parent.mkdir(parents=True, exist_ok=True)
                        (staging / name).write_bytes(text)
    except OSError as error:
        raise ConfigurationError(
            f"The policy pack cannot be put into {cache_root()}: {error.strerror or error}",
            fix="Make that folder writable, or set FEDML_INFRA_CACHE_DIR to one that is.",
        ) from error
    return pack


def _is_ready(pack: Pack) -> bool:
    return (pack.path / _DONE).exists() and _has_python(pack.environment)


def _has_python(environment: Path) -> bool:
    # Its interpreter is a link, and an upgrade of the system's Python may leave it dangling.
    return (environment / _DONE).exists() and (environment / "bin" / "python").exists()


def _environment_key() -> str:
    return _digest(REQUIREMENTS.read_text(encoding="utf-8"), sys.version, str(Path(sys.executable).resolve()))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _files(environment: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of the pack, by its path in the pack's folder."""
    yield "__main__.py", _MAIN.encode()
    about = {
        "name": "fedml-infra",
        "description": "The house's rules for federations",
        "version": version("fedml-infra"),
        "runtime": {"name": "python", "options": {"virtualenv": str(environment)}},
    }
    # JSON is YAML.
    yield "PulumiPolicy.yaml", json.dumps(about, indent=2).encode()
    for name in _COPIED:
        source = _PACKAGE / name
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if path.is_file() and "__pycache__" not in path.parts and path.name not in _NOT_COPIED:
                yield f"lib/{_PACKAGE.name}/{path.relative_to(_PACKAGE).as_posix()}", path.read_bytes()


def _make_environment(folder: Path, progress: Progress) -> None:
    """A virtual environment with the locked requirements: by uv where it is there, else by pip."""
    progress("Making the policy pack's Python environment (once; by pip it takes a minute)")
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    python = str(folder / "bin" / "python")
    if uv:
        _run([uv, "venv", "--quiet", "--python", sys.executable, "--allow-existing", str(folder)])
        install = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        _run([sys.executable, "-m", "venv", str(folder)])
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    _run([*install, "--require-hashes", "--no-deps", "--requirement", str(REQUIREMENTS)])


def _run(command: list[str]) -> None:
    environment = without_secrets(os.environ)
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = Redactor.of(os.environ)((done.stderr or done.stdout).strip())
        raise EngineError(
            "The policy pack's requirements could not be installed:\n" + "\n".join(said.splitlines()[-5:]),
            fix="They come from the Python package index that pip or uv is set up for: see that it can be reached.",
        )


@contextlib.contextmanager
def _staged(final: Path) -> Iterator[Path]:
    """A folder beside the final one, which takes its place when all is there."""
    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=final.parent))
    try:
        yield staging
        (staging / _DONE).touch()
        if final.exists():
            shutil.rmtree(final)
        staging.rename(final)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextlib.contextmanager
def _lock(progress: Progress) -> Iterator[None]:
    """One at a time in a cache folder, whoever makes it."""
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / "policy-pack.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Another process is making the policy pack: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
