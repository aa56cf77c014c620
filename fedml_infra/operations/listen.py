"""Hear on the topic, as its hub, which members have the key of the current epoch."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fedml_infra.aws.messages import Message
from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import Engine
from fedml_infra.errors import ConfigurationError
from fedml_infra.model.arns import Arn
from fedml_infra.model.bucket import BucketLocation
from fedml_infra.model.resources import NodeResources
from fedml_infra.model.rights import Right
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import FED_KEY
from fedml_infra.operations.load import Stack
from fedml_infra.operations.tools import Cloud
from fedml_infra.wire.v2.announcement import PROBE, read_announcement


@dataclass(frozen=True)
class Awaited:
    """Whom to hear from."""

    can_tell: tuple[str, ...]
    """Members that may publish, and to whom the key is sealed."""
    silent: tuple[str, ...]
    """Members that could not tell: they may not publish, or have no sealed key (v1)."""


def awaited(config: StackConfig) -> Awaited:
    """Which members a hub can hear from. Pure."""
    telling = {
        member.aws_id
        for member in config.members
        if member.public_key is not None and Right.PUBLISH in config.member_rights(member)
    }
    every = [member.aws_id for member in config.members]
    return Awaited(
        tuple(account for account in every if account in telling),
        tuple(account for account in every if account not in telling),
    )


def listen(
    stack: Stack,
    outputs: Mapping[str, Any],
    engine: Engine,
    aws: Cloud,
    accounts: Iterable[str],
    *,
    seconds: float,
    heard: Callable[[str], None],
) -> tuple[str, ...]:
    """Listen until all of these accounts have said that they have the current key, or the time is up; who has, sorted.

    By a queue of the hub's own, which is gone afterwards. `heard` is told each account as it comes. Only who has the
    key can say so (`wire.v2.announcement`). Raises ConfigurationError for a stack that is not up, and what AWS refuses.
    """
    topic_arn = str((outputs.get("federation") or {}).get("topic_arn") or "")
    key = engine.get_secret(stack.name, FED_KEY)
    if not topic_arn or key is None:
        raise ConfigurationError(f"{stack.name} is not up, so there is nobody to hear.")
    wanted, access, epoch = set(accounts), Access.of(None, stack.settings), stack.config.fed_epoch
    known: set[str] = set()

    def enough(messages: tuple[Message, ...]) -> bool:
        for message in messages:
            said = read_announcement(message.body, topic_arn=topic_arn, key=key)
            if said is not None and said.epoch == epoch and said.aws_id in wanted - known:
                known.add(said.aws_id)
                heard(said.aws_id)
        return known >= wanted

    ear = aws.make_ear(access, _place(stack.config, topic_arn), secrets.token_hex(4))
    try:
        ear = aws.subscribe_ear(access, ear, {"probe": [PROBE]})
        aws.receive_until(access, ear.region, ear.url, enough, seconds=seconds)
    finally:
        aws.remove_ear(access, ear)
    return tuple(sorted(known))


def _place(config: StackConfig, topic_arn: str) -> NodeResources:
    """Where the queue is: beside the topic."""
    topic = Arn.parse(topic_arn)
    return NodeResources.of(
        config.fed_name,
        "hub",
        account=topic.account,
        region=topic.region,
        topic_arn=topic_arn,
        bucket=BucketLocation("none", ""),
        kms_key_arn=config.kms_key_in(topic.region),
    )
