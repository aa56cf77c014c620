"""What a check comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fedml_infra.errors import ConfigurationError, FedmlError, answer_of


class Status(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"
    """Works, or could not be looked at; worth a look."""
    FAIL = "fail"
    """A run would fail for it."""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    check: str
    """What was looked at: `engine`, `credentials`."""
    status: Status
    told: str
    fix: str | None = None
    """How to mend it."""
    exit_code: int = 0
    """That of the error that a run would end with; 0 where the status is not fail."""

    def as_json(self) -> dict[str, Any]:
        """The finding for machines."""
        return {
            "check": self.check,
            "status": str(self.status),
            "told": self.told,
            "fix": self.fix,
            "exit_code": self.exit_code,
        }


@dataclass(frozen=True)
class Check:
    """One thing to look at. `ask` may raise whatever it likes: `asked` makes a finding of it."""

    name: str
    ask: Callable[[], Finding | Iterable[Finding]]


def ok(check: str, told: str) -> Finding:
    """All is well."""
    return Finding(check, Status.OK, told)


def warn(check: str, told: str, fix: str | None = None) -> Finding:
    """Nothing that stops a run."""
    return Finding(check, Status.WARN, told, fix)


def fail(check: str, error: FedmlError) -> Finding:
    """A run would end with this error."""
    told = error.what
    if isinstance(error, ConfigurationError) and error.problems:
        told = "; ".join([told.rstrip("."), *map(str, error.problems)])
    return Finding(check, Status.FAIL, told, error.fix, answer_of(error).exit_code)


def asked(check: Check) -> tuple[Finding, ...]:
    """What a check comes to; an error of ours is its failure, any other a defect that is named and stops nothing."""
    try:
        found = check.ask()
        return (found,) if isinstance(found, Finding) else tuple(found)
    except FedmlError as error:
        return (fail(check.name, error),)
    except Exception as error:
        defect = FedmlError(
            f"The check itself failed with {type(error).__name__}.", fix="This is a defect of fedml-infra: report it."
        )
        return (fail(check.name, defect),)
