"""What AWS and botocore raise, told as an error that a person can act on and that carries no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fedml_infra.errors import (
    AuthenticationError,
    ConfigurationError,
    FedmlError,
    NetworkError,
    PolicyError,
    ResourceError,
)


class UnknownCredentialsError(AuthenticationError):
    """AWS does not know the credentials: the key was deleted, or the account is gone."""


# Spellings of the same thing by different services:
# https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, S3's and SQS's lists of errors.
EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", "ExpiredCredentials"}
)
UNKNOWN_CREDENTIALS = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "InvalidToken",
        "InvalidSecurity",
        "AuthFailure",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthenticated",
    }
)
BAD_SIGNATURE = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"})
CLOCK = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
        "UnauthorizedAccess",
        "AllAccessDisabled",
        "KMSAccessDenied",
        "KmsAccessDenied",
        "KMS.AccessDeniedException",
        "Forbidden",
        "403",
    }
)
REGION_OFF = frozenset({"OptInRequired", "SubscriptionRequiredException", "RegionDisabledException"})
THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "Throttled",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "SlowDown",
        "PriorRequestNotComplete",
        "EC2ThrottledException",
        "KMS.ThrottlingException",
    }
)
ABSENT = frozenset(
    {
        "NotFound",
        "NotFoundException",
        "404",
        "NoSuchBucket",
        "NoSuchEntity",
        "NoSuchKey",
        "ParameterNotFound",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "QueueDoesNotExist",
        "NonExistentQueue",
    }
)
TOO_LARGE = frozenset({"LimitExceeded", "PolicySizeExceeded", "PackedPolicyTooLarge"})

_SECRETS = (
    (re.compile(r"\b((?:AKIA|ASIA)[A-Z0-9]{4})[A-Z0-9]{8,}"), r"\1…"),
    (re.compile(r"(?i)(x-amz-(?:security-token|signature|credential)\s*[=:]\s*)[^\s&'\"]+"), r"\1…"),
    (re.compile(r"(?i)\b(signature\s*[=:]\s*|session[_ ]?token\s*[=:]\s*|secret[_a-z ]*[=:]\s*)[^\s&,'\"]+"), r"\1…"),
    (re.compile(r"(https?://)[^/@\s]+@"), r"\1"),
    (re.compile(r"(?i)(encoded authorization failure message: )\S+"), r"\1…"),
)


def redacted(text: str, limit: int = 400) -> str:
    """A message of AWS or botocore without keys, tokens, signatures and passwords in it, on one line."""
    for pattern, kept in _SECRETS:
        text = pattern.sub(kept, text)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def code_of(error: BaseException) -> str | None:
    """AWS's error code, None where the error is no answer of AWS."""
    response = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return None
    code = response.get("Error", {}).get("Code")
    # SQS and JSON services put a name space in front: AWS.SimpleQueueService.NonExistentQueue, com.amazonaws.sqs#…
    return str(code).rpartition("#")[2].removeprefix("AWS.SimpleQueueService.") if code else None


def status_of(error: BaseException) -> int | None:
    """The HTTP status of AWS's answer, None where there was none."""
    response = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return None
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return int(status) if status else None


def is_absent(error: BaseException) -> bool:
    """Whether AWS says that the thing asked for does not exist."""
    return code_of(error) in ABSENT


def is_denied(error: BaseException) -> bool:
    """Whether AWS refused for want of a right."""
    return code_of(error) in DENIED


def translate(error: BaseException, *, doing: str, subject: str) -> FedmlError:
    """One error of boto3 as one of ours; a `FedmlError` is returned as it is.

    `doing` is an infinitive ("list the subscriptions of"), `subject` the name or ARN that it was done to.
    """
    if isinstance(error, FedmlError):
        return error
    what = f"could not {doing} {subject}"
    code = code_of(error)
    if code is not None:
        return _answered(error, code, what)
    return _unanswered(error, what)


@contextmanager
def translating(doing: str, subject: str) -> Iterator[None]:
    """Raises what boto3 raises inside as one of ours, without the original in its traceback."""
    try:
        yield
    except FedmlError:
        raise
    except Exception as error:
        if not _is_aws(error):
            raise
        # The original may quote a signed request, token and all, so it is not shown beside ours.
        raise translate(error, doing=doing, subject=subject) from None


def _is_aws(error: Exception) -> bool:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    return isinstance(error, (Boto3Error, BotoCoreError, ClientError))


