"""No tracked file names a path of one machine or the package index that it happens to use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.docs.pages import ROOT

# In pieces, as this file is tracked too.
PLACES = re.compile(
    r"(?<![\w.~}$/-])/(?:"
    + "|".join(["wo" + r"rk/\w+", "ro" + r"ot/\w+", "(?:ho" + "me|Us" + r"ers)/(?!someone\b|you\b)\w+"])
    + ")"
)
INDEXES = ["pypi.org/" + "simple", "files.python" + "hosted.org", "proxy.go" + "lang.org"]
PUBLIC = {"localhost", "127.0.0.1", "pypi.org", "github.com", "direct", "off", ""}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        try:
            found.append((str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def hosts_of_this_machine() -> set[str]:
    """Hosts that this machine's package clients are set to, whatever they are."""
    said = [os.environ.get(name, "") for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "GOPROXY")]
    said.append(os.environ.get("UV_DEFAULT_INDEX", ""))
    for config in (Path("/etc/pip.conf"), Path.home() / ".pip" / "pip.conf", Path.home() / ".config/pip/pip.conf"):
        if config.is_file():
            said += re.findall(r"=\s*(https?://\S+)", config.read_text(encoding="utf-8"))
    urls = re.split(r"[,|\s]+", " ".join(said))
    return {urlsplit(url).hostname or "" for url in urls} - PUBLIC


def test_no_path_of_a_machine() -> None:
    assert {name: found for name, text in texts() if (found := PLACES.findall(text))} == {}


def test_no_package_index() -> None:
    named = [*INDEXES, *hosts_of_this_machine()]
    assert {name: host for name, text in texts() for host in named if host in text} == {}


def test_a_path_is_told_from_a_part_of_one() -> None:
    assert PLACES.search("see " + "/ro" + "ot/secrets")
    assert not PLACES.search("$HOME/wo" + "rk/x and s3://a/ho" + "me/b")


def test_this_runs_in_a_checkout() -> None:
    assert ROOT / "README.md" in tracked() or not (ROOT / ".git").exists(), sys.version
