"""What joining a federation comes to, in plain words: what is made, who can do what, what costs money at rest. Pure.

Nothing is said from memory. What is made is read from the catalogue of what the program makes, and who can do what is
asked of the very policies that it writes, those of the hub for this account among them.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fedml_infra.engine.recovery import BUCKET, PARAMETER, POLICY, QUEUE, ROLE, SUBSCRIPTION
from fedml_infra.model.arns import Arn
from fedml_infra.model.resources import HubResources, NodeResources
from fedml_infra.model.rights import Right, Rights
from fedml_infra.model.stack import StackConfig
from fedml_infra.operations.accounts import Accounts
from fedml_infra.operations.catalogue import ON_BUCKET, Entry, catalogue
from fedml_infra.policies.bucket import roster_bucket_policy
from fedml_infra.policies.document import Kind, NamedDocument
from fedml_infra.policies.stack_policies import stack_policies, stack_resources
from fedml_infra.policies.topic import endpoints, topic_policy
from fedml_infra.policies.who_can import Way, Who, WhoCan, who_can

PARTS = frozenset(
    {
        *ON_BUCKET,
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
        "aws:sqs/queuePolicy:QueuePolicy",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    }
)
"""Settings of something else, which are told with it."""
FREE_AT_REST = frozenset({QUEUE, SUBSCRIPTION, ROLE, POLICY, PARAMETER})
"""What costs nothing while nothing happens: SQS and SNS count requests (aws.amazon.com/sqs/pricing, /sns/pricing), IAM
is free (/iam), and so are standard parameters (/systems-manager/pricing)."""


@dataclass(frozen=True)
class JoinWords:
    """Four lists of sentences."""

    creates: tuple[str, ...]
    able: tuple[str, ...]
    """What this account and its node's process will be able to do."""
    others: tuple[str, ...]
    """What others will be able to do to this account, and what not."""
    costs: tuple[str, ...]

    def as_json(self) -> dict[str, list[str]]:
        """The words for machines."""
        return {
            "creates": list(self.creates),
            "able": list(self.able),
            "others": list(self.others),
            "costs": list(self.costs),
        }


def join_words(config: StackConfig, accounts: Accounts, granted: Rights) -> JoinWords:
    """The words of a joiner's stack, whose account the hub grants these rights. ValueError for a hub's stack."""
    documents = documents_of(config, accounts, granted)
    _, nodes = stack_resources(config, account=accounts.own, node_accounts=accounts.nodes)
    made = catalogue(config, {}, accounts)
    return JoinWords(
        creates=tuple(_creates(config, nodes, made)),
        able=tuple(line for node in nodes for line in able(node, documents)),
        others=tuple(line for node in nodes for line in others(node, documents)),
        costs=tuple(_costs(config, nodes, made)),
    )


def documents_of(config: StackConfig, accounts: Accounts, granted: Rights) -> tuple[NamedDocument, ...]:
    """Every policy that bears on a joiner: its own stack's, and the hub's as they will be for its accounts."""
    if config.aws_topic_arn is None:
        raise ValueError(f"the stack of {config.fed_name} is a hub's, and joins nothing")
    topic = Arn.parse(config.aws_topic_arn)
    own = sorted({*accounts.nodes.values()})
    hub = HubResources.of(
        config.fed_name, account=topic.account, region=topic.region, roster_bucket=config.roster_bucket_of(topic)
    )
    return (
        *stack_policies(config, account=accounts.own, node_accounts=accounts.nodes),
        NamedDocument(
            Kind.TOPIC, hub.topic_name, hub.topic_arn, hub.account, topic_policy(hub, dict.fromkeys(own, granted))
        ),
        NamedDocument(
            Kind.BUCKET, hub.roster_bucket, hub.roster_bucket_arn, hub.account, roster_bucket_policy(hub, own)
        ),
    )


