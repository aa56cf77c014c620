"""What policy documents allow, by the rules of AWS, for the dialect that our documents are written in.

Source of the rules: IAM, "Policy evaluation logic" and "Cross-account policy evaluation logic"; of the operators: IAM,
"IAM JSON policy elements: Condition operators". Whatever is outside the dialect raises PolicyError: an answer is
never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from fedml_infra.errors import PolicyError
from fedml_infra.policies.dialect import ANY_VALUE, check_dialect, listed
from fedml_infra.policies.document import Document

ANONYMOUS = "anonymous"
"""What `aws:PrincipalAccount` says of a request without credentials (IAM, "AWS global condition context keys")."""

_ROOT = re.compile(r"arn:[^:]+:iam::(\d{12}):root")
_ACCOUNT = re.compile(r"\d{12}")


@dataclass(frozen=True)
class Caller:
    """Who asks: a principal of an account, an AWS service, or nobody known."""

    account: str | None = None
    arn: str | None = None
    """Of the role, user or root. For an account without one: its root user."""
    service: str | None = None
    federated: str | None = None
    """ARN of the OpenID Connect provider that vouches for it; what its token says is in the request's context."""

    def __str__(self) -> str:
        return self.arn or self.account or self.service or self.federated or ANONYMOUS


@dataclass(frozen=True)
class Request:
    """One call: who, what, on which resource of which account, and the condition keys that are set."""

    caller: Caller
    action: str
    resource: str
    resource_account: str
    context: tuple[tuple[str, str], ...] = ()
    """Further keys; what caller and resource imply need not be given. `aws:SecureTransport` is true unless given."""

    def keys(self) -> dict[str, str]:
        """Every condition key of the request, by its name in lower case."""
        keys = {"aws:securetransport": "true", "aws:resourceaccount": self.resource_account}
        if self.caller.account is not None:
            keys["aws:principalaccount"] = self.caller.account
            keys["aws:principalarn"] = _arn(self.caller, self.resource)
        elif self.caller.service is None and self.caller.federated is None:
            keys["aws:principalaccount"] = ANONYMOUS
        keys.update((name.lower(), value) for name, value in self.context)
        return keys


class Effect(Enum):
    """What one document says to a request."""

    SILENT = "no statement"
    DELEGATES = "allows the account, and leaves it to that account's identity policies"
    ALLOWS = "allows"
    DENIES = "denies"


@dataclass(frozen=True)
class Decision:
    """The answer and why, in words."""

    allowed: bool
    reason: str

    def __bool__(self) -> bool:
        return self.allowed


def evaluate(
    request: Request,
    *,
    resource_policy: Document | None = None,
    identity_policies: Sequence[Document] = (),
    session_policies: Sequence[Document] | None = None,
) -> Decision:
    """Whether the request is allowed; not allowed unless something allows it, and any Deny wins.

    Within one account the identity's or the resource's policy suffices, but KMS keys and role trusts must allow by
    themselves; across accounts both must. `session_policies` (None: no session) narrow what identity policies give.
    Services and anonymous callers have no identity policy. PolicyError for what is outside the dialect.
    """
    for each in (resource_policy, *identity_policies, *(session_policies or ())):
        if each is not None:
            check_dialect(each)
    return decide(request, resource_policy, identity_policies, session_policies)


def decide(
    request: Request,
    resource_policy: Document | None,
    identity_policies: Sequence[Document],
    session_policies: Sequence[Document] | None = None,
) -> Decision:
    """`evaluate` of documents that `check_dialect` has passed: for many requests to the same documents."""
    keys = request.keys()
    of_resource = _verdict(resource_policy, request, keys) if resource_policy is not None else Effect.SILENT
    of_identity = [_verdict(each, request, keys) for each in identity_policies]
    of_session = [_verdict(each, request, keys) for each in session_policies or ()]
    if Effect.DENIES in (of_resource, *of_identity, *of_session):
        return Decision(False, "a Deny applies")
    account = request.caller.account
    if account is None:
        if of_resource is Effect.ALLOWS:
            return Decision(True, "the resource's policy allows it")
        return Decision(False, "the resource's policy does not allow it")

    by_identity = Effect.ALLOWS in of_identity or _arn(request.caller, request.resource).endswith(":root")
    if session_policies is not None and Effect.ALLOWS not in of_session:
        if of_resource is Effect.ALLOWS and account == request.resource_account:
            raise PolicyError(
                "Whether a resource's policy reaches past a session policy depends on the principal that it names",
                fix="Ask without a session policy",
            )
        by_identity = False
    if account != request.resource_account:
        if of_resource is Effect.SILENT:
            return Decision(False, "another account's resource, whose policy does not allow it")
        return Decision(by_identity, "another account's resource: both sides must allow, and " + _says(by_identity))
    if of_resource is Effect.ALLOWS:
        return Decision(True, "the resource's policy allows it")
    if _needs_resource_policy(request.action) and of_resource is Effect.SILENT:
        return Decision(False, "the key's policy or the role's trust does not allow it")
    return Decision(by_identity, "within its own account " + _says(by_identity))


