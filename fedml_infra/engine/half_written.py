"""Files that a kill left half written in a state backend that is a folder.

The engine's storage library writes a file under another name (`NAME.NUMBER.tmp`) and renames it, but the file of
attributes beside it in place: cut off there, an empty one stays, and everything that reads the state then fails with no
more than "EOF" (https://pkg.go.dev/gocloud.dev/blob/fileblob). The state itself is then the one before, whole. Of a
file cut off before its renaming the other name stays: among the locks it counts as a lock, elsewhere it lies there.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from fedml_infra.engine.backend import PROJECT_NAME, folder_of, holders_in_folder, lock_folder

SETTLED_AFTER = 0.3
"""Seconds after which nobody is still writing a file of a few hundred bytes."""


def mend_files(url: str, stack: str) -> bool:
    """Deletes what is no JSON of the stack's files of attributes, and of locks that were never finished.

    Without its attributes the library reads a file by its defaults. Whether there was any; False for a backend that is
    no folder.
    """
    folder = folder_of(url)
    if folder is None:
        return False
    broken = [path for path in _in_the_way(folder, stack) if not _whole(path)]
    if not broken:
        return False
    time.sleep(SETTLED_AFTER)
    still = [path for path in broken if not _whole(path)]
    for path in still:
        path.unlink(missing_ok=True)
    return bool(still)


def sweep_files(url: str, stack: str) -> None:
    """Deletes what is left of states, backups and history that were never finished, where no run can be writing them.

    Whoever writes them holds the backend's lock: while there is one of a run that is not proved dead, nothing is done.
    """
    folder = folder_of(url)
    if folder is None:
        return
    left = list(_unfinished(folder, stack))
    if not left:
        return
    with contextlib.suppress(OSError):  # a lock that goes while it is read: its run was alive
        if all(holder.is_dead for holder in holders_in_folder(folder, stack)):
            for path in left:
                path.unlink(missing_ok=True)


def _in_the_way(folder: Path, stack: str) -> Iterator[Path]:
    yield from (folder / ".pulumi" / "stacks" / PROJECT_NAME).glob(f"{stack}.json*.attrs")
    locks = folder / lock_folder(stack)
    yield from locks.glob("*.attrs")
    yield from locks.glob("*.tmp")


def _unfinished(folder: Path, stack: str) -> Iterator[Path]:
    own = folder / ".pulumi"
    yield from (own / "stacks" / PROJECT_NAME).glob(f"{stack}.json*.tmp")
    for kept in ("backups", "history"):
        yield from (own / kept / PROJECT_NAME / stack).glob("*.tmp")


def _whole(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return True
