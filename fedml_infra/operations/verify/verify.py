"""Verify a stack: each own node through the topic, the bucket and what AWS says of its links."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from fedml_infra.aws.parallel import AT_ONCE
from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import Engine
from fedml_infra.errors import StackNotFoundError
from fedml_infra.model.resources import NodeResources
from fedml_infra.model.rights import Right, Rights
from fedml_infra.operations.accounts import Accounts, check_accounts, find_accounts
from fedml_infra.operations.load import Stack
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.up import exported_or_empty, outputs_of
from fedml_infra.operations.verify import standing
from fedml_infra.operations.verify.link import Clock, Link, NodeReport, Verification, in_order
from fedml_infra.operations.verify.trial import Sender, Trial
from fedml_infra.policies.stack_policies import stack_resources

TIMEOUT_SECONDS = 60.0
"""How long is waited for what AWS may need a minute for."""

Part = Callable[[], Iterator[Link]]


def verify(
    stack: Stack,
    engine: Engine,
    aws: Cloud,
    *,
    timeout: float = TIMEOUT_SECONDS,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Verification:
    """Try every link of every own node, all at once, and leave nothing behind, after a Ctrl-C either.

    `timeout`: seconds after which a right that is still denied, or a message that has not come, is believed. What an
    error of AWS tells of one link is that link's verdict. Raises StackNotFoundError where the stack is not up,
    AuthenticationError where its credentials do not hold or lead elsewhere.
    """
    began = time.monotonic()
    exported = exported_or_empty(engine, stack.name)
    outputs = outputs_of(exported)
    if not outputs.get("nodes") and stack.config.nodes:
        raise StackNotFoundError(f"{stack.name} is not up.", fix=f"fedml-infra up {stack.name}")
    accounts = find_accounts(stack.config, stack.settings, aws, outputs)
    check_accounts(stack.config, stack.settings, accounts, outputs)
    clock = Clock(_since(exported, now()))
    stop = threading.Event()
    parts = list(_parts(stack, accounts, aws, clock, began + timeout, stop))
    found = _all([part for _, part in parts], stop)
    links: dict[str, list[Link]] = {}
    for (node, _), several in zip(parts, found, strict=True):
        links.setdefault(node.pid, []).extend(several)
    nodes = {node.pid: node for node, _ in parts}
    reports = (NodeReport(pid, nodes[pid].account, nodes[pid].region, in_order(links[pid])) for pid in nodes)
    return Verification(tuple(reports), time.monotonic() - began)


def _parts(
    stack: Stack, accounts: Accounts, aws: Cloud, clock: Clock, until: float, stop: threading.Event
) -> Iterator[tuple[NodeResources, Part]]:
    config = stack.config
    _, nodes = stack_resources(config, account=accounts.own, node_accounts=accounts.nodes)
    ways = {node.pid: Access.of(node.account, stack.settings) for node in config.nodes}
    rights: dict[str, Rights] = {}
    for node in nodes:
        rights[node.account] = rights.get(node.account, frozenset()) | node.rights
    senders = [Sender(node.pid, ways[node.pid]) for node in nodes if Right.PUBLISH in node.rights]
    for node in nodes:
        access = ways[node.pid]
        own = [sender for sender in senders if sender.pid == node.pid]
        sender = next(iter([*own, *senders]), None)
        trial = Trial(aws, access, node, rights[node.account], sender, clock, until, stop)
        yield node, partial(standing.parameter, aws, access, node, config.fed_epoch, clock)
        if node.queue_name is not None:
            yield node, partial(standing.queue, aws, access, node, clock)
            yield node, partial(standing.subscription, aws, access, node, config.message_filter, clock)
        yield node, trial.messages
        yield node, trial.payload
        yield node, trial.sweep


def _all(parts: list[Part], stop: threading.Event) -> list[tuple[Link, ...]]:
    """What all parts yield. Interrupted, they are told to stop, and have cleared up before this raises."""

    def run(part: Part) -> tuple[Link, ...]:
        return tuple(part())

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fedml-verify") as pool:
        futures: list[Future[tuple[Link, ...]]] = [pool.submit(run, part) for part in parts]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            for future in [future for future in futures if future.done()]:
                future.result()
            return [future.result() for future in futures]
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _since(exported: Mapping[str, Any], now: datetime) -> timedelta | None:
    """How long ago the engine last wrote the stack's state; None where it does not say."""
    said = ((exported.get("deployment") or {}).get("manifest") or {}).get("time")
    try:
        at = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return now - at if at.tzinfo is not None else None
