"""What a worker tells a run, and a run its worker: JSON, a line each. Secrets go this way and no other."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretBytes, SecretStr

from fedml_infra.store.place import StorePlace
from fedml_infra.store.service_values import Ending, JobState, Progress


@dataclass(frozen=True)
class Settings:
    """How a service works, the same for every job.

    `workspaces` is where stack files are written out; `state_backend` where states are kept (None: beside them);
    `peers` are the hosts, `host` or `host:port`, that outgoing calls may reach though they are not public.
    """

    workspaces: Path
    state_backend: str | None = None
    peers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """One job to be run, with all that it needs."""

    job_id: str
    cid: str
    pid: str | None
    kind: str
    request: Mapping[str, Any] = field(repr=False)
    place: StorePlace
    master_key: SecretBytes
    settings: Settings

    def write(self) -> bytes:
        """The line."""
        url = self.place.database_url
        told = {
            "job_id": self.job_id,
            "cid": self.cid,
            "pid": self.pid,
            "kind": self.kind,
            "request": dict(self.request),
            "data_dir": str(self.place.data_dir) if self.place.data_dir is not None else None,
            "database_url": url.get_secret_value() if url is not None else None,
            "master_key": base64.b64encode(self.master_key.get_secret_value()).decode(),
            "workspaces": str(self.settings.workspaces),
            "state_backend": self.settings.state_backend,
            "peers": list(self.settings.peers),
        }
        return json.dumps(told).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Task:
        """The task of its line."""
        told = json.loads(line)
        data_dir, url = told["data_dir"], told["database_url"]
        return cls(
            job_id=told["job_id"],
            cid=told["cid"],
            pid=told["pid"],
            kind=told["kind"],
            request=told["request"],
            place=StorePlace(Path(data_dir) if data_dir else None, SecretStr(url) if url else None),
            master_key=SecretBytes(base64.b64decode(told["master_key"])),
            settings=Settings(Path(told["workspaces"]), told["state_backend"], tuple(told["peers"])),
        )


@dataclass(frozen=True)
class Waits:
    """A run that can only go on later: it is queued again, and holds no place meanwhile."""

    seconds: float


Said = Progress | Ending | Waits


def write(said: Said) -> str:
    """The line that a run says."""
    if isinstance(said, Progress):
        return json.dumps({"progress": asdict(said)})
    if isinstance(said, Waits):
        return json.dumps({"waits": said.seconds})
    return json.dumps({"ending": asdict(said)})


def read(line: bytes) -> Said | None:
    """What a run said; None for a line that is none of it."""
    try:
        told = json.loads(line)
        if "progress" in told:
            return Progress(**told["progress"])
        if "waits" in told:
            return Waits(float(told["waits"]))
        ending = told["ending"]
        return Ending(**ending | {"state": JobState(ending["state"])})
    except (ValueError, KeyError, TypeError):
        return None
