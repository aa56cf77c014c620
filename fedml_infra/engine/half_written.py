"""Files that a kill left half written in a state backend that is a folder.

The engine's storage library writes a file under another name and renames it, but the file of attributes beside it in
place: cut off there, an empty one stays, and everything that reads the state then fails with no more than "EOF"
(https://pkg.go.dev/gocloud.dev/blob/fileblob). The state itself is then the one before, whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

from fedml_infra.engine.backend import PROJECT_NAME, folder_of, lock_folder

SETTLED_AFTER = 0.3
"""Seconds after which nobody is still writing a file of a few hundred bytes."""


def mend_files(url: str, stack: str) -> bool:
    """Deletes the stack's files of attributes that are no JSON: without one the library takes its defaults.

    Whether there was any; False for a backend that is no folder.
    """
    folder = folder_of(url)
    if folder is None:
        return False
    broken = [path for path in _attributes(folder, stack) if not _whole(path)]
    if not broken:
        return False
    time.sleep(SETTLED_AFTER)
    still = [path for path in broken if not _whole(path)]
    for path in still:
        path.unlink(missing_ok=True)
    return bool(still)


def _attributes(folder: Path, stack: str) -> Iterator[Path]:
    yield from (folder / ".pulumi" / "stacks" / PROJECT_NAME).glob(f"{stack}.json*.attrs")
    yield from (folder / lock_folder(stack)).glob("*.attrs")


def _whole(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return True
