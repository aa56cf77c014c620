"""Looks for secrets wherever a run may have left them: files, output, arguments and environments of processes.

Every Python process of the run tells what it was started with, and what it starts with which arguments and which
environment: a `sitecustomize` on PYTHONPATH does that before anything else runs. So nothing is missed for being quick.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any
from urllib.parse import quote

ENGINE = "pulumi"

_RECORDER = r"""
import json, os, sys

def _told(path):
    with open(path, "rb") as file:
        return [part.decode(errors="replace") for part in file.read().split(b"\0") if part]

def _above(pid):
    names = []
    while pid > 1:
        try:
            stat = open(f"/proc/{pid}/stat").read()
        except OSError:
            break
        names.append(stat[stat.index("(") + 1 : stat.rindex(")")])
        pid = int(stat.rpartition(")")[2].split()[1])
    return names

def _write(argv, environment):
    line = json.dumps({"argv": argv, "environ": environment, "above": _above(os.getpid())}) + "\n"
    handle = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, line.encode())
    os.close(handle)

def _heard(event, arguments):
    argv = environment = None
    if event == "subprocess.Popen":
        _, argv, _, environment = arguments
    elif event in ("os.exec", "os.posix_spawn"):
        _, argv, environment = arguments
    if argv is not None:
        argv = [argv] if isinstance(argv, (str, bytes)) else argv
        _write([os.fsdecode(part) for part in argv], dict(os.environ if environment is None else environment))

_write(_told("/proc/self/cmdline"), dict(os.environ))
sys.addaudithook(_heard)
"""


@dataclass(frozen=True)
class Secret:
    """One secret of a run, and what people call it."""

    name: str
    value: str


class Of(Enum):
    """Whose environment it is."""

    COMMAND = auto()
    """That of the command which a person started."""
    ENGINE = auto()
    """That of the engine, or of what the engine started."""
    OTHER = auto()


@dataclass(frozen=True)
class Leak:
    """A secret, and where it was found; in an environment, whose that is."""

    secret: str
    where: str
    of: Of | None = None


@dataclass(frozen=True)
class Process:
    """What a process was started with."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    above: tuple[str, ...]
    """Names of the processes that it comes from, the nearest first."""

    @property
    def of(self) -> Of:
        """Which kind of process it is."""
        if ENGINE in self.above or any(Path(part).name == ENGINE for part in self.argv):
            return Of.ENGINE
        return Of.COMMAND if "fedml_infra.cli" in self.argv else Of.OTHER


def forms(value: str) -> frozenset[bytes]:
    """A secret as text, JSON, addresses, hexadecimal digits and base64 carry it, wherever in a longer text."""
    raw = value.encode()
    found = {raw, quote(value, safe="").encode(), raw.hex().encode(), raw.hex().upper().encode()}
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        # Gson writes = as \u003d, some others / as \/.
        found |= {each.encode() for each in (text, text.replace("/", "\\/"), text.replace("=", "\\u003d"))}
    for before in range(3):
        # In base64 a text looks in three ways, by where it begins; what its neighbours decide is left out.
        padded = base64.b64encode(b"\0" * before + raw)
        cut = padded[-(-before * 8 // 6) : len(padded.rstrip(b"=")) - 1]
        found |= {cut, cut.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(found)


def in_text(secrets: Iterable[Secret], text: str | bytes, where: str, of: Of | None = None) -> Iterator[Leak]:
    """The secrets that a text carries in any form."""
    content = text.encode() if isinstance(text, str) else text
    for secret in secrets:
        if any(form in content for form in forms(secret.value)):
            yield Leak(secret.name, where, of)


def in_files(secrets: Iterable[Secret], folder: Path) -> Iterator[Leak]:
    """The secrets in all files under a folder, and in their names."""
    told = tuple(secrets)
    for path in sorted(folder.rglob("*")):
        yield from in_text(told, str(path.relative_to(folder)), f"the name of {path}")
        if path.is_file() and not path.is_symlink():
            yield from in_text(told, path.read_bytes(), str(path))


class Watch:
    """Keeps what the processes of a run are started with. `folder` must be outside what is searched for leaks."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._log, self._folder = folder / "processes.jsonl", folder
        (folder / "sitecustomize.py").write_text(f"LOG = {str(self._log)!r}\n{_RECORDER}", encoding="utf-8")

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment to start a run with."""
        path = [str(self._folder), *filter(None, [base.get("PYTHONPATH")])]
        return {**base, "PYTHONPATH": ":".join(path)}

    def processes(self) -> tuple[Process, ...]:
        """Those seen so far."""
        if not self._log.exists():
            return ()
        lines: Iterable[dict[str, Any]] = map(json.loads, self._log.read_text(encoding="utf-8").splitlines())
        return tuple(Process(tuple(one["argv"]), one["environ"], tuple(one["above"])) for one in lines)

    def leaks(self, secrets: Iterable[Secret]) -> Iterator[Leak]:
        """The secrets in arguments and environments."""
        told = tuple(secrets)
        for process in self.processes():
            name = " ".join(Path(part).name for part in process.argv[:3])
            yield from in_text(told, "\0".join(process.argv), f"the arguments of {name}")
            for variable, value in process.environ.items():
                where = f"{variable} in the environment of {name}"
                yield from in_text(told, value, where, process.of)
