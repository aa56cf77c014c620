"""Find what in AWS is no longer as the stack made it, and who is subscribed that should not be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fedml_infra.aws.sessions import Access
from fedml_infra.aws.subscriptions import Subscription, receivers, strangers
from fedml_infra.engine.differences import PropertyChange
from fedml_infra.engine.events import ResourceChange
from fedml_infra.engine.protocol import Engine, RunOptions
from fedml_infra.model.resources import hub_resources
from fedml_infra.operations.load import Stack
from fedml_infra.operations.state import TOPIC, State
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.up import Before
from fedml_infra.policies.stack_policies import stack_resources

MISSING = "missing"
CHANGED = "changed"


@dataclass(frozen=True)
class Difference:
    """One resource that is not as it was made."""

    urn: str
    type: str
    name: str
    kind: str
    """`missing` or `changed`."""
    properties: tuple[PropertyChange, ...] = ()
    """Of a changed one: what each property is now (`before`), and what `up` would make it again (`after`)."""

    def as_json(self) -> dict[str, Any]:
        """The difference for machines."""
        return {
            "urn": self.urn,
            "type": self.type,
            "name": self.name,
            "kind": self.kind,
            "properties": [{"path": each.path, "made": each.after, "now": each.before} for each in self.properties],
        }


@dataclass(frozen=True)
class Drift:
    """All that is not as it should be."""

    differences: tuple[Difference, ...]
    strangers: tuple[Subscription, ...]
    """Subscriptions of the topic that are no receiving member's."""
    pending: tuple[Subscription, ...]
    """Rows of the topic's list that cannot be acted on: never confirmed, or just deleted."""
    unapplied: int
    """Resources that differ because the stack file was changed, and not AWS."""

    @property
    def found(self) -> bool:
        """Whether AWS is not as it was made."""
        return bool(self.differences or self.strangers)

    def as_json(self) -> dict[str, Any]:
        """The drift for machines."""
        return {
            "drift": self.found,
            "resources": [each.as_json() for each in self.differences],
            "strangers": [_row(each) for each in self.strangers],
            "pending": [_row(each) for each in self.pending],
            "unapplied": self.unapplied,
        }


def find_drift(stack: Stack, before: Before, engine: Engine, aws: Cloud, options: RunOptions) -> Drift:
    """Compare AWS with what the stack made; changes nothing, neither in AWS nor in the state.

    A change of the stack file that was not brought up yet is no drift: it is told apart by a second preview that does
    not look at AWS, made only where the first found something.
    """
    changed = engine.preview(stack.name, replace(options, refresh=True)).changed
    unapplied: Mapping[str, ResourceChange] = {}
    if changed:
        planned = engine.preview(stack.name, replace(options, refresh=False))
        unapplied = {change.urn: change for change in planned.changed}
    differences = tuple(differences_of(changed, unapplied, before.state))
    gone = any(each.type == TOPIC and each.kind == MISSING for each in differences)
    foreign: tuple[Subscription, ...] = ()
    pending: tuple[Subscription, ...] = ()
    if stack.config.is_hub and not gone and before.state.of_type(TOPIC):
        foreign, pending = _subscribers(stack, before, aws)
    return Drift(differences, foreign, pending, len(unapplied))


def differences_of(
    looked: Iterable[ResourceChange], unapplied: Mapping[str, ResourceChange], state: State
) -> Iterator[Difference]:
    """What a preview that looked at AWS found, less what one that did not finds as well. Pure."""
    known = {resource.urn for resource in state.resources}
    for change in looked:
        planned = unapplied.get(change.urn)
        if change.op.startswith("create") and change.urn in known:
            if planned is None or not planned.op.startswith("create"):
                yield Difference(change.urn, change.type, change.name, MISSING)
            continue
        if change.urn not in known or change.op == "delete":
            continue
        told = {(each.path, _text(each.after)) for each in planned.properties} if planned else set()
        properties = tuple(each for each in change.properties if (each.path, _text(each.after)) not in told)
        if properties or planned is None:
            yield Difference(change.urn, change.type, change.name, CHANGED, properties)


def _subscribers(stack: Stack, before: Before, aws: Cloud) -> tuple[tuple[Subscription, ...], tuple[Subscription, ...]]:
    hub = hub_resources(stack.config, before.accounts.own)
    _, nodes = stack_resources(stack.config, account=before.accounts.own, node_accounts=before.accounts.nodes)
    own = [node.queue_arn for node in nodes if node.queue_arn is not None]
    rows = aws.subscriptions(Access.of(None, stack.settings), hub.region, hub.topic_arn)
    found = strangers(rows, receivers(stack.config, own))
    return found.strangers, found.pending


def _row(row: Subscription) -> dict[str, str]:
    return {"arn": row.arn, "protocol": row.protocol, "endpoint": row.endpoint, "owner": row.owner}


def _text(value: Any) -> str:
    return repr(value)
