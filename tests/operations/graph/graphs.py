"""Graphs of any size, of stack files and of values."""

from __future__ import annotations

from typing import Any

from fedml_infra.model.rights import BOTH, PUBLISH_ONLY, Right, Rights
from fedml_infra.model.schedule import Schedule
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import validate
from fedml_infra.operations.graph.graph import Graph, Hub, Node

OWN, MEMBER, OTHER = "111111111111", "222222222222", "333333333333"
KINDS: tuple[Rights, ...] = (BOTH, PUBLISH_ONLY, frozenset({Right.RECEIVE}))


def graph(number: int, *, own: bool = True, name: str = "cardio", echo: bool = False) -> Graph:
    """A federation of so many nodes, with every kind of rights and names from very short to very long."""
    nodes = tuple(
        Node(
            pid=None if at % 7 == 6 else f"W{'w' * (at % 5) ** 3}-{at}",
            account=None if at % 11 == 10 else f"{at + 1:012d}",
            region=("us-isof-south-1", None, "eu-west-1")[at % 3],
            rights=KINDS[at % 3],
            own=at % 4 == 0,
        )
        for at in range(number)
    )
    return Graph(name, "hybrid", Schedule("h", 1), Hub(name, OWN, "us-isof-south-1", own), nodes, echo)


def config(**more: Any) -> StackConfig:
    """An administrator's stack file of one node and one member, or what `more` says."""
    values: dict[str, Any] = {
        "aws:region": "us-east-1",
        "fedml-infra:fed_name": "cardio",
        "fedml-infra:sync_sched": "m30",
        "fedml-infra:fed_secret_key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "fedml-infra:nodes": [{"pid": "charite", "s3_bucket": "cardio-charite"}],
        "fedml-infra:members": [{"aws_id": MEMBER}],
        **{f"fedml-infra:{key}": value for key, value in more.items()},
    }
    return validate({key: value for key, value in values.items() if value is not None}, stack="cardio")
