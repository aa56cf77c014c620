"""Messages of the demo: every node sends an update, and reads what the others sent."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fedml_infra.operations.demo.report import Messages
from fedml_infra.sandbox.node_process import NodeProcess, Update

PAYLOAD_BYTES = 64 * 1024
DELIVERY_SECONDS = 20.0
"""How long a message may take; it takes milliseconds."""
ECHO_SECONDS = 1.0
"""How long each queue is watched for a message too many, all at once."""


@dataclass(frozen=True)
class Exchanged:
    """What came of one round: the counts, payloads that could be read, and each node's object key."""

    messages: Messages
    read: int
    keys: tuple[str, ...]
    too_many: int = 0
    """Messages that reached the queues of `outside`, which none should."""


def exchange(
    processes: Sequence[NodeProcess], name: str, *, outside: Sequence[NodeProcess] = (), enforced: bool
) -> Exchanged:
    """Every node sends one update, named `name`, and reads all others'; `outside` only listens.

    `enforced`: whether this local AWS heeds policies, so that a payload counts only where nothing else opens it.
    """
    with ThreadPoolExecutor(len(processes) + len(outside)) as pool:
        keys = tuple(pool.map(lambda node: node.send(name, os.urandom(PAYLOAD_BYTES)), processes))
        wanted = len(processes) - 1
        came = list(pool.map(lambda node: node.receive(wanted, seconds=DELIVERY_SECONDS), processes))
        more = pool.map(lambda node: node.receive(1, seconds=ECHO_SECONDS), processes)
        stray = pool.map(lambda node: node.heard(seconds=ECHO_SECONDS), outside)
        late, too_many = list(more), sum(stray)
    updates = [
        (node, update) for node, *lots in zip(processes, came, late, strict=True) for lot in lots for update in lot
    ]
    echoes = sum(update.sender == node.node.pid for node, update in updates)
    read = sum(_reads_only(node, update, enforced=enforced) for node, update in updates)
    return Exchanged(Messages(len(keys), len(updates) - echoes, echoes), read, keys, too_many)


def _reads_only(node: NodeProcess, update: Update, *, enforced: bool) -> bool:
    """Whether the payload came, and its credentials, or one's own, open nothing else."""
    if not node.read(update):
        return False
    return not enforced or all(node.refused_reads(update, "updates/another.bin"))
