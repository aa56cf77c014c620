"""Many calls at once, never more than a bound, and every failure kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

ITEM = TypeVar("ITEM")
VALUE = TypeVar("VALUE")

AT_ONCE = 16
"""Calls in flight at most. SNS allows 100 Unsubscribe calls a second for an account and region, IAM fewer reads."""


@dataclass(frozen=True)
class Outcome(Generic[ITEM, VALUE]):
    """What one call gave: a value, or the error that it raised."""

    item: ITEM
    value: VALUE | None = None
    error: Exception | None = None

    def unwrap(self) -> VALUE:
        """The value; raises the error where the call raised one."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # a call may well return None


def each(
    call: Callable[[ITEM], VALUE], items: Iterable[ITEM], *, at_once: int = AT_ONCE
) -> tuple[Outcome[ITEM, VALUE], ...]:
    """Calls `call` for every item, `at_once` at a time; outcomes in the order of the items. Raises nothing itself."""
    todo = tuple(items)
    if not todo:
        return ()

    def one(item: ITEM) -> Outcome[ITEM, VALUE]:
        try:
            return Outcome(item, value=call(item))
        except Exception as error:
            return Outcome(item, error=error)

    if len(todo) == 1:
        return (one(todo[0]),)
    with ThreadPoolExecutor(max_workers=min(at_once, len(todo)), thread_name_prefix="fedml-aws") as pool:
        return tuple(pool.map(one, todo))
