"""A creation whose answer was lost is repeated by boto, and the repetition finds what the first attempt made.

CreateQueue, CreateTopic and Subscribe answer what is there, so they may be repeated. CreateBucket, CreateRole,
CreatePolicy and PutParameter refuse it: then the thing is looked at, and is taken for this call's own only where it
did not exist before the call and is what the call asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from fedml_infra.sandbox.provider.refusals import error_code, is_gone

T = TypeVar("T")

CLOCK_STEP = timedelta(seconds=1)
"""AWS tells times of creation in whole seconds. A local AWS has this machine's clock."""


def made_once(create: Callable[[], T], taken: str, ours: Callable[[datetime], T | None]) -> T:
    """What `create` answers; where its answer may have been lost, what `ours` finds.

    `taken` is the code for a name that is there already. `ours` gets the moment before which the thing must not have
    existed, and answers None where what is there, if anything is, cannot be of this call; the error stands then.
    """
    began = datetime.now(UTC) - CLOCK_STEP
    try:
        return create()
    except Exception as error:
        if not _may_be_ours(error, taken):
            raise
        found = ours(began)
        if found is None:
            raise
        return found


def _may_be_ours(error: Exception, taken: str) -> bool:
    """Whether an attempt before the last, or the last one, may have done the work."""
    from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

    if isinstance(error, (ConnectionClosedError, ReadTimeoutError)):
        return True
    about = _metadata(error)
    if error_code(error) == taken:
        return was_repeated({"ResponseMetadata": about})
    return int(about.get("HTTPStatusCode") or 0) >= 500


def unless_gone(delete: Callable[[str], object], name: str) -> None:
    """Delete a part of something; one that is gone is deleted, as where the answer to a first attempt was lost."""
    try:
        delete(name)
    except Exception as error:
        if not is_gone(error):
            raise


def was_repeated(answer: Mapping[str, Any]) -> bool:
    """Whether boto made the call more than once."""
    return int((answer.get("ResponseMetadata") or {}).get("RetryAttempts") or 0) > 0


def _metadata(error: BaseException) -> Mapping[str, Any]:
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    return response.get("ResponseMetadata") or {}
