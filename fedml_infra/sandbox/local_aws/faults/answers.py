"""The refusal of a fault as the service itself would word it: code, status, and the form of the protocol.

Sources: "Common errors" of the SNS, SQS, IAM, STS and SSM API references, S3's "List of error codes", and SQS's
"AWS JSON protocol" (the older code in the header `x-amzn-query-error`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from fedml_infra.sandbox.local_aws.faults.calls import Call
from fedml_infra.sandbox.local_aws.faults.plan import Fault

REQUEST_ID = "00000000-0000-0000-0000-000000000000"

_Code = tuple[str, int]

_MESSAGES = {
    Fault.THROTTLE: "Rate exceeded",
    Fault.INTERNAL_ERROR: "We encountered an internal error. Please try again.",
    Fault.UNAVAILABLE: "The service is temporarily unavailable. Please try again.",
    Fault.POLICY_NOT_EFFECTIVE: "User is not authorized to perform this action on the topic",
    Fault.QUEUE_DELETED_RECENTLY: (
        "You must wait 60 seconds after deleting a queue before you can create another with the same name."
    ),
    Fault.EXPIRED_CREDENTIALS: "The security token included in the request is expired",
    Fault.ACCOUNT_GONE: "The security token included in the request is invalid.",
}

_OF_SERVICE: dict[tuple[Fault, str], _Code] = {
    (Fault.THROTTLE, "sqs"): ("RequestThrottled", 400),
    (Fault.THROTTLE, "sns"): ("Throttled", 429),
    (Fault.THROTTLE, "s3"): ("SlowDown", 503),
    (Fault.INTERNAL_ERROR, "iam"): ("ServiceFailure", 500),
    (Fault.INTERNAL_ERROR, "sts"): ("InternalFailure", 500),
    (Fault.INTERNAL_ERROR, "ssm"): ("InternalServerError", 500),
    (Fault.INTERNAL_ERROR, "kms"): ("KMSInternalException", 500),
    (Fault.EXPIRED_CREDENTIALS, "s3"): ("ExpiredToken", 400),
    (Fault.ACCOUNT_GONE, "s3"): ("InvalidAccessKeyId", 403),
    (Fault.ACCOUNT_GONE, "sqs"): ("InvalidClientTokenId", 403),
}

_OF_PROTOCOL: dict[tuple[Fault, str], _Code] = {
    (Fault.THROTTLE, "json"): ("ThrottlingException", 400),
    (Fault.EXPIRED_CREDENTIALS, "json"): ("ExpiredTokenException", 400),
    (Fault.ACCOUNT_GONE, "json"): ("UnrecognizedClientException", 400),
}

_USUAL: dict[Fault, _Code] = {
    Fault.THROTTLE: ("Throttling", 400),
    Fault.INTERNAL_ERROR: ("InternalError", 500),
    Fault.UNAVAILABLE: ("ServiceUnavailable", 503),
    Fault.POLICY_NOT_EFFECTIVE: ("AuthorizationError", 403),
    Fault.QUEUE_DELETED_RECENTLY: ("AWS.SimpleQueueService.QueueDeletedRecently", 400),
    Fault.EXPIRED_CREDENTIALS: ("ExpiredToken", 403),
    Fault.ACCOUNT_GONE: ("InvalidClientTokenId", 403),
}


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def code(fault: Fault, service: str, protocol: str) -> _Code:
    """The code and the HTTP status that a service refuses with."""
    return _OF_SERVICE.get((fault, service)) or _OF_PROTOCOL.get((fault, protocol)) or _USUAL[fault]


def refusal(fault: Fault, call: Call, *, head: bool = False) -> Answer:
    """The answer that a call meets instead of its own. `head`: to a HEAD, which has no body, and so no code."""
    name, status = code(fault, call.service, call.protocol)
    message = _MESSAGES[fault]
    if call.protocol == "json":
        short = name.rpartition(".")[2]
        more = [(b"x-amzn-query-error", f"{name};{'Sender' if status < 500 else 'Receiver'}".encode())]
        body = json.dumps({"__type": f"com.amazonaws.{call.service}#{short}", "message": message}).encode()
        kind = b"application/x-amz-json-1.0"
    else:
        more, kind = [], b"text/xml"
        error = f"<Code>{name}</Code><Message>{message}</Message>"
        if call.protocol == "rest":
            text = f"<Error>{error}<RequestId>{REQUEST_ID}</RequestId></Error>"
        else:
            who = "Sender" if status < 500 else "Receiver"
            text = (
                f"<ErrorResponse><Error><Type>{who}</Type>{error}</Error><RequestId>{REQUEST_ID}</RequestId>"
                "</ErrorResponse>"
            )
        body = f'<?xml version="1.0"?>{text}'.encode()
    length = (b"content-length", str(0 if head else len(body)).encode())
    headers = ((b"content-type", kind), (b"x-amzn-requestid", REQUEST_ID.encode()), length, *more)
    return Answer(status, headers, b"" if head else body)
