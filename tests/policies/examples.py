"""Federations to ask about, and a way to alter their documents."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from fedml_infra.model.resources import HubResources, NodeResources, grants
from fedml_infra.model.rights import Right, Rights
from fedml_infra.model.stack import StackConfig
from fedml_infra.policies.document import Document, Kind, NamedDocument, Statement
from fedml_infra.policies.stack_policies import stack_policies, stack_resources

HUB, BOTH, PUBLISHER, RECEIVER, STRANGER = (
    "111111111111",
    "222222222222",
    "333333333333",
    "444444444444",
    "555555555555",
)
PUBLISH: Rights = frozenset({Right.PUBLISH})
RECEIVE: Rights = frozenset({Right.RECEIVE})
EVERYTHING: Rights = frozenset(Right)
MEMBERS = {BOTH: EVERYTHING, PUBLISHER: PUBLISH, RECEIVER: RECEIVE}
REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}

Alter = Callable[[Document], None]


def config(**changes: Any) -> StackConfig:
    """The administrator's stack of a federation with one own node, altered by `changes`."""
    values: dict[str, Any] = {
        "fed_name": "cardio",
        "sync_sched": "m30",
        "fed_secret_key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "region": "us-east-1",
        "members": [{"aws_id": account, "rights": sorted(rights)} for account, rights in MEMBERS.items()],
        "nodes": [{"pid": "charite", "s3_bucket": "cardio-charite/updates"}],
    }
    return StackConfig.model_validate({**values, **changes})


def joiner(**changes: Any) -> StackConfig:
    """A joining organisation's stack, as `config`."""
    return config(members=[], **{"aws_topic_arn": f"arn:aws:sns:us-east-1:{HUB}:cardio", **changes})


def resources(stack: StackConfig, account: str = HUB) -> tuple[HubResources | None, tuple[NodeResources, ...]]:
    """Hub and nodes of a stack whose nodes are all in one account."""
    return stack_resources(stack, account=account, node_accounts=_accounts(stack, account))


def hub(partition: str = "aws") -> HubResources:
    found, _ = resources(config(region=REGIONS[partition]))
    assert found is not None
    return found


def node(account: str = BOTH, **changes: Any) -> NodeResources:
    """A joiner's node in `account`: pid insel, bucket insel-fed, prefix updates. `changes` are of its entry."""
    stack_keys = {"sharing", "kms_key_arn", "region", "aws_topic_arn", "iam_path"}
    of_stack = {key: changes.pop(key) for key in stack_keys & set(changes)}
    entry = {"pid": "insel", "s3_bucket": "insel-fed/updates", **changes}
    _, (found,) = resources(joiner(nodes=[entry], **of_stack), account)
    return found


def documents(stack: StackConfig, account: str = HUB) -> tuple[NamedDocument, ...]:
    return stack_policies(stack, account=account, node_accounts=_accounts(stack, account))


def granted(stack: StackConfig, account: str = HUB) -> dict[str, Rights]:
    return grants(stack, node_accounts=_accounts(stack, account))


def named(kind: Kind, document: Document, arn: str, account: str, principal: str | None = None) -> NamedDocument:
    return NamedDocument(kind, "under test", arn, account, document, principal)


def statement(document: Document, sid: str) -> Statement:
    (found,) = (each for each in document["Statement"] if each["Sid"] == sid)
    return found


def altered(document: Document, alter: Alter) -> Document:
    """A copy that `alter` has changed, and really changed."""
    copy = deepcopy(document)
    alter(copy)
    assert copy != document
    return copy


def condition(sid: str, **operators: Any) -> Alter:
    """Replaces a statement's Condition; without operators takes it out."""

    def alter(document: Document) -> None:
        found = statement(document, sid)
        found.pop("Condition", None)
        if operators:
            found["Condition"] = operators

    return alter


def operator(sid: str, old: str, new: str) -> Alter:
    """Replaces one operator of a statement's Condition and keeps its keys and values."""

    def alter(document: Document) -> None:
        found = statement(document, sid)["Condition"]
        found[new] = found.pop(old)

    return alter


def element(sid: str, name: str, value: Any) -> Alter:
    """Replaces one element of a statement."""

    def alter(document: Document) -> None:
        statement(document, sid)[name] = value

    return alter


def dropped(sid: str) -> Alter:
    """Takes a statement out."""

    def alter(document: Document) -> None:
        document["Statement"].remove(statement(document, sid))

    return alter


def _accounts(stack: StackConfig, account: str) -> dict[str, str]:
    return {each.pid: account for each in stack.nodes}
