"""Whether the names that a run would use are free, or the stack's own already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from fedml_infra.aws.sessions import Access
from fedml_infra.aws.standing import TopicKind
from fedml_infra.engine.recovery import pending_in
from fedml_infra.errors import ResourceError
from fedml_infra.model.resources import hub_resources
from fedml_infra.operations.accounts import Accounts
from fedml_infra.operations.checks.finding import Check, Finding, fail, ok, warn
from fedml_infra.operations.load import Stack
from fedml_infra.operations.preflight import NameCheck, name_checks
from fedml_infra.operations.state import TOPIC, State
from fedml_infra.operations.tools import Cloud


def checks(
    stack: Stack, accounts: Accounts, aws: Cloud, state: State, begun: frozenset[str] = frozenset()
) -> Iterator[Check]:
    """A check for each name that is not the stack's own already, and one line for those that are.

    `begun`: names that a run had begun to make when it was cut off (`begun_in`).
    """
    for one in name_checks(stack.config, stack.settings, accounts, aws=aws, state=state):
        yield Check("names", partial(name, one, begun))
    if stack.config.is_hub and not state.of_type(TOPIC):
        yield Check("names", partial(topic, stack, accounts, aws))
    own = len(state.queue_arns) + len(state.bucket_names) + len(state.of_type(TOPIC))
    if own:
        yield Check("names", partial(ok, "names", f"{own} queues, buckets and topics are this stack's own"))


def begun_in(exported: Mapping[str, Any]) -> frozenset[str]:
    """Names of what a run had begun to make when it was cut off. Pure."""
    inputs = (one.inputs for one in pending_in(exported))
    return frozenset(str(each.get(key)) for each in inputs for key in ("name", "bucket") if each.get(key))


def name(check: NameCheck, begun: frozenset[str] = frozenset()) -> Finding:
    """Whether a run can use a queue's or bucket's name. Raises where AWS does not answer."""
    problem = check.ask()
    if problem is None:
        return ok("names", f"{check.subject} can be used")
    if check.subject.partition(" ")[2] in begun:
        told = f"{check.subject} is there, and a run that was cut off had begun to make it"
        return warn("names", told, "The next `up` looks whose it is, and adopts it where it is the stack's.")
    return fail("names", problem)


def topic(stack: Stack, accounts: Accounts, aws: Cloud) -> Finding:
    """Whether the topic's name is free, or stands for a topic of this federation that the state has lost."""
    hub = hub_resources(stack.config, accounts.own)
    access = Access.of(None, stack.settings)
    found = aws.topic_state(access, hub.region, hub.topic_arn, federation=hub.federation)
    if found is TopicKind.FOREIGN:
        taken = ResourceError(
            f"Account {hub.account} has a topic {hub.topic_name} in {hub.region} that is not this federation's "
            "(it lacks the federation's tags): a run would take it over.",
            fix="Choose another name for the federation, or delete that topic if nobody needs it.",
        )
        return fail("names", taken)
    return ok("names", f"topic {hub.topic_name} " + ("is this federation's" if found is TopicKind.OURS else "is free"))
