"""What is read: a node's parameter, its queue's policies, its subscription."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fedml_infra.aws.links import QueueLinks
from fedml_infra.aws.sessions import Access
from fedml_infra.errors import FedmlError, PolicyError
from fedml_infra.model.arns import Arn
from fedml_infra.model.resources import NodeResources
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.verify.link import (
    FILTER_SETTLES,
    Clock,
    Link,
    Name,
    broken,
    failed,
    note,
    ok,
)
from fedml_infra.policies.evaluation import Caller, Request, evaluate
from fedml_infra.policies.queue import MAX_RECEIVES, filter_policy, redrive_policy

MENDS = "`fedml-infra drift --fix` puts it right."


def parameter(aws: Cloud, access: Access, node: NodeResources, epoch: int, clock: Clock) -> Iterator[Link]:
    """Whether the node's process finds the key of the current epoch."""
    name, where = Name.PARAMETER, node.parameter_name
    try:
        text = aws.parameter_text(access, node.region, where)
    except FedmlError as error:
        yield failed(clock, name, where, error)
        return
    if text is None:
        yield broken(clock, name, where, f"There is no parameter {where} in {node.region}.", fix=MENDS)
        return
    found = _secret(text.get_secret_value())
    if found is None:
        yield broken(clock, name, where, f"Parameter {where} holds no keys: somebody has written it.", fix=MENDS)
    elif found.get("epoch") != epoch or str(epoch) not in found["keys"]:
        yield broken(
            clock, name, where,
            f"Parameter {where} is of epoch {found.get('epoch')}, and the stack file says {epoch}.",
            fix="`fedml-infra up` writes the current one; a joiner gets it by `fedml-infra sync`.",
        )  # fmt: skip
    else:
        yield ok(name, where, f"{where} holds the key of epoch {epoch}")


def queue(aws: Cloud, access: Access, node: NodeResources, clock: Clock) -> Iterator[Link]:
    """Whether the topic may send to the node's queue, and what cannot be worked off has somewhere to go."""
    assert node.queue_name is not None
    try:
        found = aws.queue_links(access, node.region, node.queue_name)
        letters = aws.queue_links(access, node.region, str(node.dead_letter_queue_name))
    except FedmlError as error:
        yield failed(clock, Name.QUEUE, node.queue_name, error)
        return
    if found is None:
        told = f"There is no queue {node.queue_name} in account {node.account}, {node.region}."
        yield broken(clock, Name.QUEUE, node.queue_name, told, fix=MENDS)
        return
    yield _queue_policy(node, found, clock)
    yield _redrive(node, found, letters, clock)


def subscription(aws: Cloud, access: Access, node: NodeResources, message_filter: str, clock: Clock) -> Iterator[Link]:
    """Whether the node's queue is subscribed to the topic, raw, and with the filter that it should have."""
    name, where = Name.SUBSCRIPTION, str(node.queue_name)
    try:
        found = aws.own_subscription(access, Arn.parse(node.topic_arn).region, node.topic_arn, str(node.queue_arn))
    except FedmlError as error:
        yield failed(clock, name, where, error)
        return
    if found is None:
        yield broken(
            clock, name, where,
            f"Queue {where} is not subscribed to {node.topic_arn}: no message reaches it.",
            fix=f"{MENDS} Where the topic's owner has taken this account off, ask there first.",
        )  # fmt: skip
        return
    wanted = filter_policy(node.pid, message_filter)
    if not found.arn.startswith("arn:"):
        yield broken(clock, name, where, f"The subscription of {where} was never confirmed.", fix=MENDS)
    elif not found.raw:
        yield broken(clock, name, where, f"The subscription of {where} is not raw: messages come wrapped.", fix=MENDS)
    elif found.filter_policy != wanted:
        says = json.dumps(found.filter_policy) if found.filter_policy else "none"
        told = f"The filter of the subscription of {where} is {says}, not {json.dumps(wanted) if wanted else 'none'}."
        yield broken(clock, name, where, told, fix=MENDS)
    else:
        yield ok(name, where, f"{where} is subscribed to {node.topic_arn}, raw, filtered as it should be")
        if wanted and clock.since_up is not None and clock.since_up < FILTER_SETTLES:
            told = "A new filter takes up to 15 minutes: an own message that comes back until then is no fault."
            yield note(name, where, told)


def _queue_policy(node: NodeResources, found: QueueLinks, clock: Clock) -> Link:
    where = str(node.queue_name)
    sends = Request(
        Caller(service=node.service_principal),
        "sqs:SendMessage",
        str(node.queue_arn),
        node.account,
        (("aws:SourceArn", node.topic_arn),),
    )
    try:
        allowed = found.policy is not None and bool(evaluate(sends, resource_policy=dict(found.policy)))
    except PolicyError as error:
        return note(
            Name.QUEUE_POLICY, where, f"The policy of {where} was rewritten, and cannot be judged: {error.what}"
        )
    if allowed:
        return ok(Name.QUEUE_POLICY, where, f"the topic may send to {where}")
    why = "has no policy" if found.policy is None else "has a policy that does not let the topic send"
    told = f"Queue {where} {why} ({node.service_principal} for {node.topic_arn}): SNS drops every message in silence."
    return broken(clock, Name.QUEUE_POLICY, where, told, fix=MENDS, kind=PolicyError)


def _redrive(node: NodeResources, found: QueueLinks, letters: QueueLinks | None, clock: Clock) -> Link:
    where, dead = str(node.queue_name), str(node.dead_letter_queue_name)
    said = found.redrive or {}
    if letters is None:
        told = f"There is no dead-letter queue {dead} in account {node.account}, {node.region}."
        return broken(clock, Name.REDRIVE, dead, told, fix=MENDS)
    if said.get("deadLetterTargetArn") != redrive_policy(node)["deadLetterTargetArn"]:
        told = f"Queue {where} sends no dead letters to {dead}: what fails {MAX_RECEIVES} times blocks it for days."
        return broken(clock, Name.REDRIVE, where, told, fix=MENDS)
    allow = letters.redrive_allow or {"redrivePermission": "allowAll"}
    if allow.get("redrivePermission") != "allowAll" and node.queue_arn not in allow.get("sourceQueueArns", ()):
        told = f"Dead-letter queue {dead} does not take what queue {where} sends it."
        return broken(clock, Name.REDRIVE, dead, told, fix=MENDS, kind=PolicyError)
    return ok(Name.REDRIVE, where, f"after {said.get('maxReceiveCount')} receives to {dead}")


def _secret(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("keys"), dict) else None
