"""What an identity's own policies would refuse, asked of IAM's simulator.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
It looks at the identity's policies, its permissions boundary and its organisation's, not at policies of resources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fedml_infra.aws.failures import code_of, is_denied, translating
from fedml_infra.aws.parallel import each
from fedml_infra.aws.sessions import Access, client
from fedml_infra.errors import ResourceError
from fedml_infra.model.arns import Arn

if TYPE_CHECKING:
    from types_boto3_iam.client import IAMClient

RESOURCES_AT_ONCE = 50
"""Resources of one call; the answer has a row for each of them and each action."""
INVALID = frozenset({"InvalidInput", "InvalidInputException"})
"""Codes of IAM's simulator for a question that it does not take."""


@dataclass(frozen=True)
class Wanted:
    """Actions that are wanted on each of the resources, and the condition keys that such a call has."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Refusal:
    """One action on one resource that is not allowed."""

    action: str
    resource: str
    explicit: bool
    """Whether a policy denies it, and not only none allows it."""


def wanted_by(document: Mapping[str, Any]) -> tuple[Wanted, ...]:
    """What the Allow statements of an identity policy of ours are for. Pure."""
    found = []
    for statement in document["Statement"]:
        resources = statement["Resource"]
        keys = {key: value for keys in statement.get("Condition", {}).values() for key, value in keys.items()}
        context = tuple((key, value if isinstance(value, str) else value[0]) for key, value in keys.items())
        listed = (resources,) if isinstance(resources, str) else tuple(resources)
        found.append(Wanted(tuple(statement["Action"]), listed, context))
    return tuple(found)


def refused(access: Access, region: str, caller: str, rights: Iterable[Wanted]) -> tuple[Refusal, ...]:
    """Those of the rights that the caller (an ARN as STS tells it) does not have; sorted by action.

    Changes nothing. An account's root user has them all. Raises PolicyError where these credentials may not simulate
    (iam:SimulatePrincipalPolicy), ResourceError for a caller that IAM's simulator does not know.
    """
    who = Arn.parse(caller)
    if who.resource == "root":
        return ()
    iam = client("iam", access, region)
    with translating("simulate the rights of", caller):
        identity = _identity(iam, who)
    calls = [part for wanted in rights for part in _in_parts(wanted)]

    def ask(wanted: Wanted) -> list[Refusal]:
        with translating("simulate the rights of", caller):
            return _refusals(iam, identity, wanted)

    # IAM allows few calls a second.
    found = {refusal for outcome in each(ask, calls, at_once=4) for refusal in outcome.unwrap()}
    return tuple(sorted(found, key=lambda one: (one.action, one.resource)))


def _identity(iam: IAMClient, who: Arn) -> str:
    """The user or role whose policies count. A session's ARN lacks the path that its role may have."""
    kind, _, rest = who.resource.partition("/")
    if kind == "user":
        return str(who)
    if kind != "assumed-role":
        raise ResourceError(f"IAM's simulator knows users and roles, and {who} is neither")
    name = rest.partition("/")[0]
    try:
        return iam.get_role(RoleName=name)["Role"]["Arn"]
    except Exception as error:
        if not is_denied(error):
            raise
        return str(Arn(who.partition, "iam", "", who.account, f"role/{name}"))


def _in_parts(wanted: Wanted) -> Iterator[Wanted]:
    for start in range(0, len(wanted.resources), RESOURCES_AT_ONCE):
        yield Wanted(wanted.actions, wanted.resources[start : start + RESOURCES_AT_ONCE], wanted.context)


def _refusals(iam: IAMClient, identity: str, wanted: Wanted) -> list[Refusal]:
    """Some actions cannot be simulated together ("require different authorization information"): then in halves."""
    try:
        return list(_simulated(iam, identity, wanted))
    except Exception as error:
        if code_of(error) not in INVALID or len(wanted.actions) == 1:
            raise
    middle = len(wanted.actions) // 2
    halves = (replace(wanted, actions=part) for part in (wanted.actions[:middle], wanted.actions[middle:]))
    return [refusal for half in halves for refusal in _refusals(iam, identity, half)]


def _simulated(iam: IAMClient, identity: str, wanted: Wanted) -> Iterator[Refusal]:
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=identity,
        ActionNames=list(wanted.actions),
        ResourceArns=list(wanted.resources),
        ContextEntries=[
            {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": [value]}
            for key, value in wanted.context
        ],
    )
    for page in pages:
        for row in page["EvaluationResults"]:
            of_each = row.get("ResourceSpecificResults") or ()
            rows: list[tuple[str, str]] = [(one["EvalResourceName"], one["EvalResourceDecision"]) for one in of_each]
            for resource, decision in rows or [(row.get("EvalResourceName", "*"), row["EvalDecision"])]:
                if decision != "allowed":
                    yield Refusal(row["EvalActionName"], resource, decision == "explicitDeny")
