"""Writes the lock files from pyproject.toml and the policy pack's requirements, or says whether they are in step.

python tools/lock.py          write them (needs uv and a package index; `make lock`)
python tools/lock.py --check  exit 1 where a lock file is out of step (offline; part of `make check`)
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).with_name("uv")
PACK = Path("fedml_infra/gitops/policy_pack")
"""The policy pack has an environment of its own, made where the wheel is installed: its lock lies in the package."""


@dataclass(frozen=True)
class Lock:
    """One lock file, relative to the repository: what uv makes it from, and what of that it depends on."""

    name: str
    path: Path
    arguments: tuple[str, ...]
    source: Path

    def digest(self) -> str:
        """SHA-256 of what the lock is made from: of pyproject.toml its dependency tables, whatever else it says."""
        text = (ROOT / self.source).read_text(encoding="utf-8")
        if self.source.suffix == ".toml":
            project = tomllib.loads(text)
            inputs = [project["project"]["dependencies"], project["dependency-groups"]]
            text = json.dumps([*inputs, project["project"]["requires-python"]])
        return hashlib.sha256(text.encode()).hexdigest()

    def header(self) -> str:
        """Its first line."""
        return f"# {self.name} lock, written by `make lock`; made from {self.digest()}\n"


PROJECT = Path("pyproject.toml")
LOCKS = (
    Lock("runtime", Path("requirements/runtime.txt"), ("pyproject.toml",), PROJECT),
    Lock("dev", Path("requirements/dev.txt"), ("pyproject.toml", "--group", "dev"), PROJECT),
    Lock("policy pack", PACK / "requirements.txt", (str(PACK / "requirements.in"),), PACK / "requirements.in"),
)


def write(lock: Lock) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lock.txt"
        command = [UV, "pip", "compile", *lock.arguments, "--universal", "--python-version", "3.11"]
        options = ["--generate-hashes", "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate"]
        subprocess.run([*command, *options, "--quiet", "--output-file", out], cwd=ROOT, check=True)
        (ROOT / lock.path).write_text(lock.header() + out.read_text(encoding="utf-8"), encoding="utf-8")
    print(f"{lock.path} written")


def problems(lock: Lock) -> list[str]:
    path = ROOT / lock.path
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = []
    if not text.startswith(lock.header()):
        found.append(f"{lock.path} is not what {lock.source} asks for now: run `make lock`")
    if re.search(r"https?://|--(extra-)?index-url|--find-links", text):
        found.append(f"{lock.path} names a package index: take it out")
    pins = re.findall(r"^[a-z0-9][^ ]*==[^ ]+.*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    if not pins or any("--hash=sha256:" not in pin for pin in pins):
        found.append(f"{lock.path} has a requirement without a hash")
    return found


def main() -> int:
    if "--check" in sys.argv[1:]:
        found = [problem for lock in LOCKS for problem in problems(lock)]
        print("\n".join(found) or "lock files are in step", file=sys.stderr if found else sys.stdout)
        return 1 if found else 0
    for lock in LOCKS:
        write(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
