"""One organisation's part in one federation: the hub, where it is the administrator's, and its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pulumi

from fedml_infra.aws.buckets import require_adoptable
from fedml_infra.aws.sessions import Access
from fedml_infra.aws.subscriptions import receivers
from fedml_infra.errors import ConfigurationError
from fedml_infra.model.arns import Arn
from fedml_infra.model.resources import HubResources, NodeResources, grants, hub_resources, node_resources
from fedml_infra.model.stack import Node as NodeConfig
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.summary import federation_summary
from fedml_infra.model.tags import ownership_tags
from fedml_infra.policies.stack_policies import bucket_readers
from fedml_infra.program.ahead import Imports
from fedml_infra.program.hub import Hub, HubArgs
from fedml_infra.program.node import Node, NodeArgs, node_secret
from fedml_infra.program.providers import Providers
from fedml_infra.program.stranger_removal import StrangerRemoval


@dataclass(frozen=True)
class FederationArgs:
    """What a federation needs to know: the stack's configuration, and the settings of the ambient aws provider.

    `settings` are arguments of `aws.Provider` (`profile`, `endpoints`, …; credentials come from the environment
    where none are given); the region is the configuration's.
    """

    config: StackConfig
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Federation(pulumi.ComponentResource):
    """The hub and the nodes of one stack.

    Outputs: `federation` (name, topology, schedule, epoch, topic_arn, roster_bucket, members) and `nodes`
    (pid -> what `Node.outputs` says).

    `name` is the start of its children's names, so that one program may have several federations.

    Raises AuthenticationError where AWS does not say whose the credentials are; ConfigurationError where the
    configuration has no federation key, or an adopted bucket is not the account's own; PolicyError where a policy
    would be larger than AWS takes.
    """

    federation: pulumi.Output[dict[str, Any]]
    nodes: pulumi.Output[dict[str, dict[str, str | None]]]

    def __init__(self, name: str, args: FederationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fedml:index:Federation", name, {}, opts)
        self._config = args.config
        self._name = name
        for note in args.config.notes:
            pulumi.log.warn(note, self)
        services = Imports(nodes=bool(args.config.nodes))
        self._access = Providers(name, region=args.config.region, settings=args.settings, parent=self)
        account = self._access.account(None)
        topic_arn = args.config.aws_topic_arn or hub_resources(args.config, account).topic_arn
        planned = {node.pid: self._plan(node, topic_arn) for node in args.config.nodes}
        accounts = {pid: node.account for pid, node in planned.items()}
        services.wait()
        self._bucket_readers = bucket_readers(args.config, account=account, node_accounts=accounts)
        hub = self._hub(hub_resources(args.config, account), planned, args.settings) if args.config.is_hub else None
        self.hub = hub
        declared = {node.pid: self._node(node, planned[node.pid], hub, args.settings) for node in args.config.nodes}
        # A plain value in one output: Pulumi would lift each member of a list by itself, a millisecond each.
        self.federation = self._roster_bucket(hub, topic_arn).apply(lambda roster: self._summary(roster, topic_arn))
        outputs: dict[str, pulumi.Input[dict[str, str | None]]] = {pid: node.outputs for pid, node in declared.items()}
        # Of nothing, `Output.all` makes a list.
        self.nodes = pulumi.Output.all(**outputs) if outputs else pulumi.Output.from_input({})
        self.register_outputs({})

    def _plan(self, node: NodeConfig, topic_arn: str) -> NodeResources:
        account = self._access.account(node.account)
        return node_resources(self._config, node, account=account, topic_arn=topic_arn)

    def _hub(self, resources: HubResources, planned: Mapping[str, NodeResources], settings: Mapping[str, Any]) -> Hub:
        config = self._config
        accounts = {pid: node.account for pid, node in planned.items()}
        queues = tuple(node.queue_arn for node in planned.values() if node.queue_arn is not None)
        args = HubArgs(
            resources=resources,
            grants=grants(config, node_accounts=accounts),
            readers=tuple(member.aws_id for member in config.members),
            kms_key_arn=config.kms_key_in(resources.region),
            tags={**config.tags, **ownership_tags(config.fed_name)},
            removal=StrangerRemoval(
                region=resources.region,
                access=Access.ambient(settings),
                topic_arn=resources.topic_arn,
                receivers=receivers(config, queues),
            ),
        )
        return Hub(self._name, args, self._child(None))

    def _node(self, node: NodeConfig, resources: NodeResources, hub: Hub | None, settings: Mapping[str, Any]) -> Node:
        config = self._config
        if resources.adopt_bucket:
            for warning in require_adoptable(Access.of(node.account, settings), resources, config.retention):
                pulumi.log.warn(f"node {node.pid}: {warning}")
        args = NodeArgs(
            resources=resources,
            secret=self._secret(),
            retention=config.retention,
            message_filter=config.message_filter,
            readers=self._bucket_readers,
            iam_path=config.iam_path,
            permissions_boundary=config.boundary_in(resources.account),
            tags={**config.tags, **ownership_tags(config.fed_name, node.pid)},
        )
        return Node(
            f"{self._name}_{node.pid}", args, self._child(node), subscribe_after=[hub.topic_policy] if hub else []
        )

    def _child(self, node: NodeConfig | None) -> pulumi.ResourceOptions:
        provider = self._access.provider(node.account if node else None)
        return pulumi.ResourceOptions(parent=self, providers=[provider], protect=self._config.protect)

    def _secret(self) -> str:
        config = self._config
        if config.fed_secret_key is None:
            raise ConfigurationError(
                "the stack has no fedml-infra:fed_secret_key",
                fix="make one with: head -c16 /dev/urandom | base64 | pulumi config set --secret fed_secret_key",
            )
        now = datetime.now(UTC)
        old_keys = {old.epoch: old.key.get_secret_value() for old in config.fed_old_keys if now < old.drop_after}
        return node_secret(config.fed_epoch, config.fed_secret_key.get_secret_value(), old_keys)

    def _roster_bucket(self, hub: Hub | None, topic_arn: str) -> pulumi.Output[str]:
        """The hub's own, or that of the topic's account and region."""
        if hub is not None:
            return hub.roster_bucket
        return pulumi.Output.from_input(self._config.roster_bucket_of(Arn.parse(topic_arn)))

    def _summary(self, roster: str, topic_arn: str) -> dict[str, Any]:
        return federation_summary(self._config, topic_arn=topic_arn, roster_bucket=roster)
