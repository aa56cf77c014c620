"""Every policy document of one stack, with its name and what it is attached to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fedml_infra.errors import PolicyError
from fedml_infra.model.arns import Arn, role_arn
from fedml_infra.model.fields import Sharing
from fedml_infra.model.resources import HubResources, NodeResources, grants, hub_resources, node_resources
from fedml_infra.model.rights import Right
from fedml_infra.model.stack import StackConfig
from fedml_infra.policies.bucket import bucket_policy, roster_bucket_policy
from fedml_infra.policies.document import Document, Kind, NamedDocument
from fedml_infra.policies.keys import node_key_statements, topic_key_statements
from fedml_infra.policies.limits import check_size
from fedml_infra.policies.node import node_policy, reader_role_policy, reader_role_trust
from fedml_infra.policies.operator import operator_policy
from fedml_infra.policies.queue import queue_policy
from fedml_infra.policies.topic import topic_policy
from fedml_infra.policies.verifier import verifier_policy


def stack_policies(config: StackConfig, *, account: str, node_accounts: Mapping[str, str]) -> tuple[NamedDocument, ...]:
    """All documents of the stack: the hub's, then each node's, in the order of the file.

    `account`: twelve digits, of the credentials that the stack runs with. `node_accounts`: each own node's account by
    pid. The statements that an own KMS key's policy needs are among them, since only the key's owner can add them.
    PolicyError where AWS would refuse a document for its size.
    """
    found = tuple(_documents(config, account, node_accounts))
    for each in found:
        check_size(each.kind, each.document)
    return found


def too_large(
    config: StackConfig, *, account: str, node_accounts: Mapping[str, str]
) -> Iterator[tuple[NamedDocument, PolicyError]]:
    """The documents that AWS would refuse for their size, all of them; sizes are the same for any twelve digits."""
    for each in _documents(config, account, node_accounts):
        try:
            check_size(each.kind, each.document)
        except PolicyError as error:
            yield each, error


def stack_operator_policies(
    config: StackConfig, *, account: str, node_accounts: Mapping[str, str], read_only: bool = False
) -> dict[str, tuple[Document, ...]]:
    """By account, what whoever runs the stack needs there, to assume the roles of other accounts included."""
    hub, nodes = stack_resources(config, account=account, node_accounts=node_accounts)
    return operator_policy(
        hub,
        nodes,
        read_only=read_only,
        permissions_boundary=config.permissions_boundary,
        assumed_roles=_assumed_roles(config, account),
    )


def stack_verifier_policies(
    config: StackConfig, *, account: str, node_accounts: Mapping[str, str]
) -> dict[str, tuple[Document, ...]]:
    """By account, what whoever verifies the stack needs there, to assume the roles of other accounts included."""
    _, nodes = stack_resources(config, account=account, node_accounts=node_accounts)
    return verifier_policy(nodes, assumed_roles=_assumed_roles(config, account))


def _assumed_roles(config: StackConfig, account: str) -> dict[str, list[str]]:
    roles = [node.account.assume_role for node in config.nodes if node.account and node.account.assume_role]
    return {account: roles} if roles else {}


def stack_resources(
    config: StackConfig, *, account: str, node_accounts: Mapping[str, str]
) -> tuple[HubResources | None, tuple[NodeResources, ...]]:
    """The stack's hub, if it declares one, and its nodes, in the order of the file."""
    hub = hub_resources(config, account) if config.is_hub else None
    topic = hub.topic_arn if hub is not None else str(config.aws_topic_arn)
    return hub, tuple(
        node_resources(config, node, account=node_accounts[node.pid], topic_arn=topic) for node in config.nodes
    )


def bucket_readers(config: StackConfig, *, account: str, node_accounts: Mapping[str, str]) -> tuple[str, ...]:
    """The accounts that read payloads under `sharing: bucket_policy`, sorted; none under `sts`.

    The administrator's stack knows everyone who receives. A joiner's knows its own nodes and the hub, which is whole
    in a centralized federation; in any other, members that read from one another by bucket policy need `sts`.
    """
    if config.sharing is Sharing.STS:
        return ()
    if not config.is_hub:
        return tuple(sorted({*node_accounts.values(), config.topic_account or account}))
    granted = grants(config, node_accounts=node_accounts)
    return tuple(sorted(each for each, rights in granted.items() if Right.RECEIVE in rights))


def _documents(config: StackConfig, account: str, node_accounts: Mapping[str, str]) -> Iterator[NamedDocument]:
    hub, nodes = stack_resources(config, account=account, node_accounts=node_accounts)
    readers = bucket_readers(config, account=account, node_accounts=node_accounts)
    if hub is not None:
        yield from _of_hub(config, hub, node_accounts)
    for node in nodes:
        yield from _of_node(node, readers)


def _of_hub(config: StackConfig, hub: HubResources, node_accounts: Mapping[str, str]) -> Iterator[NamedDocument]:
    granted = grants(config, node_accounts=node_accounts)
    members = [member.aws_id for member in config.members]
    yield NamedDocument(Kind.TOPIC, hub.topic_name, hub.topic_arn, hub.account, topic_policy(hub, granted))
    roster = roster_bucket_policy(hub, members)
    yield NamedDocument(Kind.BUCKET, hub.roster_bucket, hub.roster_bucket_arn, hub.account, roster)
    key = config.kms_key_in(hub.region)
    if key is not None:
        yield from _key(key, hub.topic_name, topic_key_statements(hub, granted))


def _of_node(node: NodeResources, readers: tuple[str, ...]) -> Iterator[NamedDocument]:
    if node.queue_name is not None and node.queue_arn is not None:
        yield NamedDocument(Kind.QUEUE, node.queue_name, node.queue_arn, node.account, queue_policy(node))
    if not node.adopt_bucket:
        yield NamedDocument(Kind.BUCKET, node.bucket, node.bucket_arn, node.account, bucket_policy(node, readers))
    # Without a known role the process runs as some role of the account, which is given the policy by hand.
    role = role_arn(node.partition, node.account, node.node_role or node.pid)
    yield NamedDocument(
        Kind.NODE, node.node_policy_name, node.node_policy_arn, node.account, node_policy(node), principal=role
    )
    if node.reader_role_name is not None and node.reader_role_arn is not None:
        name, arn = node.reader_role_name, node.reader_role_arn
        yield NamedDocument(Kind.TRUST, name, arn, node.account, reader_role_trust(node))
        yield NamedDocument(Kind.ROLE, name, arn, node.account, reader_role_policy(node), principal=arn)
    if node.kms_key_arn is not None:
        yield from _key(node.kms_key_arn, node.pid, node_key_statements(node, readers))


def _key(key: str, name: str, document: Document) -> Iterator[NamedDocument]:
    if document["Statement"]:
        yield NamedDocument(Kind.KEY, name, key, Arn.parse(key).account, document)
