"""Everything that a stack has in AWS, by the names that follow from its file: what an import needs to know of each.

The URNs are those of the program (fedml_infra/program/): tests/stories/test_recovery.py holds this to a real state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.recovery import (
    BUCKET,
    OWNER_OF,
    PARAMETER,
    POLICY,
    QUEUE,
    ROLE,
    SUBSCRIPTION,
    TOPIC,
    Adoption,
)
from fedml_infra.model.arns import Arn
from fedml_infra.model.regions import home_region, partition_of
from fedml_infra.model.resources import HubResources, NodeResources
from fedml_infra.model.sightings import Sought
from fedml_infra.model.stack import AccountAccess, StackConfig
from fedml_infra.operations.accounts import Accounts
from fedml_infra.policies.stack_policies import stack_resources

PROJECT = "fedml-infra"
FEDERATION = "fedml:index:Federation"
HUB = f"{FEDERATION}$fedml:index:Hub"
NODE = f"{FEDERATION}$fedml:index:Node"
PROVIDER = f"{FEDERATION}$pulumi:providers:aws"
ON_BUCKET = tuple(token for token, owner in OWNER_OF.items() if owner == BUCKET)
READER_POLICY = "read-payloads"


@dataclass(frozen=True)
class Entry:
    """One resource of the stack, and where it is."""

    adoption: Adoption
    sought: Sought
    access: Access
    account: str
    region: str
    pid: str | None

    @property
    def urn(self) -> str:
        """Its URN."""
        return self.adoption.urn


def catalogue(config: StackConfig, settings: Mapping[str, Any], accounts: Accounts) -> tuple[Entry, ...]:
    """Every resource in AWS of the stack, things before their parts. Pure."""
    hub, nodes = stack_resources(config, account=accounts.own, node_accounts=accounts.nodes)
    entries = list(_hub(hub, _Maker(config, settings, None, hub.account, None))) if hub else []
    for node, planned in zip(config.nodes, nodes, strict=True):
        entries += _node(planned, _Maker(config, settings, node.account, planned.account, node.pid))
    return tuple(sorted(entries, key=lambda entry: entry.sought.type in OWNER_OF))


def scaffolding(config: StackConfig) -> tuple[str, ...]:
    """URNs of the components and providers, under which everything else stands."""
    start = _start(config.fed_name)
    ways: list[AccountAccess | None] = [None, *(node.account for node in config.nodes)]
    found = [f"{start}{FEDERATION}::{config.fed_name}"]
    found += [provider_urn(config.fed_name, way) for way in ways]
    found += [f"{start}{HUB}::{config.fed_name}"] if config.is_hub else []
    found += [f"{start}{NODE}::{node_name(config.fed_name, node.pid)}" for node in config.nodes]
    return tuple(dict.fromkeys(found))


def provider_urn(federation: str, way: AccountAccess | None) -> str:
    """URN of the provider that leads into an account."""
    name = f"{federation}-aws" if way is None else f"{federation}-aws-{way.profile or way.assume_role}"
    return f"{_start(federation)}{PROVIDER}::{name}"


def way_of(provider: str, config: StackConfig) -> AccountAccess | None:
    """The way into an account that a provider's URN tells: for a node that the file has no more, its profile or role.

    A role's external id is known for nodes of the file only.
    """
    name = provider.rpartition(f"{PROVIDER}::")[2].removeprefix(f"{config.fed_name}-aws").removeprefix("-")
    if not name:
        return None
    for node in config.nodes:
        if node.account is not None and name in (node.account.profile, node.account.assume_role):
            return node.account
    return AccountAccess(assume_role=name) if name.startswith("arn:") else AccountAccess(profile=name)


def node_name(federation: str, pid: str) -> str:
    """The name of a node's component."""
    return f"{federation}_{pid}"


def pid_of(parent: str, federation: str) -> str | None:
    """The node that a component's URN names; None for the hub's."""
    head, _, name = parent.rpartition("::")
    return name.removeprefix(node_name(federation, "")) if head.endswith("fedml:index:Node") else None


def _start(federation: str) -> str:
    return f"urn:pulumi:{federation}::{PROJECT}::"


class _Maker:
    """Makes the entries of one component."""

    def __init__(
        self,
        config: StackConfig,
        settings: Mapping[str, Any],
        way: AccountAccess | None,
        account: str,
        pid: str | None,
    ) -> None:
        self._component = NODE if pid else HUB
        self._start = _start(config.fed_name)
        self._parent = f"{self._start}{self._component}::{node_name(config.fed_name, pid) if pid else config.fed_name}"
        self._provider = provider_urn(config.fed_name, way)
        self._home = home_region(partition_of(config.region))
        self._access, self._account, self._pid = Access.of(way, settings), account, pid

    def __call__(self, kind: str, name: str, region: str | None, key: str, part: str = "") -> Entry:
        adoption = Adoption(
            urn=f"{self._start}{self._component}${kind}::{name}",
            type=kind,
            id="",
            parent=self._parent,
            provider=self._provider,
            region=region if region != self._home else None,
        )
        where = region or self._home
        return Entry(adoption, Sought(kind, key, part), self._access, self._account, where, self._pid)


def _hub(hub: HubResources, make: _Maker) -> Iterator[Entry]:
    yield make(TOPIC, hub.topic_name, hub.region, hub.topic_arn)
    yield make("aws:sns/topicPolicy:TopicPolicy", hub.topic_name, hub.region, hub.topic_arn)
    for kind in (BUCKET, *ON_BUCKET):
        yield make(kind, hub.roster_bucket, hub.region, hub.roster_bucket)


def _node(node: NodeResources, make: _Maker) -> Iterator[Entry]:
    region, queue, dead = node.region, node.queue_name, node.dead_letter_queue_name
    if queue is not None and dead is not None and node.queue_arn is not None:
        yield make(QUEUE, dead, region, dead)
        yield make(QUEUE, queue, region, queue)
        yield make("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", dead, region, dead)
        yield make("aws:sqs/queuePolicy:QueuePolicy", queue, region, queue)
        yield make(SUBSCRIPTION, queue, Arn.parse(node.topic_arn).region, node.topic_arn, node.queue_arn)
    if not node.adopt_bucket:
        for kind in (BUCKET, *ON_BUCKET):
            yield make(kind, node_name(node.federation, node.pid), region, node.bucket)
    if node.reader_role_name is not None:
        yield make(ROLE, node.reader_role_name, None, node.reader_role_name)
        yield make("aws:iam/rolePolicy:RolePolicy", node.reader_role_name, None, node.reader_role_name, READER_POLICY)
    yield make(POLICY, node.node_policy_name, None, node.node_policy_arn)
    if node.node_role is not None:
        role = node.node_role.rpartition("/")[2]
        attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
        yield make(attachment, node.node_policy_name, None, node.node_policy_arn, role)
    yield make(PARAMETER, node.parameter_name, region, node.parameter_name)
