"""What botocore's standard retry mode leaves out: SNS's `Throttled`."""

from __future__ import annotations

import random
from typing import Any

LONGEST_WAIT = 20.0
"""Seconds between two attempts, as in the standard mode."""


def heed_throttling(client: Any, attempts: int) -> None:
    """Let a client of SNS try again, `attempts` times in all, when it is throttled; those of other services do.

    SNS answers `Throttled` with status 429 (its API reference, "Common errors"), and neither is on the list of the
    standard mode: botocore/retries/standard.py, ThrottledRetryableChecker.
    """
    if client.meta.service_model.service_name != "sns":
        return

    def wait(response: Any, attempts: int, **_: Any) -> float | None:
        """Seconds to wait before the next attempt; None where this is no matter of ours."""
        parsed = response[1] if response is not None else {}
        if parsed.get("Error", {}).get("Code") != "Throttled" or attempts >= most:
            return None
        return min(random.random() * 2.0 ** (attempts - 1), LONGEST_WAIT)  # noqa: S311

    most = attempts
    client.meta.events.register_last("needs-retry.sns", wait, unique_id="fedml-infra-throttled")
