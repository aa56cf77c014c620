"""A changed policy in words: who may now do what, and who may no longer. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fedml_infra.errors import PolicyError
from fedml_infra.operations.drift.finding import Severity
from fedml_infra.policies.comparison import How, Shift, compare
from fedml_infra.policies.document import Kind, NamedDocument
from fedml_infra.policies.who_can import Who

NAMED_AT_MOST = 4
"""Accounts named one by one; the rest is counted."""

VERBS = {
    "sns:publish": ("publish", "to"),
    "sns:subscribe": ("subscribe", "to"),
    "sns:deletetopic": ("delete", ""),
    "sns:settopicattributes": ("change the settings", "of"),
    "sns:addpermission": ("give others rights", "to"),
    "sns:removepermission": ("take others' rights", "to"),
    "sns:gettopicattributes": ("read the settings", "of"),
    "sns:listsubscriptionsbytopic": ("list the subscribers", "of"),
    "sqs:sendmessage": ("send messages", "to"),
    "sqs:receivemessage": ("receive messages", "from"),
    "sqs:deletemessage": ("delete messages", "from"),
    "sqs:purgequeue": ("empty", ""),
    "sqs:deletequeue": ("delete", ""),
    "sqs:setqueueattributes": ("change the settings", "of"),
    "sqs:getqueueattributes": ("read the settings", "of"),
    "sqs:addpermission": ("give others rights", "to"),
    "s3:getobject": ("read", ""),
    "s3:getobjectversion": ("read old versions", "of"),
    "s3:putobject": ("write", ""),
    "s3:deleteobject": ("delete", ""),
    "s3:deleteobjectversion": ("delete old versions", "of"),
    "s3:putobjectacl": ("let others read", ""),
    "s3:listbucket": ("list", ""),
    "s3:deletebucket": ("delete", ""),
    "s3:getbucketpolicy": ("read the policy", "of"),
    "s3:putbucketpolicy": ("change the policy", "of"),
    "s3:deletebucketpolicy": ("remove the policy", "of"),
    "sts:assumerole": ("assume", ""),
    "ssm:getparameter": ("read", ""),
    "ssm:putparameter": ("change", ""),
    "ssm:deleteparameter": ("delete", ""),
    "kms:decrypt": ("decrypt", "with"),
}
"""By action in lower case: what it is in words, and the word before the thing that it is done to."""

CIRCUMSTANCES = {
    "sns:endpoint": "with queues of any name",
    "sns:protocol": "with something else than a queue",
    "aws:sourcearn": "on behalf of others",
    "aws:resourceaccount": "in other accounts",
    "s3:prefix": "outside its folder",
}
"""By condition key in lower case: what is allowed where the key may be anything."""


def policy_words(made: NamedDocument, now: Any, subject: str) -> tuple[str, Severity]:
    """What a policy's change means, and how bad it is; "" and CHANGED where only the order is another.

    `now` is the document's text or value as it is; `subject` names what carries it, as `topic cardio`.
    """
    try:
        document = json.loads(now) if isinstance(now, str) else now
        found = compare(made, document)
    except ValueError:
        return f"the policy of {subject} is no policy any more", Severity.EXPOSED
    except PolicyError as error:
        why = error.what[0].lower() + error.what[1:]
        return f"the policy of {subject} was changed, and what it allows is not known: {why}", Severity.EXPOSED
    if not found.rewritten:
        return "", Severity.CHANGED
    if not found.shifts:
        return f"the policy of {subject} was rewritten; it allows what it did", Severity.CHANGED
    gained, lost = ([each for each in found.shifts if each.gained is side] for side in (True, False))
    tell = _trust if made.kind is Kind.TRUST else _holder if made.kind in (Kind.NODE, Kind.ROLE) else _callers
    parts = [*tell(gained, subject, made.attached_to, "now"), *tell(lost, subject, made.attached_to, "no longer")]
    return "; ".join(parts), Severity.EXPOSED if gained else Severity.BROKEN


def _callers(shifts: Sequence[Shift], subject: str, whole: str, when: str) -> Iterator[str]:
    """Of a document that its resource carries."""
    if any(each.how is How.PLAIN_HTTP for each in shifts):
        yield f"{subject} {'accepts' if when == 'now' else 'no longer accepts'} requests over plain HTTP" + (
            " now" if when == "now" else ""
        )
    done: defaultdict[tuple[Who, str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for each in shifts:
        if each.how is not How.PLAIN_HTTP:
            done[each.who, each.name, each.resource, each.keys].append(each.action)
    alike: defaultdict[tuple[tuple[str, ...], str, tuple[str, ...]], list[tuple[Who, str]]] = defaultdict(list)
    for (who, name, resource, keys), did in done.items():
        alike[tuple(did), resource, keys].append((who, name))
    for (actions, resource, keys), callers in alike.items():
        yield f"{people(callers)} may {when} {doings(actions, _thing(resource, subject, whole))}{_where(keys, when)}"


def _trust(shifts: Sequence[Shift], subject: str, whole: str, when: str) -> Iterator[str]:  # noqa: ARG001 - as _callers
    assuming: defaultdict[tuple[str, ...], list[tuple[Who, str]]] = defaultdict(list)
    for each in shifts:
        assuming[each.keys].append((each.who, each.name))
    for keys, callers in assuming.items():
        yield f"{subject} can {when} be assumed by {people(callers)}{_where(keys, when)}"


def _holder(shifts: Sequence[Shift], subject: str, whole: str, when: str) -> Iterator[str]:  # noqa: ARG001 - as _callers
    """Of an identity policy: what it lets its holder do."""
    alike: defaultdict[tuple[str, tuple[str, ...], How], list[str]] = defaultdict(list)
    for each in shifts:
        alike[each.resource, each.keys, each.how].append(each.action)
    for (resource, keys, how), actions in alike.items():
        plain = " over plain HTTP" if how is How.PLAIN_HTTP else ""
        lets = "now lets" if when == "now" else "no longer lets"
        yield f"{subject} {lets} its holder {doings(actions, _arn(resource))}{plain}{_where(keys, when)}"


def people(callers: Iterable[tuple[Who, str]]) -> str:
    """`anyone`, `account 222222222222`, `accounts 1, 2 and 7 more`, `the service sns.amazonaws.com`."""
    callers = list(callers)
    kinds = {who for who, _ in callers}
    if {Who.ANYONE, Who.ANY_ACCOUNT} <= kinds:
        return "anyone"
    said = []
    if Who.ANYONE in kinds:
        said.append("anyone without credentials")
    names = [name for who, name in callers if who is Who.ACCOUNT]
    accounts = sorted(name for name in names if name.isdigit())
    if Who.ANY_ACCOUNT in kinds:
        said.append("any AWS account")
    elif accounts:
        rest = len(accounts) - NAMED_AT_MOST
        named = ", ".join(accounts[:NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")
        said.append(f"account{'s' if len(accounts) > 1 else ''} {named}")
    if not accounts and Who.ANY_ACCOUNT not in kinds:
        said += sorted(set(names))
    services = sorted(name for who, name in callers if who is Who.SERVICE)
    if "" in services:
        said.append("any AWS service")
    else:
        said += [f"the service {name}" for name in services]
    return " and ".join(said)


def doings(actions: Iterable[str], thing: str) -> str:
    """`publish and subscribe to topic cardio`; what has no words of its own is named as AWS does."""
    grouped: defaultdict[str, list[str]] = defaultdict(list)
    for action in actions:
        verb, joint = VERBS.get(action.lower(), (f"do {action}", "on"))
        if verb not in grouped[joint]:
            grouped[joint].append(verb)
    return ", ".join(" ".join(filter(None, (_and(verbs), joint, thing))) for joint, verbs in grouped.items())


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _where(keys: Sequence[str], when: str) -> str:
    if not keys:
        return ""
    if when == "now":
        return "".join(f", {CIRCUMSTANCES.get(key.lower(), f'whatever {key} is')}" for key in keys)
    return f" in all circumstances ({', '.join(keys)} counts)"


def _thing(resource: str, subject: str, whole: str) -> str:
    if resource == whole:
        return subject
    inner = resource.removeprefix(f"{whole}/")
    return f"the objects of {subject}" if inner == "*" else f"{inner} in {subject}"


def _arn(resource: str) -> str:
    """An ARN's or pattern's own part, as far as it tells: `cardio`, `bucket/updates/*`."""
    parts = resource.split(":", 5)
    return parts[5] if len(parts) == 6 and parts[5] != "*" else "everything" if resource == "*" else resource
