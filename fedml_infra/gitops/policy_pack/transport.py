"""TLS only: every bucket, queue and topic has a policy that denies whatever comes over plain HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fedml_infra.gitops.policy_pack.queues import is_dead_letter_queue
from fedml_infra.gitops.policy_pack.seen import (
    BUCKET_POLICY,
    BUCKETS,
    QUEUE,
    QUEUE_POLICY,
    TOPIC,
    TOPIC_POLICY,
    UNKNOWN,
    Finding,
    Resource,
    Stack,
    reaching,
)
from fedml_infra.gitops.policy_pack.statements import Statement, UnreadableDocumentError, covers, statements
from fedml_infra.policies.evaluation import glob
from fedml_infra.policies.topic import ACTIONS

_PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f")


@dataclass(frozen=True)
class _Service:
    """How one service's policies are attached, and what a Deny there has to cover."""

    noun: str
    policies: tuple[str, ...]
    """Kinds of the resources that set such a policy."""
    target: str
    """Their property that says on what."""
    identifiers: tuple[str, ...]
    """Properties of the resource that `target` may be."""
    actions: tuple[str, ...]
    deny: str
    """The actions as they are written in a statement."""


_S3 = _Service("bucket", (BUCKET_POLICY,), "bucket", ("bucket", "id"), ("s3:*",), '"s3:*"')
_SQS = _Service("queue", (QUEUE_POLICY,), "queueUrl", ("url", "id"), ("sqs:*",), '"sqs:*"')
# A topic's policy takes no `sns:*`: it must name what it means.
_SNS = _Service("topic", (TOPIC_POLICY,), "arn", ("arn", "id"), ACTIONS, json.dumps(ACTIONS))
_CARRIERS: Mapping[str, _Service] = {**dict.fromkeys(BUCKETS, _S3), QUEUE: _SQS, TOPIC: _SNS}
_SETTERS: Mapping[str, _Service] = {BUCKET_POLICY: _S3, QUEUE_POLICY: _SQS, TOPIC_POLICY: _SNS}


def denies_plain_http(resource: Resource) -> Iterator[Finding]:
    """Of each policy on a bucket, queue or topic: whether it denies everything over plain HTTP."""
    service = _SETTERS.get(resource.kind) or _CARRIERS.get(resource.kind)
    document = resource.get("policy")
    if service is None or document in (None, ""):
        return
    if document is UNKNOWN:
        yield resource.unsure("its policy")
        return
    yield from _judge(resource, service, _name(resource.get(service.target), service))


def has_such_a_policy(stack: Stack) -> Iterator[Finding]:
    """Every bucket, queue and topic has such a policy, and it is about it.

    A dead-letter queue may be without one: SQS itself moves messages there, and no policy lets anybody else in.
    """
    for carrier in stack.of(*_CARRIERS):
        service = _CARRIERS[carrier.kind]
        reach = reaching(stack, service.policies, service.target, carrier, *service.identifiers)
        for setter in reach.found:
            # Where its own target was not known, what it is made from tells it; the rest was judged by itself.
            name = _named(carrier, service) if not isinstance(setter.get(service.target), str) else None
            if name and isinstance(setter.get("policy"), str) and not any(_judge(setter, service, None)):
                yield from _judge(setter, service, name)
        if reach.found or carrier.get("policy") not in (None, ""):
            continue
        if carrier.kind == QUEUE and is_dead_letter_queue(stack, carrier) is not False:
            continue
        if reach.perhaps:
            yield carrier.unsure("whether a policy of the stack is on it")
            continue
        yield carrier.wrong("has no policy, so it takes plain HTTP", _advice(service))


def _judge(resource: Resource, service: _Service, name: str | None) -> Iterator[Finding]:
    try:
        found = [each for each in statements(resource.get("policy")) if _is_tls_deny(each)]
    except UnreadableDocumentError:
        return  # told by the rule on principals
    wanted = _resources(service, name)
    reaching_all = [each for each in found if _reaches(each, wanted)]
    missing = [action for action in service.actions if not any(_covers(each.actions, action) for each in reaching_all)]
    if not missing:
        return
    if found and not reaching_all:
        yield resource.wrong(f"has a policy whose Deny of plain HTTP is not about all of {name}", _advice(service))
    elif not found:
        yield resource.wrong("has a policy that does not deny plain HTTP to everybody", _advice(service))
    else:
        yield resource.wrong(f"has a policy that does not deny {', '.join(missing)} over plain HTTP", _advice(service))


def _is_tls_deny(statement: Statement) -> bool:
    """A Deny to everybody whose one condition is that the request came without TLS: any other would narrow it."""
    conditions = {("bool", "aws:securetransport", ("false",)), ("boolifexists", "aws:securetransport", ("false",))}
    return (
        not statement.allows
        and not statement.inverted
        and not statement.all_but
        and "*" in statement.principals.get("AWS", ())
        and len(statement.conditions) == 1
        and (*statement.conditions[0][:2], tuple(value.lower() for value in statement.conditions[0][2])) in conditions
    )


def _covers(patterns: tuple[str, ...], action: str) -> bool:
    if action.endswith(":*"):
        return any(pattern.lower() in {"*", "*:*", action} for pattern in patterns)
    return covers(patterns, action)


def _resources(service: _Service, name: str | None) -> list[tuple[str, ...]]:
    """What the Deny must reach, in each partition; nothing where the name is not known."""
    if name is None:
        return []
    if service is _S3:
        # Two names that have nothing in common stand for all objects.
        return [tuple(f"arn:{p}:s3:::{name}{key}" for key in ("", "/a", "/~/zz")) for p in _PARTITIONS]
    if name.startswith("arn:"):
        return [(name,)]
    return [(f"arn:{p}:sqs:region:account:{name}",) for p in _PARTITIONS]


def _reaches(statement: Statement, wanted: list[tuple[str, ...]]) -> bool:
    if not wanted:
        return True
    return any(all(any(_fits(pattern, one) for pattern in statement.resources) for one in each) for each in wanted)


def _fits(pattern: str, resource: str) -> bool:
    parts, given = pattern.split(":", 5), resource.split(":", 5)
    if given[3] == "region" and len(parts) == 6:
        # A queue's URL tells its name; region and account are its policy's own.
        return glob(parts[1], given[1]) and glob(parts[2], given[2]) and glob(parts[5], given[5])
    return glob(pattern, resource)


def _named(carrier: Resource, service: _Service) -> str | None:
    known = carrier.known("arn") if service is _SNS else carrier.known("bucket" if service is _S3 else "name")
    return min(known) if known else None


def _name(target: object, service: _Service) -> str | None:
    if not isinstance(target, str) or not target:
        return None
    return target.rpartition("/")[2] if service is _SQS else target


def _advice(service: _Service) -> str:
    where = {"bucket": '["<ARN>", "<ARN>/*"]'}.get(service.noun, '"<ARN>"')
    return (
        f'Add {{"Effect": "Deny", "Principal": "*", "Action": {service.deny}, "Resource": {where}, '
        f'"Condition": {{"Bool": {{"aws:SecureTransport": "false"}}}}}} to the {service.noun}\'s policy'
    )
