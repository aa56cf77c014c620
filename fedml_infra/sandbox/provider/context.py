"""What the functions of a kind see of the world: one account, one region, and a few helpers."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fedml_infra.model.regions import partition_of
from fedml_infra.sandbox.provider.connections import Connection
from fedml_infra.sandbox.provider.emulators import LocalAws
from fedml_infra.sandbox.provider.refusals import TRANSIENT, error_code
from fedml_infra.sandbox.provider.wire import UNKNOWN

T = TypeVar("T")

# A fixed number, chosen by the name's hash: they cannot grow, and a shared one only costs a moment.
_LOCKS = tuple(threading.Lock() for _ in range(64))


class Context:
    """One call's account and region. `region` is the resource's own, or else the provider's."""

    def __init__(self, connection: Connection, region: object = None, urn: str = "") -> None:
        self._connection = connection
        self._urn = urn
        known = region if isinstance(region, str) and region else connection.settings.region
        self.region: str = known
        self.region_is_unknown = region is UNKNOWN

    def client(self, service: str) -> Any:
        """The boto client of a service, in this region."""
        return self._connection.client(service, self.region)

    @property
    def account(self) -> str:
        """The account of these credentials."""
        return self._connection.account

    @property
    def caller(self) -> Mapping[str, str]:
        """Account, Arn and UserId of these credentials, asked of STS in this region."""
        return self._connection.caller(self.region)

    @property
    def partition(self) -> str:
        """The region's partition."""
        return partition_of(self.region)

    @property
    def local_aws(self) -> LocalAws:
        """The local AWS's peculiarities."""
        return self._connection.local_aws

    @property
    def provider_region(self) -> str:
        """The provider's own region."""
        return self._connection.settings.region

    @property
    def default_tags(self) -> Mapping[str, str]:
        """The tags that the provider gives to everything."""
        return self._connection.settings.default_tags

    @property
    def default_tags_are_secret(self) -> bool:
        """Whether the provider's tags came as a secret."""
        return self._connection.settings.default_tags_are_secret

    def all_tags(self, properties: Mapping[str, Any]) -> dict[str, str]:
        """A resource's tags over those of the provider."""
        return {**self.default_tags, **(properties.get("tags") or {})}

    def seconds(self, variable: str, usual: float) -> float:
        """How long to wait for something: the usual time, or what the environment says instead."""
        return float(self._connection.settings.environment.get(variable, usual))

    def lock(self, name: str) -> threading.Lock:
        """Held by whoever reads and then writes the thing of that name."""
        return _LOCKS[zlib.crc32(name.encode()) % len(_LOCKS)]

    def status(self, text: str) -> None:
        """A line beside the resource while it waits."""
        if self._connection.engine is not None:
            self._connection.engine.status(self._urn, text)

    def pause(self, seconds: float) -> None:
        """Wait; CancelledError when the run is given up meanwhile."""
        self._connection.pause(seconds)

    def retry(self, call: Callable[[], T], *codes: str, tries: int = 6) -> T:
        """Call again, a little later each time, while AWS answers a transient code or one of `codes`."""
        for attempt in range(tries - 1):
            try:
                return call()
            except Exception as error:
                if error_code(error) not in TRANSIENT and error_code(error) not in codes:
                    raise
            self.pause(0.05 * 2**attempt)
        return call()

    def wait_out(self, call: Callable[[], T], code: str, *, seconds: float, why: str) -> T:
        """Call again every few seconds while AWS answers `code`, for `seconds` at most, saying why."""
        end = time.monotonic() + seconds
        pause = min(1.0, seconds / 10)
        while True:
            try:
                return call()
            except Exception as error:
                left = end - time.monotonic()
                if error_code(error) != code or left <= 0:
                    raise
                self.status(f"{why} (up to {left:.0f} s more)")
            self.pause(min(pause, max(left, 0.01)))
            pause = min(pause * 2, 5.0)
