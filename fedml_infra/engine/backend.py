"""Where the states are kept, as the engine finds it, and who holds a stack's lock there, without running the engine.

Where: https://www.pulumi.com/docs/iac/concepts/state-and-backends/. The lock's path and content: pulumi/pulumi,
pkg/backend/diy/lock.go, version 3.259.0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from fedml_infra.engine.locks import LockHolder
from fedml_infra.engine.project import PROJECT_FILE

PROJECT_NAME = "fedml-infra"


def backend_url(environment: Mapping[str, str], project: Path) -> str | None:
    """PULUMI_BACKEND_URL, else what Pulumi.yaml says, else where the user is logged in; None where nothing says."""
    if environment.get("PULUMI_BACKEND_URL"):
        return environment["PULUMI_BACKEND_URL"]
    try:
        text = (project / PROJECT_FILE).read_text(encoding="utf-8")
    except OSError:
        text = ""
    named = re.search(r"^backend:\s*\n\s+url:[ \t]*[\"']?([^\s\"'#]+)", text, re.MULTILINE)
    if named:
        return named[1]
    try:
        current = json.loads((pulumi_home(environment) / "credentials.json").read_text(encoding="utf-8"))["current"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(current) or None


def pulumi_home(environment: Mapping[str, str]) -> Path:
    """The engine's folder of plugins and credentials."""
    given = environment.get("PULUMI_HOME")
    return Path(given) if given else Path(environment.get("HOME") or Path.home()) / ".pulumi"


def lock_folder(stack: str) -> str:
    """Where a backend keeps a stack's locks, below its own folder or prefix."""
    return f".pulumi/locks/organization/{PROJECT_NAME}/{stack}/"


def folder_of(url: str) -> Path | None:
    """The folder of a `file://` backend; None of any other."""
    if not url.startswith("file://"):
        return None
    return Path(url.removeprefix("file://")).expanduser()


@dataclass(frozen=True)
class BucketBackend:
    """An `s3://` backend."""

    bucket: str
    prefix: str
    """Ends with a slash, or is ""."""
    region: str | None
    endpoint: str | None
    profile: str | None


def bucket_of(url: str) -> BucketBackend | None:
    """The bucket of an `s3://` backend (gocloud.dev/blob/s3blob tells the parameters); None of any other."""
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        return None
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    below = parts.path.strip("/")
    return BucketBackend(
        parts.netloc,
        f"{below}/" if below else given.get("prefix", ""),
        given.get("region"),
        given.get("endpoint"),
        given.get("profile"),
    )


def holders_in_folder(folder: Path, stack: str) -> tuple[LockHolder, ...]:
    """Who holds the stack's lock in a `file://` backend; empty where nobody does. Raises OSError."""
    locks = folder / lock_folder(stack)
    return holders_of(path.read_text(encoding="utf-8") for path in sorted(locks.glob("*.json")))


def holders_of(texts: Iterable[str]) -> tuple[LockHolder, ...]:
    """The holders that lock files name; one that is being written is left out."""
    return tuple(holder for text in texts if (holder := _holder(text)) is not None)


def _holder(text: str) -> LockHolder | None:
    try:
        said = json.loads(text)
        since = datetime.fromisoformat(said["timestamp"]).isoformat(timespec="seconds")
        return LockHolder(said["username"], said["hostname"], int(said["pid"]), since)
    except (ValueError, KeyError, TypeError):
        return None