_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _creates(config: StackConfig, nodes: Sequence[NodeResources], made: Sequence[Entry]) -> Iterator[str]:
    by_pid = {node.pid: node for node in nodes}
    kept = f"{config.retention.count} {_UNITS[config.retention.unit]}"
    for entry in made:
        kind = entry.adoption.type
        if kind in PARTS or entry.pid is None:
            continue
        node = by_pid[entry.pid]
        phrase = _PHRASES.get(kind, _anything)
        yield f"{phrase(entry, node, kept)}, in account {entry.account}."
    for node in nodes:
        if node.adopt_bucket:
            yield f"Nothing in bucket {node.bucket}, which is there already: its settings are read, and never changed."
        if node.node_role is not None:
            yield f"The policy is attached to your role {node.node_role}, and nothing else of that role changes."


def _anything(entry: Entry, _node: NodeResources, _kept: str) -> str:
    return f"{entry.adoption.type} {entry.sought.key}"


def _queue(entry: Entry, node: NodeResources, kept: str) -> str:
    if entry.sought.key == node.dead_letter_queue_name:
        return f"Queue {entry.sought.key} in {node.region}, for messages that the node fails to read"
    return f"Queue {entry.sought.key} in {node.region}, which keeps messages for {kept} at most"


def _bucket(entry: Entry, node: NodeResources, kept: str) -> str:
    under = f", under {node.prefix}/" if node.prefix else ""
    return (
        f"Bucket {entry.sought.key} in {node.region} for payloads{under}: private, over TLS only, and what is in it "
        f"expires after {kept}"
    )


_PHRASES: Mapping[str, Callable[[Entry, NodeResources, str], str]] = {
    QUEUE: _queue,
    SUBSCRIPTION: lambda entry, node, _: f"A subscription of queue {node.queue_name} to {entry.sought.key}",
    BUCKET: _bucket,
    ROLE: lambda entry, *_: f"Role {entry.sought.key}, by which others read payloads one at a time",
    POLICY: lambda _entry, node, _: f"Policy {node.node_policy_name}, which says what the node's process may do",
    PARAMETER: lambda entry, *_: f"Encrypted parameter {entry.sought.key}, which holds the federation's key",
}


def able(node: NodeResources, documents: Sequence[NamedDocument]) -> Iterator[str]:
    """What the account and its node's process can do by these documents."""
    topic = Arn.parse(node.topic_arn)
    hub = HubResources.of(node.federation, account=topic.account, region=topic.region)

    def account_can(action: str, resource: str) -> bool:
        return node.account in who_can(action, resource, documents).accounts

    def process_can(action: str, resource: str) -> bool:
        return bool(who_can(action, resource, documents).of(Who.NODE))

    roster = next((each.attached_to for each in documents if _is_roster(each, node)), None)
    if account_can("sns:Publish", node.topic_arn):
        yield f"Account {node.account} may publish to {node.topic_arn}."
    if account_can("sns:Subscribe", node.topic_arn):
        ways = next(
            each.ways
            for each in who_can("sns:Subscribe", node.topic_arn, documents).of(Who.ACCOUNT)
            if each.name == node.account
        )
        if all(_is_own_queue(way, endpoints(hub)) for way in ways):
            yield f"Account {node.account} may subscribe queues named like {endpoints(hub)} to it, and nothing else."
        else:
            yield f"Account {node.account} may subscribe to it, and not its queues alone."
    if roster is not None and account_can("s3:GetObject", f"{roster}/roster.json"):
        yield f"Account {node.account} may read the federation's roster, in {roster}."
    process = [
        ("sns:Publish", node.topic_arn, "publish to the topic"),
        ("sqs:ReceiveMessage", node.queue_arn, "receive from its queue"),
        ("s3:PutObject", _object(node), "write its payloads"),
        ("s3:GetObject", _object(node), "read them"),
        ("s3:DeleteObject", _object(node), "delete them"),
        ("sts:AssumeRole", node.reader_role_arn, "lend out reading them"),
        ("ssm:GetParameter", node.parameter_arn, "read the federation's key"),
    ]
    can = [words for action, resource, words in process if resource is not None and process_can(action, resource)]
    if can:
        yield f"The process of node {node.pid} may {', '.join(can)}."


def _is_own_queue(way: Way, pattern: str) -> bool:
    return way.get("sns:Protocol") == "sqs" and fnmatch.fnmatchcase(way.get("sns:Endpoint") or "", pattern)


