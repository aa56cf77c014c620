"""`fedml-infra drift` of a hub and 100 nodes, against the same look by plain `pulumi`."""

from __future__ import annotations

from pathlib import Path

from fedml_infra.aws.sessions import Access, Keys, client
from fedml_infra.sandbox.sandbox import Running
from tools.bench.stack import FEDERATION, Stack, hub_config
from tools.bench.table import Row, ratio

ACCOUNT = "777777777100"
NODES = 100
CHANGED = 10
REGION = "us-east-1"
FOUND = 7
"""Exit code of a drift that was found."""


def rows(running: Running, folder: Path) -> list[Row]:
    """Nothing changed, then ten queues changed by hand; plain `pulumi preview --refresh` tells neither in words.

    Memory of our own command is not told: its engine runs in a session of its own.
    """
    stack = Stack(running, folder / "drift", ACCOUNT, hub_config(nodes=NODES))
    stack.up()
    plain = stack.preview("--refresh")
    none = stack.command("drift", FEDERATION)
    _by_hand(running)
    some = stack.command("drift", FEDERATION, expected=FOUND)
    fixed = stack.command("drift", FEDERATION, "--fix", "--yes")
    stack.destroy()
    name = "pulumi preview --refresh"
    return [
        Row(f"{NODES} nodes, {name}", plain.seconds, plain.mebibytes),
        Row(f"{NODES} nodes, drift, none", none.seconds, None, ratio(none.seconds, plain.seconds, name)),
        Row(f"{NODES} nodes, drift, {CHANGED} queues changed", some.seconds),
        Row(f"{NODES} nodes, drift --fix of {CHANGED} queues", fixed.seconds),
    ]


def _by_hand(running: Running) -> None:
    local = running.local_aws
    access = Access(
        keys=Keys(*local.credentials(ACCOUNT)), endpoints=(("", local.url),), ca_bundle=str(local.ca_bundle)
    )
    sqs = client("sqs", access, REGION)
    for at in range(CHANGED):
        url = sqs.get_queue_url(QueueName=f"{FEDERATION}_n{at}")["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "60"})
