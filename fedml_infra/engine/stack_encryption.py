"""The settings of a stack file that say how its secrets are encrypted, taken over from what the engine wrote.

The engine rewrites a whole file to add them, and loses blank lines and quotes on the way.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

_SETTING = re.compile(r"^(encryptionsalt|secretsprovider|encryptedkey):.*\n?", re.MULTILINE)


def secrets_provider_in(text: str) -> str | None:
    """The secrets provider that a stack file names; None where its secrets are under a passphrase."""
    found = re.search(r"^secretsprovider:[ \t]*[\"']?([^\s\"'#]+)", text, re.MULTILINE)
    return found[1] if found and found[1] != "passphrase" else None


def with_encryption_of(written: str, text: str) -> str:
    """`text` with the settings that `written` has; nothing else of it changes. New settings come first."""
    for setting in _SETTING.finditer(written):
        line = setting[0].rstrip("\n") + "\n"
        own = re.search(rf"^{setting[1]}:.*\n?", text, re.MULTILINE)
        text = f"{text[: own.start()]}{line}{text[own.end() :]}" if own else line + text
    return text


def replace_text(path: Path, text: str) -> None:
    """Writes the file in one step, with the mode that it had."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    if target.exists():
        shutil.copymode(target, fresh)
    fresh.replace(target)


@contextlib.contextmanager
def text_kept(path: Path) -> Iterator[None]:
    """What a person wrote is put back after a command that rewrites the file, successful or not."""
    before = path.read_text(encoding="utf-8") if path.exists() else None
    try:
        yield
    finally:
        if before is not None and path.exists():
            replace_text(path, with_encryption_of(path.read_text(encoding="utf-8"), before))
