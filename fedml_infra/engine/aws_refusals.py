"""What AWS refused, read out of a plugin's message: the code, the words, and what a person can do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_FORMS = tuple(
    re.compile(pattern)
    for pattern in (
        r"api error (?P<code>[A-Za-z][\w.]*): (?P<message>[^\n]*)",  # AWS SDK for Go v2, in the official provider
        r"An error occurred \((?P<code>[\w.]+)\) when calling the \w+ operation(?: \([^)]*\))?: "
        r"(?P<message>[^\n]*)",  # boto3 in the program
        # The emulated provider: the operation, the code, the message.
        r"(?:^|\s)(?:[A-Z][A-Za-z]+: )?(?P<code>[A-Z][A-Za-z]+(?:\.[A-Z][A-Za-z]+)*): (?P<message>[^\n]*)",
    )
)

WHAT_TO_DO: Mapping[str, str] = {
    "AccessDenied": "Whoever runs this lacks a right: `fedml-infra policies operator` prints the least rights needed.",
    "BucketAlreadyExists": "Bucket names are unique in all of AWS: choose another `s3_bucket`.",
    "BucketAlreadyOwnedByYou": "The bucket is there already, in your account: `adopt_bucket: true` uses it as it is.",
    "QueueNameExists": "A queue of that name is there that this stack did not make: choose another `pid`.",
    "EntityAlreadyExists": "Something of that name is there that this stack did not make: remove it, or rename yours.",
    "QueueDeletedRecently": "AWS gives the name of a deleted queue away again after 60 seconds: run it again then.",
    "Throttling": "AWS limits how fast calls may come: run it again, it goes on where it stopped.",
    "LimitExceeded": "A quota of the account is used up: raise it in Service Quotas, or remove what is not needed.",
    "MalformedPolicy": "AWS knows an account no more that the policy names: take that member out of `members` and run "
    "this again. The topic's policy was written before, so that removals are in force.",
    "NotOptedIn": "The region is not enabled in this account: AWS console, Account, AWS Regions.",
}
ALREADY_THERE = frozenset(
    {
        "BucketAlreadyExists",
        "BucketAlreadyOwnedByYou",
        "QueueNameExists",
        "EntityAlreadyExists",
        "ParameterAlreadyExists",
    }
)
_SAME_AS: Mapping[str, str] = {
    "AccessDeniedException": "AccessDenied",
    "AuthorizationError": "AccessDenied",
    "AuthorizationErrorException": "AccessDenied",
    "UnauthorizedOperation": "AccessDenied",
    "Forbidden": "AccessDenied",
    "AWS.SimpleQueueService.QueueDeletedRecently": "QueueDeletedRecently",
    "AWS.SimpleQueueService.QueueNameExists": "QueueNameExists",
    "QueueAlreadyExists": "QueueNameExists",
    "EntityAlreadyExistsException": "EntityAlreadyExists",
    "ThrottlingException": "Throttling",
    "RequestThrottled": "Throttling",
    "RequestLimitExceeded": "Throttling",
    "SlowDown": "Throttling",
    "TooManyRequestsException": "Throttling",
    "LimitExceededException": "LimitExceeded",
    "ServiceQuotaExceededException": "LimitExceeded",
    "TopicLimitExceeded": "LimitExceeded",
    "FilterPolicyLimitExceeded": "LimitExceeded",
    "OptInRequired": "NotOptedIn",
}


@dataclass(frozen=True)
class Refusal:
    """An error of AWS: its code as AWS spells it, and its words."""

    code: str
    message: str

    @property
    def advice(self) -> str | None:
        """What to do about it, where that is known."""
        return WHAT_TO_DO.get(_SAME_AS.get(self.code, self.code))

    @property
    def denied(self) -> bool:
        """Whether a right was missing."""
        return _SAME_AS.get(self.code, self.code) == "AccessDenied"

    @property
    def already_there(self) -> bool:
        """Whether something of that name is there already."""
        return _SAME_AS.get(self.code, self.code) in ALREADY_THERE


def refusal_in(message: str) -> Refusal | None:
    """The refusal that a message of the official provider, of boto3 or of the emulated provider holds."""
    found = next(filter(None, (form.search(message) for form in _FORMS)), None)
    return Refusal(found["code"], found["message"]) if found else None