def others(node: NodeResources, documents: Sequence[NamedDocument]) -> Iterator[str]:
    """What anybody outside of the node's account can do with what is its own by these documents, and what not."""
    if Right.PUBLISH in node.rights:
        yield f"Whoever receives in {node.federation} gets what node {node.pid} publishes."
    nobody: list[str] = []
    for action, resource, doing, thing in _touched(node):
        found = who_can(action, resource, documents)
        lines = list(_outsiders(found, node, doing, thing))
        yield from lines
        if not lines and not (node.adopt_bucket and action.startswith("s3:")):
            nobody.append(f"{doing} {thing}")
    if node.adopt_bucket:
        yield f"What else others can do with bucket {node.bucket} its own policy says, which is not changed."
    if nobody:
        listed = f"{', '.join(nobody[:-1])} or {nobody[-1]}" if len(nobody) > 1 else nobody[0]
        yield f"Nobody outside of account {node.account} can {listed}."


def _touched(node: NodeResources) -> Iterator[tuple[str, str, str, str]]:
    """What of a node others could want to do: action, resource, and the words for both."""
    if node.queue_arn is not None:
        queue = f"queue {node.queue_name}"
        yield "sqs:SendMessage", node.queue_arn, "put messages into", queue
        yield "sqs:ReceiveMessage", node.queue_arn, "receive from", queue
        yield "sqs:DeleteMessage", node.queue_arn, "delete from", queue
    where = f"bucket {node.bucket}" + (f" under {node.prefix}/" if node.prefix else "")
    yield "s3:GetObject", _object(node), "read payloads in", where
    yield "s3:PutObject", _object(node), "write into", where
    yield "s3:DeleteObject", _object(node), "delete from", where
    yield "s3:ListBucket", node.bucket_arn, "list", f"bucket {node.bucket}"
    if node.reader_role_arn is not None:
        yield "sts:AssumeRole", node.reader_role_arn, "take on", f"role {node.reader_role_name}"
    yield "ssm:GetParameter", node.parameter_arn, "read", f"parameter {node.parameter_name}"


def _outsiders(found: WhoCan, node: NodeResources, doing: str, thing: str) -> Iterator[str]:
    for grantee in found.grantees:
        match grantee.who:
            case Who.ACCOUNT if grantee.name != node.account:
                yield f"Account {grantee.name} can {doing} {thing}."
            case Who.READER_ROLE:
                yield (
                    f"Whoever node {node.pid} lends role {node.reader_role_name} can {doing} {thing}: it puts "
                    "credentials of it into its messages, each for the one payload that the message is about."
                )
            case Who.SERVICE:
                sources = {way.get("aws:SourceArn") for way in grantee.ways}
                if sources == {node.topic_arn}:
                    yield f"Amazon SNS can {doing} {thing}: what is published to {node.topic_arn}, and nothing else."
                else:
                    yield f"The AWS service {grantee.name} can {doing} {thing}, whoever it acts for."
            case Who.ANY_ACCOUNT | Who.ANYONE:
                yield f"ANYONE AT ALL ({grantee.who}) can {doing} {thing}."
            case _:
                pass


def _costs(config: StackConfig, nodes: Sequence[NodeResources], made: Sequence[Entry]) -> Iterator[str]:
    kinds = {entry.adoption.type for entry in made} - PARTS
    for node in nodes:
        if node.adopt_bucket:
            yield f"What lies in bucket {node.bucket} costs what S3 storage costs, for as long as you let it lie there."
        else:
            yield f"What lies in bucket {node.bucket} costs what S3 storage costs, until it expires."
    if config.kms_key_arn is not None:
        yield "Your own KMS key costs what it costs by now."
    for kind in sorted(kinds - FREE_AT_REST - {BUCKET}):
        yield f"{kind}: see AWS's prices."
    if kinds & FREE_AT_REST:
        yield "All the rest costs nothing while nothing happens; messages and requests cost as they are made."


def _object(node: NodeResources) -> str:
    """Some payload of the node."""
    return node.objects_arn.removesuffix("*") + "payload"


def _is_roster(named: NamedDocument, node: NodeResources) -> bool:
    return named.kind is Kind.BUCKET and named.account == Arn.parse(node.topic_arn).account != node.account
