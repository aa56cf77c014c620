"""Every error this project raises on purpose, and the one table that maps it to exit codes and HTTP answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class FedmlError(Exception):
    """Something a person can act on: what happened, to which thing, and what to do next.

    `what` is a sentence without a secret in it; `fix` says what to do next, where that is known.
    """

    def __init__(self, what: str, *, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what}\n  {self.fix}" if self.fix else self.what


@dataclass(frozen=True)
class Problem:
    """One mistake in a stack file or an option: its key, where it stands, and what would be right."""

    key: str
    message: str
    fix: str | None = None
    line: int | None = None
    """1-based line in the file; None where the value comes from no file."""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        fix = f" ({self.fix})" if self.fix else ""
        return f"{where}{self.key}: {self.message}{fix}"

    def as_json(self) -> dict[str, str | int | None]:
        """The problem for machines."""
        return {"key": self.key, "line": self.line, "message": self.message, "fix": self.fix}


class ConfigurationError(FedmlError):
    """The stack file, the options or a name is wrong. Carries every problem found, not only the first."""

    def __init__(self, what: str, problems: Sequence[Problem] = (), *, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [self.what, *(f"  {problem}" for problem in self.problems)]
        if self.fix:
            lines.append(f"  {self.fix}")
        return "\n".join(lines)


class UnreadableError(ConfigurationError):
    """An invite or a request that cannot be read: one message for every reason, so that none of them is a hint."""

    def __init__(self) -> None:
        super().__init__(
            "This text cannot be read: the passphrase or key is wrong, or the text is incomplete, altered or meant for "
            "something else.",
            fix="Copy the whole text again, and check the passphrase or key with whoever sent it.",
        )


class ConflictError(ConfigurationError):
    """What is asked for is there already, or another request for it is under way."""


class NotAllowedError(ConfigurationError):
    """A customer of the service that may not have what it asks for."""


class BusyError(ConfigurationError):
    """Too much is asked for at once: later it may work."""


class AuthenticationError(FedmlError):
    """No, expired or foreign AWS credentials, or a wrong passphrase."""


class RosterError(AuthenticationError):
    """A roster that is not what it claims to be, or not for this member. `refusal` says in one word what is wrong."""

    def __init__(self, refusal: str, what: str, *, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.refusal = refusal


class ProofRefusedError(AuthenticationError):
    """A proof of an account that proves nothing. `reason` says in one word why (`model.proof.ProofRefusal`)."""

    def __init__(self, reason: str, what: str, *, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.reason = reason


class TokenRefusedError(AuthenticationError):
    """An invite's token that gives nothing (any more). `reason` says in one word why (`store.values.Reason`)."""

    def __init__(self, reason: str, what: str, *, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.reason = reason


class StoreError(FedmlError):
    """The store of tokens, members and audit could not be opened, read or written."""


class BrokenAuditError(FedmlError):
    """The audit is not as it was written."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"Entry {number} of the audit was changed, or is missing or elsewhere; what comes after it proves nothing.",
            fix="Whoever can write the store's file or database did it: restore it from a backup, and compare.",
        )
        self.number = number


class ResourceError(FedmlError):
    """AWS, or the engine on its behalf, could not make, change or delete something."""


class EngineError(ResourceError):
    """The Pulumi engine could not be installed or started, or failed in a way that has no narrower name."""


class NetworkError(ResourceError):
    """AWS, or the machine that serves it, could not be reached."""


class StackLockedError(ResourceError):
    """Another run holds the stack's lock."""


class PolicyError(FedmlError):
    """A policy document is too large, allows more than it may, or was refused."""


class StackNotFoundError(FedmlError):
    """No stack of that name here."""


class ChangesFoundError(FedmlError):
    """Changes where none were expected: `--expect-no-changes`, drift."""


class CancelledError(FedmlError):
    """A person stopped the run; the next run mends what it left."""


class TimedOutError(FedmlError):
    """The run took longer than it was allowed."""


@dataclass(frozen=True)
class Answer:
    """How one kind of error is told: to a shell and over HTTP."""

    exit_code: int
    http_status: int


ANSWERS: dict[type[BaseException], Answer] = {
    FedmlError: Answer(1, 500),
    ConfigurationError: Answer(2, 400),
    ConflictError: Answer(2, 409),
    NotAllowedError: Answer(2, 403),
    BusyError: Answer(2, 429),
    AuthenticationError: Answer(3, 401),
    ResourceError: Answer(4, 502),
    StackLockedError: Answer(4, 409),
    PolicyError: Answer(5, 403),
    StackNotFoundError: Answer(6, 404),
    ChangesFoundError: Answer(7, 409),
    CancelledError: Answer(8, 409),
    TimedOutError: Answer(9, 504),
}
"""Exit codes are Pulumi's own (design.md, what the command line promises)."""


def answer_of(error: BaseException) -> Answer:
    """The exit code and HTTP status of an error: those of its nearest class in the table; 1 and 500 otherwise."""
    for kind in type(error).__mro__:
        if kind in ANSWERS:
            return ANSWERS[kind]
    return ANSWERS[FedmlError]
