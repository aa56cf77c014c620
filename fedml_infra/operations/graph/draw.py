"""Draw a stack's graph: find out what can be known of its accounts, and put it into words or a picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from fedml_infra.aws.parallel import each
from fedml_infra.aws.sessions import Access
from fedml_infra.aws.subscriptions import Subscription
from fedml_infra.engine.protocol import Engine
from fedml_infra.errors import FedmlError, StackNotFoundError
from fedml_infra.model.arns import Arn
from fedml_infra.model.stack import AccountAccess
from fedml_infra.operations.accounts import ways_of
from fedml_infra.operations.graph.graph import Graph, graph_of
from fedml_infra.operations.graph.mermaid import mermaid
from fedml_infra.operations.graph.svg import svg
from fedml_infra.operations.graph.text import text
from fedml_infra.operations.load import Stack
from fedml_infra.operations.tools import Cloud


def _json(graph: Graph) -> str:
    return json.dumps(graph.as_json(), indent=2, ensure_ascii=False) + "\n"


FORMATS: Mapping[str, Callable[[Graph], str]] = {"text": text, "json": _json, "mermaid": mermaid, "svg": svg}
ENDINGS: Mapping[str, str] = {".txt": "text", ".json": "json", ".mmd": "mermaid", ".mermaid": "mermaid", ".svg": "svg"}
"""What a file's name says of its format."""


def draw(stack: Stack, engine: Engine, aws: Cloud) -> tuple[Graph, tuple[str, ...]]:
    """The graph of a stack, up or not, and what could not be known for it, in sentences.

    Accounts are taken from the outputs of the last run, then from what the stack file says, then from AWS; where all
    of them fail they stay unknown. Raises nothing for want of credentials, of an engine or of the network.
    """
    notes: list[str] = []
    try:
        outputs = engine.outputs(stack.name)
    except StackNotFoundError:
        outputs = {}
    except FedmlError as error:
        outputs = {}
        notes.append(f"What was brought up is not known: {error.what}")
    own, nodes, problems = _accounts(stack, outputs, aws)
    notes += problems
    rows: tuple[Subscription, ...] = ()
    topic = (outputs.get("federation") or {}).get("topic_arn")
    if stack.config.is_hub and stack.config.members and topic:
        try:
            rows = aws.subscriptions(Access.of(None, stack.settings), Arn.parse(topic).region, topic)
        except FedmlError as error:
            notes.append(f"Who is subscribed is not known: {error.what}")
    return graph_of(stack.config, account=own, node_accounts=nodes, subscriptions=rows), tuple(dict.fromkeys(notes))


def _accounts(
    stack: Stack, outputs: Mapping[str, Any], aws: Cloud
) -> tuple[str | None, dict[str, str | None], list[str]]:
    """The stack's own account, its nodes' by pid, and why some are not known."""
    config = stack.config
    topic = (outputs.get("federation") or {}).get("topic_arn")
    made = outputs.get("nodes") or {}
    nodes: dict[str, str | None] = {}
    asked: dict[str, AccountAccess | None] = {}
    for node in config.nodes:
        told = (made.get(node.pid) or {}).get("account")
        if told is None and node.account is not None and node.account.assume_role is not None:
            told = Arn.parse(node.account.assume_role).account
        nodes[node.pid] = told
        if told is None:
            asked[node.pid] = node.account
    own = Arn.parse(topic).account if config.is_hub and topic else None
    wanted = {*asked.values(), *([None] if config.is_hub and own is None else [])}
    ways = [way for way in ways_of(config) if way in wanted]
    outcomes = each(lambda way: aws.account_of(Access.of(way, stack.settings), config.region), ways)
    problems = []
    for outcome in outcomes:
        if outcome.error is not None and not isinstance(outcome.error, FedmlError):
            raise outcome.error
        if outcome.error is not None:
            problems.append(f"An account is not known: {outcome.error.what}")
    found = {outcome.item: outcome.value for outcome in outcomes}
    nodes.update({pid: found[way] for pid, way in asked.items()})
    return own or found.get(None), nodes, problems
