"""The rights that a stack gives are those that its stack file says: by evaluation of its policies, never by their text.

What is expected follows from the configuration alone, as `policies.stack_policies` derives it for the program. So a
program of somebody's own is held to its stack file as well as ours is.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fedml_infra.errors import ConfigurationError, PolicyError
from fedml_infra.gitops.policy_pack.seen import (
    BUCKET_POLICY,
    BUCKETS,
    QUEUE,
    QUEUE_POLICY,
    ROLE,
    TOPIC,
    TOPIC_POLICY,
    UNKNOWN,
    Finding,
    Resource,
    Stack,
)
from fedml_infra.model.arns import Arn
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.names import node_policy_name, queue_name
from fedml_infra.model.stack import Node, StackConfig
from fedml_infra.model.validation import NAMESPACE, from_engine_config, validate
from fedml_infra.policies.comparison import How, Shift, compare
from fedml_infra.policies.document import Kind, NamedDocument
from fedml_infra.policies.stack_policies import stack_policies

_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
_POLICY = "aws:iam/policy:Policy"
_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
_MEND = (
    "Make the policy as the stack file says (`fedml-infra policies show STACK` prints it), or change `members` and "
    "`topology` in the stack file"
)


@dataclass(frozen=True)
class Configuration:
    """The configuration of the run that is judged, without the text of a secret."""

    values: Mapping[str, str | Ciphertext]

    @classmethod
    def of(cls, values: Mapping[str, str], secret: frozenset[str]) -> Configuration:
        """What the engine gives, by full key; what is under a key in `secret` is dropped here."""
        return cls({key: Ciphertext("") if key in secret else value for key, value in values.items()})

    @property
    def is_of_a_federation(self) -> bool:
        """Whether it says anything that could be held to."""
        return NAMESPACE + "fed_name" in self.values

    def read(self, stack: str) -> StackConfig:
        """As the program reads it. ConfigurationError with every mistake in it."""
        plain = {key: value for key, value in self.values.items() if isinstance(value, str)}
        return validate({**from_engine_config(plain), **_sealed(self.values)}, stack=stack)


def rights_are_as_configured(stack: Stack, configuration: Configuration, name: str) -> Iterator[Finding]:
    """Topic, queues, buckets and reader roles of the stack's own federation give what its file says, and no more.

    `name`: the stack's. Nothing is said where the configuration is no federation's.
    """
    if not configuration.is_of_a_federation:
        return
    try:
        config = configuration.read(name)
    except ConfigurationError as error:
        yield Finding("", f"What the stack file says cannot be read: {error}", "Mend it; `fedml-infra check` names all")
        return
    own = _own_account(stack, config)
    if isinstance(own, Finding):
        yield own
        return
    # A node without an account of its own is the stack's, whatever is declared for it.
    accounts = {node.pid: own if node.account is None else _account_of(node, config, stack) for node in config.nodes}
    told = {pid: account for pid, account in accounts.items() if account is not None}
    if len(told) < len(accounts):
        missing = ", ".join(pid for pid in accounts if pid not in told)
        yield Finding(
            "",
            f"The account of {missing} is told by no resource that is known yet, so the stack's rights are not judged",
            "It is judged during `up`; `assume_role` in the stack file tells it beforehand",
            known=False,
        )
        return
    try:
        expected = stack_policies(config, account=own, node_accounts=told)
    except PolicyError as error:
        yield Finding("", f"What the stack file says makes no policy: {error}", "Mend the stack file")
        return
    for each in expected:
        yield from _compared(stack, each)


def _sealed(values: Mapping[str, str | Ciphertext]) -> dict[str, Ciphertext]:
    return {key: value for key, value in values.items() if isinstance(value, Ciphertext)}


def _own_account(stack: Stack, config: StackConfig) -> str | Finding:
    """The account that the stack runs in: its topic's, or of a joiner its first node's."""
    if not config.is_hub:
        own = sorted(config.nodes, key=lambda node: node.account is not None)
        return next((found for node in own if (found := _account_of(node, config, stack))), None) or Finding(
            "",
            "The account of the stack is told by no resource that is known yet",
            "It is judged during `up`",
            known=False,
        )
    topics = [each for each in stack.of(TOPIC_POLICY, TOPIC) if _is_topic(each, config.fed_name, stack)]
    for topic in topics:
        for arn in topic.known("arn"):
            return Arn.parse(arn).account
    if topics:
        return topics[0].unsure("the ARN of the topic")
    return Finding(
        "",
        f"The stack file makes a hub of federation {config.fed_name}, and the stack has no topic of that name",
        "Declare it, with a TopicPolicy, or use the `Hub` component",
    )


def _is_topic(resource: Resource, name: str, stack: Stack) -> bool:
    if any(arn.rpartition(":")[2] == name for arn in resource.known("arn")):
        return True
    if resource.kind == TOPIC:
        return name in resource.known("name")
    return any(topic.urn in resource.links.get("arn", ()) and name in topic.known("name") for topic in stack.of(TOPIC))


def _account_of(node: Node, config: StackConfig, stack: Stack) -> str | None:
    """Of one own node, by the stack file or by what is declared for it."""
    if node.account is not None and node.account.assume_role:
        return Arn.parse(node.account.assume_role).account
    queue = queue_name(config.fed_name, node.pid)
    arns = [arn for each in stack.of(_SUBSCRIPTION) for arn in each.known("endpoint")]
    arns += [arn for each in stack.of(QUEUE) for arn in each.known("arn")]
    found = {arn.split(":")[4] for arn in arns if arn.startswith("arn:") and arn.rpartition(":")[2] == queue}
    policy = node_policy_name(config.fed_name, node.pid)
    # Of a node without a queue, whose bucket is adopted, it is all that tells.
    found |= {
        arn.split(":")[4] for each in stack.of(_POLICY) if policy in each.known("name") for arn in each.known("arn")
    }
    for each in stack.of(_ENCRYPTION):
        made_from = each.links.get("bucket", frozenset())
        if node.s3_bucket.bucket in each.known("bucket") or made_from & _buckets(node, stack):
            found |= each.known("expectedBucketOwner")
    # Where two are told, neither is believed.
    return found.pop() if len(found) == 1 else None


def _buckets(node: Node, stack: Stack) -> frozenset[str]:
    return frozenset(each.urn for each in stack.of(*BUCKETS) if node.s3_bucket.bucket in each.known("bucket"))


def _compared(stack: Stack, made: NamedDocument) -> Iterator[Finding]:
    carriers = list(_carriers(stack, made))
    if made.kind is Kind.TOPIC and not carriers:
        yield Finding(
            "",
            f"Topic {made.name} has no policy in this stack, so no member has the rights that the stack file gives",
            _MEND,
        )
    for resource, document in carriers:
        if document is UNKNOWN:
            yield resource.unsure(f"what it says of the rights on {made.name}")
            continue
        try:
            shifts = compare(made, json.loads(document) if isinstance(document, str) else document).shifts
        except (PolicyError, ValueError) as error:
            yield resource.wrong(f"cannot be held to the stack file: {str(error).splitlines()[0]}", _MEND)
            continue
        for what in _told(shifts):
            yield resource.wrong(f"is not as the stack file says: {what}", _MEND)


def _carriers(stack: Stack, made: NamedDocument) -> Iterator[tuple[Resource, Any]]:
    """The resources that set the policy of what `made` is attached to, each with the document."""
    if made.kind is Kind.TOPIC:
        found = stack.of(TOPIC_POLICY, TOPIC)
        yield from _with(each for each in found if _is_topic(each, made.name, stack))
    elif made.kind is Kind.QUEUE:
        yield from _with(_named(stack, QUEUE, (QUEUE_POLICY,), "queueUrl", made.name, "name"))
    elif made.kind is Kind.BUCKET:
        for kind in sorted(BUCKETS):
            yield from _with(_named(stack, kind, (BUCKET_POLICY,), "bucket", made.name, "bucket"))
    elif made.kind is Kind.TRUST:
        for each in stack.of(ROLE):
            if made.name in each.known("name"):
                yield each, each.get("assumeRolePolicy")


def _named(stack: Stack, kind: str, setters: tuple[str, ...], target: str, name: str, of: str) -> Iterator[Resource]:
    carriers = [each for each in stack.of(kind) if name in each.known(of)]
    yield from carriers
    urns = {each.urn for each in carriers}
    for each in stack.of(*setters):
        value = each.get(target)
        named = isinstance(value, str) and value.rpartition("/")[2] == name
        if named or each.links.get(target, frozenset()) & urns:
            yield each


def _with(found: Iterator[Resource]) -> Iterator[tuple[Resource, Any]]:
    return ((each, each.get("policy")) for each in found if each.get("policy") not in (None, ""))


def _told(shifts: tuple[Shift, ...]) -> Iterator[str]:
    """One sentence for each caller and way."""
    actions: defaultdict[tuple[bool, str, str], list[str]] = defaultdict(list)
    for each in shifts:
        who = f"{each.who} {each.name}".rstrip()
        how = {
            How.AT_ALL: "",
            How.PLAIN_HTTP: " over plain HTTP",
            How.OTHERWISE: f" (it turns on {', '.join(each.keys)})" if each.keys else "",
        }[each.how]
        actions[each.gained, who, how].append(each.action)
    for (gained, who, how), several in actions.items():
        listed = ", ".join(dict.fromkeys(several))
        yield f"{who} {'may' if gained else 'may not'} do {listed}{how}, and should{' not' if gained else ''}"
