"""Put right what has drifted: `up` that looks at AWS first, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fedml_infra.engine.protocol import RunOptions, RunResult
from fedml_infra.errors import ConfigurationError
from fedml_infra.operations.drift.find import Drift, subscribers
from fedml_infra.operations.drift.finding import Finding, Kind
from fedml_infra.operations.load import Stack
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.up import Before


@dataclass(frozen=True)
class Fixed:
    """What was done about a drift."""

    right: tuple[Finding, ...]
    """As it was made again."""
    left: tuple[Finding, ...]
    """As it was found."""
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """What was done, for machines."""
        return {
            "fixed": [each.as_json() for each in self.right],
            "left": [each.as_json() for each in self.left],
            "seconds": round(self.seconds, 3),
        }


def require_fixable(found: Drift, stack: str) -> None:
    """Raise ConfigurationError where the stack file says something new: that would be brought up as well, unasked."""
    if found.unapplied:
        raise ConfigurationError(
            f"The stack file of {stack} says something new that was not brought up yet, which putting the drift right "
            "would bring up as well; nothing was changed.",
            fix=f"`fedml-infra up {stack} --refresh` does both, and shows both first.",
        )


def fix(
    found: Drift, stack: Stack, before: Before, aws: Cloud, run: Callable[[RunOptions], RunResult], options: RunOptions
) -> Fixed:
    """Make everything of a drift as it was made. `run` is `up` of the stack. Errors as `up`.

    `up` changes what differs and makes what is missing; its program takes strangers off the topic, on every run.
    """
    result = run(replace(options, refresh=True, expected=before.state.counted))
    done = {change.urn for change in result.changed if not change.failed}
    subscribed = any(each.kind is Kind.STRANGER for each in found.findings)
    still = {row.arn for row in subscribers(stack, before, aws)[0]} if subscribed else set()

    def is_right(each: Finding) -> bool:
        return each.now["arn"] not in still if each.kind is Kind.STRANGER else each.urns <= done

    right = tuple(each for each in found.findings if is_right(each))
    return Fixed(right, tuple(each for each in found.findings if each not in right), result.seconds)
