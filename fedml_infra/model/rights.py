"""Who may publish and who may receive, and what a topology gives where nothing is said."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, WithJsonSchema

from fedml_infra.model.mistake import MistakeError, kind_of, nearest


class Right(StrEnum):
    """One thing that an account may do on the federation's topic."""

    PUBLISH = "publish"
    RECEIVE = "receive"


Rights = frozenset[Right]
BOTH: Rights = frozenset(Right)
PUBLISH_ONLY: Rights = frozenset({Right.PUBLISH})


class Topology(StrEnum):
    """What rights are where none are given."""

    DECENTRALIZED = "decentralized"
    """Everyone publishes and receives."""
    CENTRALIZED = "centralized"
    """Members publish; the administrator's own nodes do both."""
    HYBRID = "hybrid"
    """Said for each member and each node."""


def default_rights(topology: Topology, side: Literal["hub_node", "member"]) -> Rights:
    """The rights of the administrator's own nodes, or of a member (and a joiner's nodes), where none are given.

    MistakeError (a ValueError) in a hybrid federation, which has no default.
    """
    match topology:
        case Topology.DECENTRALIZED:
            return BOTH
        case Topology.CENTRALIZED:
            return BOTH if side == "hub_node" else PUBLISH_ONLY
        case Topology.HYBRID:
            raise MistakeError(
                "is missing, and a hybrid federation has no default",
                "write rights: [publish], [receive] or [publish, receive]",
            )


def rights(value: object) -> Rights:
    """Rights of a list of `publish` and `receive`. MistakeError where it is empty or holds anything else."""
    known = [str(right) for right in Right]
    if isinstance(value, str):
        fix = f"write [{value}]" if value in known else "write [publish], [receive] or [publish, receive]"
        raise MistakeError("must be a list, not text", fix)
    if not isinstance(value, list | tuple | set | frozenset):
        raise MistakeError(f"must be a list, not {kind_of(value)}", "write [publish], [receive] or [publish, receive]")
    if not value:
        raise MistakeError("is empty", "give at least one of publish and receive, or take the entry out")
    for item in value:
        if item not in known:
            near = nearest(str(item).lower(), known, most=1)
            raise MistakeError(
                f"{item!r} is not a right", f"did you mean {near[0]}?" if near else "rights are publish and receive"
            )
    return frozenset(Right(item) for item in value)


RightsList = Annotated[
    Rights,
    BeforeValidator(rights),
    WithJsonSchema({"type": "array", "items": {"enum": [str(r) for r in Right]}, "minItems": 1, "uniqueItems": True}),
]
