"""How often who may ask: token buckets, in this process's memory."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

REMEMBERED = 10_000
"""Buckets at most; the ones that were not asked for longest are forgotten, and are full again."""


@dataclass
class RateLimit:
    """`rate` requests a second from each, and `burst` at once. For one event loop's thread."""

    rate: float
    burst: int
    clock: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[object, tuple[float, float]] = field(default_factory=OrderedDict, init=False)

    def wait(self, who: object) -> int | None:
        """Count a request of `who`; None where it may be served, else after how many seconds to ask again."""
        now = self.clock()
        there, at = self._buckets.pop(who, (float(self.burst), now))
        there = min(float(self.burst), there + (now - at) * self.rate)
        served = there >= 1.0
        self._buckets[who] = (there - 1.0 if served else there, now)
        while len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return None if served else max(1, math.ceil((1.0 - there) / self.rate))
