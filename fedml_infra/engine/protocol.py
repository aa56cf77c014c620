"""What the rest of the project asks of an engine. `automation.py` answers with Pulumi, `double.py` in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

from fedml_infra.engine.events import Diagnostic, ResourceChange, RunEvent
from fedml_infra.engine.recovery import Adoption
from fedml_infra.errors import ChangesFoundError, ResourceError
from fedml_infra.model.ciphertext import Ciphertext


class Cancellation:
    """Asks a run to stop: once, cleanly (what is under way is finished); a second time, at once."""

    def __init__(self) -> None:
        self._requested = 0

    def request(self) -> None:
        """May be called from a signal handler or another thread."""
        self._requested += 1

    @property
    def requested(self) -> int:
        """How often it was asked for."""
        return self._requested


@dataclass(frozen=True)
class RunOptions:
    """How one run is done. What an operation does not know it ignores, as told per field."""

    refresh: bool = False
    """preview, up and destroy: look first at what really is."""
    preview_only: bool = False
    """refresh and destroy: say what would happen, and do nothing."""
    expect_no_changes: bool = False
    """preview, up and refresh: raise UnexpectedChangesError where there are any."""
    diff: bool = False
    """`RunResult.text` is the engine's rich diff and not its list of resources."""
    ignore_protect: bool = False
    """destroy: delete protected resources too."""
    on_event: Callable[[RunEvent], None] | None = None
    """Told what happens, as it happens, in the caller's thread. An error in it never disturbs the run: it is told in
    the result's diagnostics, and nothing more is told to it."""
    expected: int | None = None
    """How many resources a preview counted, for `Progress.of`."""
    message: str | None = None
    """Kept in the stack's history."""
    timeout: float | None = None
    """Seconds; then the run is stopped cleanly and TimedOutError raised."""
    cancellation: Cancellation | None = None
    """Where the caller wants to stop the run itself. Ctrl-C and SIGTERM stop it in any case (main thread)."""
    policy_packs: tuple[Path, ...] = ()
    """preview and up: policy packs that the run must satisfy."""
    targets: tuple[str, ...] = ()
    """URNs: only these resources."""
    save_plan: Path | None = None
    """preview: where to write what it proposes, as a plan that `up` can be held to. Only its owner may read the file;
    secrets are encrypted in it as in the stack's state."""
    plan: Path | None = None
    """up: a plan that was saved so. PlanRefusedError on the first step that is not in it: what was done until then was
    planned, and a plan that was cut off can be applied again."""
    secrets: tuple[SecretStr, ...] = ()
    """Values that must not appear in what this run says."""


@dataclass(frozen=True)
class RunResult:
    """What a run did, or would do."""

    summary: Mapping[str, int]
    """Number of resources by operation: create, update, delete, replace, same."""
    changes: tuple[ResourceChange, ...]
    outputs: Mapping[str, Any]
    """The stack's outputs; secret ones are `[secret]`."""
    seconds: float
    diagnostics: tuple[Diagnostic, ...] = ()
    text: str = ""
    """The engine's own display, without colours and secrets."""

    @property
    def changed(self) -> tuple[ResourceChange, ...]:
        """The changes that are any."""
        return tuple(change for change in self.changes if change.changes_something)


class UnexpectedChangesError(ChangesFoundError):
    """`expect_no_changes`, and there were some: `result` says which."""

    def __init__(self, what: str, result: RunResult, *, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.result = result


class PlanRefusedError(ResourceError):
    """`RunOptions.plan` does not have what the run came to: something moved since it was made."""


class NotYetAllowedError(ResourceError):
    """AWS refused nothing but a Subscribe, as it does for up to a minute after a topic policy is written."""


@dataclass(frozen=True)
class StackSummary:
    """A stack in the backend."""

    name: str
    last_update: str | None = None
    """ISO 8601, UTC; None where it never ran."""
    resources: int | None = None


class Engine(Protocol):
    """One project's stacks. Errors are FedmlErrors throughout, with secrets taken out (failures.py has the table)."""

    @property
    def version(self) -> str:
        """The engine's version."""

    def with_environment(self, variables: Mapping[str, str | None]) -> Engine:
        """The same engine with these variables in its processes' environment; None takes one away."""

    def stacks(self) -> tuple[StackSummary, ...]:
        """The stacks of this project in the backend, by name."""

    def exists(self, stack: str) -> bool:
        """Whether the backend has that stack."""

    def init(self, stack: str, secrets_provider: str | None = None) -> None:
        """Makes the stack in the backend, empty; done already is done. The stack file keeps all that it says.

        `secrets_provider`: `awskms://…` and the like; a passphrase where None.
        """

    def set_secret(self, stack: str, key: str, value: SecretStr) -> None:
        """Encrypts a value into the stack file under a full key (`fedml-infra:fed_secret_key`)."""

    def encrypt(self, stack: str, values: Mapping[str, SecretStr]) -> dict[str, Ciphertext]:
        """The values by full key, encrypted as the stack's own; of its file at most the encryption settings change, so
        that several secrets and what goes with them can be written in one step."""

    def get_secret(self, stack: str, key: str) -> SecretStr | None:
        """The decrypted value of a key of the stack file; None where it is absent."""

    def get_secrets(self, stack: str, keys: Iterable[str]) -> dict[str, SecretStr]:
        """Those of the keys that are there, at the cost of one."""

    def preview(self, stack: str, options: RunOptions = ...) -> RunResult:
        """What `up` would do. A stack file without a stack in the backend gets one, empty, and a message says so."""

    def up(self, stack: str, options: RunOptions = ...) -> RunResult:
        """Makes what the stack file says. A stack that the backend lacks is made first."""

    def refresh(self, stack: str, options: RunOptions = ...) -> RunResult:
        """Takes what really is into the state."""

    def destroy(self, stack: str, options: RunOptions = ...) -> RunResult:
        """Deletes every resource of the stack; the stack and its file stay."""

    def remove(self, stack: str) -> None:
        """Removes an empty stack from the backend; the stack file stays."""

    def outputs(self, stack: str, *, show_secrets: bool = False) -> dict[str, Any]:
        """The stack's outputs; secret ones are `[secret]` unless asked for."""

    def state(self, stack: str) -> dict[str, Any]:
        """The exported deployment: `version` and `deployment` with `resources` and `pending_operations`; secrets stay
        encrypted."""

    def set_state(self, stack: str, state: Mapping[str, Any]) -> None:
        """Replaces the state by such an export."""

    def cancel(self, stack: str) -> None:
        """Deletes every lock of the stack, a live one too: first prove the holder dead (StackLockedByError.holders)."""

    def drop_lock(self, url: str) -> bool:
        """Deletes one lock, named as the backend names it; False where it lies in no folder of this machine."""

    def mend_files(self, stack: str) -> bool:
        """Takes away what a kill left half written beside a stack's state in a folder; whether there was any."""

    def claim(self, stack: str) -> AbstractContextManager[None]:
        """Holds the stack against other runs of this machine (claims.py). Raises StackLockedByError at once."""

    def adopt(self, stack: str, adoptions: Iterable[Adoption], *, protect: bool = False) -> RunResult:
        """Takes what exists into the state, as the provider reads it; what is there is not changed."""