def _answered(error: BaseException, code: str, what: str) -> FedmlError:
    response: Mapping[str, Any] = error.response  # type: ignore[attr-defined]
    said = redacted(str(response.get("Error", {}).get("Message") or ""))
    told = f"{what}: AWS answered {code}" + (f": {said}" if said else "")
    if code in EXPIRED:
        return AuthenticationError(f"{what}: the AWS credentials have expired", fix=_LOGIN)
    if code in UNKNOWN_CREDENTIALS:
        return UnknownCredentialsError(
            f"{what}: AWS does not know these credentials ({code})",
            fix="Check AWS_PROFILE or AWS_ACCESS_KEY_ID, and that the key has not been deleted or deactivated; "
            "keys that begin with ASIA need AWS_SESSION_TOKEN too. In a region that must be opted in to, "
            "the account must have it enabled.",
        )
    if code in BAD_SIGNATURE:
        # This answer quotes the signed request, so its text is left out.
        return AuthenticationError(
            f"{what}: AWS does not accept the signature ({code})",
            fix="The secret access key does not belong to this access key id, or this machine's clock is wrong.",
        )
    if code in CLOCK:
        return AuthenticationError(
            f"{what}: this machine's clock differs too much from AWS's ({code})",
            fix="Set the clock (NTP) and run the same command again.",
        )
    if code in REGION_OFF:
        return ResourceError(told, fix="Enable the region for this account, or choose another one for this node.")
    if code in DENIED:
        return PolicyError(
            told,
            fix="These credentials lack the right. `fedml-infra policies operator` prints the policy that whoever "
            "runs the stack needs.",
        )
    if code in THROTTLED:
        return ResourceError(
            f"{what}: AWS is throttling ({code}), and still was after several tries",
            fix="Wait a minute and run the same command again: it goes on where it stopped.",
        )
    if code in ABSENT:
        return ResourceError(told, fix="Check name, region and account; `fedml-infra drift` finds what is missing.")
    if code in TOO_LARGE:
        return PolicyError(told, fix="Shorten the policy, or ask AWS for a higher quota.")
    if (status_of(error) or 0) >= 500:
        return ResourceError(told, fix="AWS had a fault. Run the same command again: it goes on where it stopped.")
    return ResourceError(told)


def _unanswered(error: BaseException, what: str) -> FedmlError:
    from botocore import exceptions as raised

    said = redacted(str(error))
    match error:
        case raised.ProfileNotFound():
            return AuthenticationError(
                f"{what}: {said}",
                fix="Add the profile to ~/.aws/config (`aws configure --profile NAME`), or name another one in the "
                "node's `account` or in AWS_PROFILE.",
            )
        case raised.SSOError() | raised.TokenRetrievalError() | raised.LoginError():
            return AuthenticationError(
                f"{what}: the AWS sign-in session has expired or was never opened",
                fix="Run `aws sso login` (or `aws login`), with --profile where the node names one, and try again.",
            )
        case raised.NoCredentialsError() | raised.PartialCredentialsError() | raised.CredentialRetrievalError():
            missing = "no AWS credentials were found" if isinstance(error, raised.NoCredentialsError) else said
            return AuthenticationError(f"{what}: {missing}", fix=_LOGIN)
        case raised.ConfigNotFound() | raised.ConfigParseError() | raised.InvalidConfigError():
            return ConfigurationError(f"{what}: {said}", fix="Mend ~/.aws/config (or AWS_CONFIG_FILE).")
        case raised.NoRegionError():
            return ConfigurationError(f"{what}: no AWS region was given", fix="Set aws:region in the stack file.")
        case raised.InvalidRegionError() | raised.UnknownRegionError():
            return ConfigurationError(f"{what}: {said}", fix="Check aws:region in the stack file.")
        case raised.ParamValidationError():
            return ConfigurationError(f"{what}: {said}", fix="Check the name: AWS's own client refuses it.")
        case raised.ProxyConnectionError():
            return NetworkError(
                f"{what}: the proxy cannot be reached: {said}",
                fix="Check HTTPS_PROXY; put hosts that need no proxy into NO_PROXY.",
            )
        case raised.SSLError():
            return NetworkError(
                f"{what}: TLS failed: {said}",
                fix="Where a proxy or a local AWS has its own certificate, set AWS_CA_BUNDLE to a file that holds it.",
            )
        case raised.ConnectTimeoutError() | raised.ReadTimeoutError():
            return NetworkError(f"{what}: AWS did not answer in time: {said}", fix=_NETWORK)
        case raised.EndpointConnectionError() | raised.HTTPClientError() | raised.ConnectionClosedError():
            return NetworkError(f"{what}: AWS cannot be reached: {said}", fix=_NETWORK)
    return ResourceError(f"{what}: {said}")


_LOGIN = (
    "Log in again (`aws sso login`, or new keys in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN), "
    "or name a profile in AWS_PROFILE or in the node's `account`. What was done stays; the same command goes on."
)
_NETWORK = (
    "Check the network, the region's name, and AWS_ENDPOINT_URL where it is set (the sandbox: "
    "`fedml-infra sandbox status`); then run the same command again."
)
