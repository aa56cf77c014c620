"""What a caller is told of an error: what happened and what to do, and nothing of AWS's or the engine's own words."""

from __future__ import annotations

from fedml_infra.errors import (
    AuthenticationError,
    ConfigurationError,
    FedmlError,
    NetworkError,
    ProofRefusedError,
    StackLockedError,
    TimedOutError,
    TokenRefusedError,
    answer_of,
)
from fedml_infra.store.service_values import Ending, JobState


class PeerError(NetworkError):
    """Whoever an invite names as its server gave no answer, or none that is one. The words are ours."""


_IN_SHORT: tuple[tuple[type[FedmlError], str], ...] = (
    (AuthenticationError, "AWS does not accept the credentials"),
    (NetworkError, "AWS could not be reached"),
    (StackLockedError, "Another run has the stack"),
    (TimedOutError, "The run took too long"),
)


def ending_of(error: FedmlError, job_id: str) -> Ending:
    """A failed job's ending. A mistake in what the caller sent is told in full: the words are ours and its own.

    Anything else may quote AWS, the engine or an account's inside; those words are in the service's log, under the job.
    """
    status = answer_of(error).http_status
    if isinstance(error, TokenRefusedError | ProofRefusedError | PeerError):
        return Ending(JobState.FAILED, status, error.what)
    if isinstance(error, ConfigurationError):
        problems = [str(problem) for problem in error.problems]
        return Ending(JobState.FAILED, status, "; ".join([error.what.rstrip(":"), *problems]))
    said = next((text for kind, text in _IN_SHORT if isinstance(error, kind)), "The run failed")
    return Ending(JobState.FAILED, status, f"{said}: ask the administrator for the log of job {job_id}")
