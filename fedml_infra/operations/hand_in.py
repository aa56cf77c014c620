"""Hand an invite in, and write what comes of it into the stack file that waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import Engine
from fedml_infra.errors import ConfigurationError, TokenRefusedError
from fedml_infra.operations.create import existing, take_back
from fedml_infra.operations.join import JoinPlan
from fedml_infra.operations.knock import PATIENCE_SECONDS, Knock
from fedml_infra.operations.load import Stack
from fedml_infra.operations.roster import NotAdmittedError
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.up import exported_or_empty, outputs_of
from fedml_infra.operations.waiting_join import (
    awaited_roster,
    own_public_key,
    roster_of,
    take_roster,
    waiting_stack,
)
from fedml_infra.wire.invites import InviteV1
from fedml_infra.wire.v2.create_policies import Asked
from fedml_infra.wire.v2.keypairs import member_public_key

if TYPE_CHECKING:
    import httpx


def look_in(plan: JoinPlan, stack: Stack, aws: Cloud) -> None:
    """Ask whether the invite could be handed in, before anything is written. Errors as `Knock.look`."""
    if plan.invite.fed_rest_url is not None:
        public_key = None if plan.created.member_key is None else member_public_key(plan.created.member_key)
        _knock(plan, stack, public_key, aws, lambda _: None).look()


def hand_in(
    plan: JoinPlan,
    path: Path,
    engine: Engine,
    aws: Cloud,
    *,
    is_new: bool,
    say: Callable[[str], None],
    patience: float = PATIENCE_SECONDS,
    transport: httpx.BaseTransport | None = None,
) -> None:
    """Have the account admitted, where it is not yet, and write the key that it is given.

    `is_new`: the stack file was written just now; it is taken away again where the invite is refused. Cut off, the same
    goes on. `patience` is in seconds, for a hub that comes up; `transport` carries the calls, if not httpx's own.
    Errors as `Knock.granted` and `take_roster`; NotAdmittedError where the invite names no server.
    """
    if isinstance(plan.invite, InviteV1):
        if (outputs_of(exported_or_empty(engine, plan.stack)).get("nodes") or {}).get(plan.pid):
            return
    elif not plan.waits:
        return
    before = existing(path)
    assert before is not None, "it was written"
    stack = waiting_stack(before)
    if plan.waits and not is_new and _taken(plan, stack, engine, aws):
        return
    try:
        say(f"Proving account {plan.account} to {plan.invite.fed_rest_url} …")
        public_key = own_public_key(plan.stack, engine) if plan.waits else None
        knock = replace(_knock(plan, stack, public_key, aws, say), patience=patience, transport=transport)
        granted = knock.granted()
    except (ConfigurationError, TokenRefusedError):
        if is_new:
            take_back(plan.stack, path, engine)
            say(f"{path} is taken away again.")
        raise
    if plan.waits:
        take_roster(stack, engine, plan.accounts.nodes, roster_of(stack, granted.roster))
    say(f"Account {plan.account} is a member of {plan.stack}.")


def _taken(plan: JoinPlan, stack: Stack, engine: Engine, aws: Cloud) -> bool:
    """Whether the account was admitted before, by whatever way; then the roster gives all that is needed."""
    try:
        roster = awaited_roster(stack, aws, plan.account)
    except NotAdmittedError:
        if plan.invite.fed_rest_url is None:
            raise
        return False
    take_roster(stack, engine, plan.accounts.nodes, roster)
    return True


def _knock(plan: JoinPlan, stack: Stack, public_key: str | None, aws: Cloud, say: Callable[[str], None]) -> Knock:
    node, url = stack.config.nodes[0], plan.invite.fed_rest_url
    assert url is not None, "planned"
    access, region = Access.of(node.account, stack.settings), stack.config.node_region(node)
    return Knock(
        url=url,
        topic_arn=plan.invite.aws_topic_arn,
        asked=Asked(plan.invite.fed_req_token, plan.account, plan.pid, public_key),
        sign=lambda challenge: aws.sign_proof(access, region, challenge),
        say=say,
    )
