"""What AWS says no with, and what this provider says no with in AWS's place."""

from __future__ import annotations

from typing import Any

GONE = frozenset(
    {
        "404",
        "NotFound",
        "NotFoundException",
        "NoSuchEntity",
        "NoSuchBucket",
        "QueueDoesNotExist",
        "ParameterNotFound",
    }
)
"""Codes that mean: the thing is not there."""

TRANSIENT = frozenset(
    {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "InternalError",
        "InternalFailure",
        "500",
        "ConcurrentAccess",
        "ConcurrentModification",
        "OperationAborted",
    }
)
"""Codes that mean: ask again."""


class ProviderError(Exception):
    """Something the user has to change; the message is shown as it is."""


class CancelledError(ProviderError):
    """The engine gave the run up while the provider was waiting."""


class AwsError(Exception):
    """A refusal that real AWS, or the official provider, would give and a local AWS does not."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.code = code


def error_code(error: BaseException) -> str:
    """AWS's code, as in its API reference; "" for an error that is not AWS's.

    SQS answers two: an old one for the query protocol, and the one documented today, which is taken.
    """
    if isinstance(error, AwsError):
        return error.code
    answer: dict[str, Any] = getattr(error, "response", {}).get("Error", {})
    code = str(answer.get("QueryErrorCode") or answer.get("Code") or "")
    return _MODERN.get(code, code)


_MODERN = {
    "AWS.SimpleQueueService.NonExistentQueue": "QueueDoesNotExist",
    "AWS.SimpleQueueService.QueueDeletedRecently": "QueueDeletedRecently",
    "QueueAlreadyExists": "QueueNameExists",
}


def is_gone(error: BaseException, *more: str) -> bool:
    """Whether AWS says that the thing is not there; `more` are codes that mean so for one type."""
    code = error_code(error)
    return code in GONE or code in more


def explain(error: BaseException) -> str:
    """One line: the operation, AWS's code and its message."""
    response = getattr(error, "response", None)
    if response is None:
        return str(error) or type(error).__name__
    operation = getattr(error, "operation_name", "AWS")
    return f"{operation}: {error_code(error)}: {response.get('Error', {}).get('Message', '')}"
