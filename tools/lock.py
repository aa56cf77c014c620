"""Writes the lock files under requirements/ from pyproject.toml, or says whether they are in step with it.

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
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).with_name("uv")
LOCKS: dict[str, tuple[str, ...]] = {
    "runtime": ("pyproject.toml",),
    "dev": ("pyproject.toml", "--group", "dev"),
}


def digest() -> str:
    """SHA-256 of what the lock files are made from: the dependency tables, whatever else pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    inputs = [project["project"]["dependencies"], project["dependency-groups"], project["project"]["requires-python"]]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def header(name: str) -> str:
    return f"# {name} lock, written by `make lock`; made from {digest()}\n"


def write(name: str, arguments: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lock.txt"
        command = [UV, "pip", "compile", *arguments, "--universal", "--python-version", "3.11", "--generate-hashes"]
        options = ["--no-header", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--quiet"]
        subprocess.run([*command, *options, "--output-file", out], cwd=ROOT, check=True)
        (ROOT / "requirements" / f"{name}.txt").write_text(
            header(name) + out.read_text(encoding="utf-8"), encoding="utf-8"
        )
    print(f"requirements/{name}.txt written")


def problems(name: str) -> list[str]:
    path = ROOT / "requirements" / f"{name}.txt"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = []
    if not text.startswith(header(name)):
        found.append(f"{path.name} is not what pyproject.toml asks for now: run `make lock`")
    if re.search(r"https?://|--(extra-)?index-url|--find-links", text):
        found.append(f"{path.name} names a package index: take it out")
    pins = re.findall(r"^[a-z0-9][^ ]*==[^ ]+.*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    if not pins or any("--hash=sha256:" not in pin for pin in pins):
        found.append(f"{path.name} has a requirement without a hash")
    return found


def main() -> int:
    if "--check" in sys.argv[1:]:
        found = [problem for name in LOCKS for problem in problems(name)]
        print("\n".join(found) or "lock files are in step", file=sys.stderr if found else sys.stdout)
        return 1 if found else 0
    for name, arguments in LOCKS.items():
        write(name, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
