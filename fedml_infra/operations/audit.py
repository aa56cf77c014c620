"""Record who did what to which stack, and what came of it, whatever that was."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from fedml_infra.engine.redaction import Redactor
from fedml_infra.errors import (
    AuthenticationError,
    ConfigurationError,
    FedmlError,
    PolicyError,
    StackLockedError,
    StackNotFoundError,
    StoreError,
)
from fedml_infra.operations.actor import actor
from fedml_infra.store.store import Store
from fedml_infra.store.values import AuditEntry

REFUSALS = (AuthenticationError, ConfigurationError, PolicyError, StackLockedError, StackNotFoundError)
"""Errors that say no; all others are something that went wrong."""


class Outcome(StrEnum):
    """What came of it."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass
class Doing:
    """What is being done. What becomes known on the way is set on the way; no secret may be put in."""

    action: str
    """As the command is called: `members remove`."""
    stack: str
    topic_arn: str | None = None
    account: str | None = None
    """The AWS account whose credentials do it, where that is known."""
    details: dict[str, str] = field(default_factory=dict)

    def entry(self, error: BaseException | None) -> AuditEntry:
        """What is recorded of it. Of an error only its kind: its text may quote anything."""
        redact = Redactor.of(os.environ)
        details = {name: redact(value) for name, value in self.details.items()}
        if error is not None:
            details["error"] = type(error).__name__
        return AuditEntry(
            actor=actor(self.account),
            stack=self.stack,
            topic_arn=self.topic_arn,
            action=self.action,
            outcome=_outcome(error),
            details=details,
        )


@contextlib.contextmanager
def audited(store: Store, doing: Doing) -> Iterator[Doing]:
    """What happens within is recorded, whether or not it ends well; for what must not go unrecorded.

    Raises StoreError before anything is done where the store cannot be written; and after it, should it fail only
    then, unless what was done failed itself.
    """
    store.audit.require_writable()
    try:
        yield doing
    except BaseException as error:
        with contextlib.suppress(StoreError):
            store.audit.append(doing.entry(error))
        raise
    try:
        store.audit.append(doing.entry(None))
    except StoreError as error:
        raise StoreError(
            f"{doing.action} of {doing.stack} is done, but not recorded. {error.what}", fix=error.fix
        ) from None


@contextlib.contextmanager
def audited_if_possible(opening: Callable[[], Store], doing: Doing, warn: Callable[[str], None]) -> Iterator[Doing]:
    """The same for what a broken store must not stop, as `up` and `destroy`: that it is not recorded is told."""
    ended: BaseException | None = None
    try:
        yield doing
    except BaseException as error:
        ended = error
        raise
    finally:
        try:
            with opening() as store:
                store.audit.append(doing.entry(ended))
        except FedmlError as error:
            warn(f"What was done is not in the audit. {error}")


def _outcome(error: BaseException | None) -> Outcome:
    if error is None:
        return Outcome.DONE
    return Outcome.REFUSED if isinstance(error, REFUSALS) else Outcome.FAILED
