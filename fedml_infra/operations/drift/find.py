"""Find what in AWS is no longer as the stack made it, and who is subscribed that should not be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fedml_infra.aws.parallel import each as each_of
from fedml_infra.aws.sessions import Access
from fedml_infra.aws.subscriptions import Subscription, receivers, strangers
from fedml_infra.engine.events import ResourceChange
from fedml_infra.engine.protocol import Engine, RunOptions
from fedml_infra.model.resources import NodeResources, hub_resources
from fedml_infra.operations.drift.differences import differences_of
from fedml_infra.operations.drift.finding import Finding, Kind, Severity
from fedml_infra.operations.drift.findings import findings_of, names_of
from fedml_infra.operations.load import Stack
from fedml_infra.operations.state import BUCKET, TOPIC
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.up import Before
from fedml_infra.policies.stack_policies import stack_policies, stack_resources

SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"


@dataclass(frozen=True)
class Drift:
    """All that is not as it should be."""

    findings: tuple[Finding, ...]
    """The worst first."""
    warnings: tuple[Finding, ...]
    """What adopted buckets lack: no drift."""
    pending: tuple[Subscription, ...]
    """Rows of the topic's list that cannot be acted on: never confirmed, or just deleted."""
    unapplied: int
    """Resources that differ because the stack file was changed, and not AWS."""

    @property
    def found(self) -> bool:
        """Whether AWS is not as it was made."""
        return bool(self.findings)

    def as_json(self) -> dict[str, Any]:
        """The drift for machines."""
        return {
            "drift": self.found,
            "findings": [each.as_json() for each in self.findings],
            "warnings": [each.as_json() for each in self.warnings],
            "pending": [
                {"arn": row.arn, "protocol": row.protocol, "endpoint": row.endpoint, "owner": row.owner}
                for row in self.pending
            ],
            "unapplied": self.unapplied,
        }


def find_drift(stack: Stack, before: Before, engine: Engine, aws: Cloud, options: RunOptions) -> Drift:
    """Compare AWS with what the stack made; changes nothing, neither in AWS nor in the state.

    A change of the stack file that was not brought up yet is no drift: it is told apart by a second preview that does
    not look at AWS, made only where the first found something.
    """
    options = replace(options, expected=before.state.counted)
    changed = engine.preview(stack.name, replace(options, refresh=True)).changed
    unapplied: Mapping[str, ResourceChange] = {}
    if changed:
        planned = engine.preview(stack.name, replace(options, refresh=False))
        unapplied = {change.urn: change for change in planned.changed}
    differences = tuple(differences_of(changed, unapplied, before.state))
    own, nodes_in = before.accounts.own, before.accounts.nodes
    _, nodes = stack_resources(stack.config, account=own, node_accounts=nodes_in)
    documents = stack_policies(stack.config, account=own, node_accounts=nodes_in)
    findings = findings_of(differences, before.state, names_of(nodes), documents)
    gone = any(each.type == TOPIC and each.kind is Kind.MISSING for each in differences)
    foreign: tuple[Subscription, ...] = ()
    pending: tuple[Subscription, ...] = ()
    if stack.config.is_hub and not gone and before.state.of_type(TOPIC):
        foreign, pending = subscribers(stack, before, aws)
    exposed = sum(each.severity is Severity.EXPOSED for each in findings)
    findings = (*findings[:exposed], *map(_stranger, foreign), *findings[exposed:])
    return Drift(findings, tuple(_lacking(stack, nodes, aws)), pending, len(unapplied))


def subscribers(stack: Stack, before: Before, aws: Cloud) -> tuple[tuple[Subscription, ...], tuple[Subscription, ...]]:
    """The subscriptions of a hub's topic that are no receiving member's, and those that cannot be acted on."""
    hub = hub_resources(stack.config, before.accounts.own)
    _, nodes = stack_resources(stack.config, account=before.accounts.own, node_accounts=before.accounts.nodes)
    own = [node.queue_arn for node in nodes if node.queue_arn is not None]
    rows = aws.subscriptions(Access.of(None, stack.settings), hub.region, hub.topic_arn)
    found = strangers(rows, receivers(stack.config, own))
    return found.strangers, found.pending


def _stranger(row: Subscription) -> Finding:
    whose = f"account {row.owner}" if row.owner else "an unknown account"
    words = (
        f"{row.protocol} {row.endpoint} receives the federation's messages and is no member's: {whose} subscribed it"
    )
    now = {"arn": row.arn, "protocol": row.protocol, "endpoint": row.endpoint, "owner": row.owner}
    return Finding(Kind.STRANGER, Severity.EXPOSED, words, row.endpoint, SUBSCRIPTION, now=now)


def _lacking(stack: Stack, nodes: Sequence[NodeResources], aws: Cloud) -> Iterator[Finding]:
    """What each adopted bucket lacks of what a made one has."""
    ways = {node.pid: Access.of(node.account, stack.settings) for node in stack.config.nodes}

    def gaps(node: NodeResources) -> tuple[Finding, ...]:
        state = aws.bucket_state(ways[node.pid], node.region, node.bucket, account=node.account)
        found = aws.hardening_gaps(
            ways[node.pid],
            state.region or node.region,
            node.bucket,
            account=node.account,
            prefix=node.prefix,
            retention_seconds=stack.config.retention.seconds,
        )
        return tuple(
            Finding(
                Kind.LACKS, Severity.WARNING, f"{gap} (adopted, so it is not ours to change)", node.bucket, BUCKET,
                path=gap.aspect,
            )
            for gap in found
        )  # fmt: skip

    for outcome in each_of(gaps, [node for node in nodes if node.adopt_bucket]):
        yield from outcome.unwrap()
