"""Two spellings of keys and of regions: older releases wrote `group_` for `fed_`, and Java writes US_EAST_1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from fedml_infra.errors import ConfigurationError, Problem
from fedml_infra.model.regions import normalise_region

V = TypeVar("V")

_OLD, _NEW = "group_", "fed_"
_OTHER = {"topic_region": "aws_topic_region"}


def key_of(spelling: str) -> str:
    """The key as it is spelt now: `fed_name` of `group_name`, `aws_topic_region` of `topic_region`."""
    if spelling.startswith(_OLD):
        return _NEW + spelling.removeprefix(_OLD)
    return _OTHER.get(spelling, spelling)


def canonical(given: Mapping[str, V]) -> dict[str, V]:
    """The map with its keys as they are spelt now, in its order.

    ConfigurationError where a key is there in both spellings with different values.
    """
    found: dict[str, V] = {}
    first: dict[str, str] = {}
    problems = []
    for spelling, value in given.items():
        key = key_of(spelling)
        if found.setdefault(key, value) != value:
            problems.append(Problem(key, f"is there as {first[key]} and as {spelling}, and they differ", "keep one"))
        first.setdefault(key, spelling)
    if problems:
        raise ConfigurationError("The map says two things:", problems)
    return found


def in_old_spelling(given: Mapping[str, V]) -> dict[str, V]:
    """The map with `group_` for `fed_`, as releases before the renaming read it."""
    return {_OLD + key.removeprefix(_NEW) if key.startswith(_NEW) else key: value for key, value in given.items()}


def java_region(region: str) -> str:
    """`US_EAST_1` of `us-east-1`, as AwsInfo's keys are spelt. MistakeError (a ValueError) where there is none."""
    return normalise_region(region).upper().replace("-", "_")
