"""What the REST service keeps, as frozen values. Times are in UTC, with their zone."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

Version = Literal["v1", "v2"]


@dataclass(frozen=True)
class NewCustomer:
    """A customer to be kept. `key` is sealed."""

    cid: str
    version: Version
    key: bytes = field(repr=False)
    external_id: str
    """Of the role that it lets us assume: made here, so that nobody can choose it."""
    unsigned: bool = False
    """Whether requests may come without a signature, encrypted only."""
    accounts: tuple[str, ...] = ()
    """AWS accounts that its requests may act in; any if empty."""
    quota: int | None = None
    """Federations at most; None for any number."""
    role_arn: str | None = None
    refuse_keys: bool = False
    """Whether maps may bring AWS keys at all."""


@dataclass(frozen=True)
class Customer(NewCustomer):
    """A customer as it is kept."""

    created_at: datetime = field(kw_only=True)
    disabled_at: datetime | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class NewWorkspace:
    """A project of a customer to be kept. `passphrase` and `credentials` are sealed."""

    cid: str
    pid: str
    fed_name: str
    is_hub: bool
    persist: bool
    passphrase: bytes = field(repr=False)
    credentials: bytes | None = field(default=None, repr=False)
    topic_arn: str | None = None


@dataclass(frozen=True)
class Workspace(NewWorkspace):
    """A project as it is kept. The stack file's truth is here: a run writes it out, and brings it back."""

    version: int = field(kw_only=True)
    """Counts the writings of the stack file."""
    created_at: datetime = field(kw_only=True)
    stack_file: str | None = field(default=None, kw_only=True, repr=False)
    """None until a run has written it."""
    roster: bytes | None = field(default=None, kw_only=True, repr=False)
    outputs: Mapping[str, Any] | None = field(default=None, kw_only=True)


class JobState(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self not in {JobState.QUEUED, JobState.RUNNING}


@dataclass(frozen=True)
class Progress:
    """How far a run is: resources done, of how many (None: not known), and the current one."""

    done: int
    of: int | None = None
    current: str | None = None


@dataclass(frozen=True)
class NewJob:
    """Something to be run. `request` is sealed, bound to `cid` and `id`; `fingerprint` is a hash of it in clear."""

    cid: str
    kind: str
    pid: str | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    """128 random bits: nobody guesses another's."""
    request: bytes | None = field(default=None, repr=False)
    fingerprint: bytes | None = field(default=None, repr=False)
    idempotency_key: str | None = None

    @property
    def stack_key(self) -> str | None:
        """The stack that it runs, which runs one job at a time."""
        return f"{self.cid}/{self.pid}" if self.pid is not None else None


@dataclass(frozen=True)
class Job:
    """A job as it is kept: the truth about a run."""

    id: str
    cid: str
    pid: str | None
    kind: str
    state: JobState
    attempts: int
    cancel_requested: bool
    created_at: datetime
    not_before: datetime
    request: bytes | None = field(default=None, repr=False)
    fingerprint: bytes | None = field(default=None, repr=False)
    idempotency_key: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    """`values` of its answer."""
    status_code: int | None = None
    """The HTTP status of its answer; None while it has none."""
    status_string: str | None = None
    progress: Progress | None = None
    worker: str | None = None
    lease_until: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class Ending:
    """What came of a job: the state, and what its caller is answered."""

    state: JobState
    status_code: int
    status_string: str
    result: Mapping[str, Any] = field(default_factory=dict)