def _verdict(document: Document, request: Request, keys: Mapping[str, str]) -> Effect:
    found = Effect.SILENT
    for statement in listed(document["Statement"]):
        if not _concerns(statement, request.action, request.resource):
            continue
        matched = _principal(statement, request)
        if matched is Effect.SILENT or not _conditions(statement, keys):
            continue
        if statement["Effect"] == "Deny":
            return Effect.DENIES
        if found is not Effect.ALLOWS:
            found = matched
    return found


def glob(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether `*` (any text, none too) and `?` (one character) in the pattern can stand for the text."""
    if ignore_case:
        pattern, text = pattern.lower(), text.lower()
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return _compiled(pattern).fullmatch(text) is not None


def arn_like(pattern: str, text: str) -> bool:
    """Whether an ARN fits a pattern, part by part: a `*` does not reach across the first five colons."""
    parts, given = pattern.split(":", 5), text.split(":", 5)
    return len(given) == 6 and all(glob(one, other) for one, other in zip(parts, given, strict=True))


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(c) or re.escape(c) for c in pattern), re.DOTALL)


def _concerns(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    if not any(glob(pattern, action, ignore_case=True) for pattern in listed(statement["Action"])):
        return False
    # A role's trust has no Resource: it is about the role that carries it.
    return "Resource" not in statement or any(glob(pattern, resource) for pattern in listed(statement["Resource"]))


def _principal(statement: Mapping[str, Any], request: Request) -> Effect:
    """How the statement's principal meets the caller; a statement without one is of an identity policy."""
    principal, caller = statement.get("Principal", "*"), request.caller
    if principal == "*":
        return Effect.ALLOWS
    best = Effect.SILENT
    for value in listed(principal.get("Service", [])):
        if caller.service == value:
            best = Effect.ALLOWS
    for value in listed(principal.get("Federated", [])):
        if caller.federated == value:
            best = Effect.ALLOWS
    for value in listed(principal.get("AWS", [])):
        account = _whole_account(value)
        if value == "*" or (caller.arn == value and account is None):
            return Effect.ALLOWS
        if account is not None and caller.account == account:
            best = Effect.DELEGATES
    return best


def _conditions(statement: Mapping[str, Any], keys: Mapping[str, str]) -> bool:
    """All operators and all keys must hold; of one key's values one must, or for a negated operator none."""
    return all(
        _holds(operator, [str(each) for each in listed(values)], keys.get(name.lower()))
        for operator, entries in statement.get("Condition", {}).items()
        for name, values in entries.items()
    )


def _holds(operator: str, wanted: list[str], given: str | None) -> bool:
    base = operator.removesuffix("IfExists").removeprefix(ANY_VALUE)
    negated = "Not" in base
    if base == "Null":
        return any((given is None) == (each.lower() == "true") for each in wanted)
    if given is None:
        return negated or operator.endswith("IfExists")
    match base.replace("Not", ""):
        case "StringEquals":
            fits = given in wanted
        case "StringLike":
            fits = any(glob(each, given) for each in wanted)
        case "ArnEquals" | "ArnLike":
            fits = any(arn_like(each, given) for each in wanted)
        case _:
            fits = given.lower() in {each.lower() for each in wanted}
    return fits != negated


def _needs_resource_policy(action: str) -> bool:
    """KMS keys and role trusts decide even within their own account."""
    return action.lower().startswith(("sts:", "kms:"))


def _whole_account(principal: str) -> str | None:
    if _ACCOUNT.fullmatch(principal):
        return principal
    found = _ROOT.fullmatch(principal)
    return found[1] if found else None


def _arn(caller: Caller, resource: str) -> str:
    partition = resource.split(":", 2)[1] if resource.startswith("arn:") else "aws"
    return caller.arn or f"arn:{partition}:iam::{caller.account}:root"


def _says(allowed: bool) -> str:
    return "the caller's policies allow it" if allowed else "the caller's policies do not allow it"
