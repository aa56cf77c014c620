"""Several stacks looked at beside each other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fedml_infra.engine.protocol import Cancellation

ITEM = TypeVar("ITEM")
VALUE = TypeVar("VALUE")

AT_ONCE = 2
"""Engines that run at the same time: each with its program takes a core, and about half a gigabyte."""


def side_by_side(call: Callable[[ITEM], VALUE], items: Iterable[ITEM], stop: Cancellation) -> tuple[VALUE, ...]:
    """What `call` gives for each, in the order of the items. Interrupted, or where one raises, the rest is stopped."""
    with ThreadPoolExecutor(min(AT_ONCE, os.cpu_count() or 1), thread_name_prefix="fedml-stack") as pool:
        asked = [pool.submit(call, item) for item in items]
        try:
            return tuple(each.result() for each in asked)
        except BaseException:
            stop.request()
            for each in asked:
                each.cancel()
            raise
