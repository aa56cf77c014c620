"""Join a federation by an invite: planned and shown, written as a stack that waits, admitted, brought up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from fedml_infra.aws.sessions import Access
from fedml_infra.errors import AuthenticationError, ConfigurationError, Problem, TokenRefusedError
from fedml_infra.model.arns import Arn
from fedml_infra.model.names import roster_bucket_name
from fedml_infra.model.regions import is_opt_in
from fedml_infra.model.rights import Rights, Topology, default_rights
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import MEMBER_KEY, NAMESPACE, NODES, REGION_KEY
from fedml_infra.operations.accounts import Accounts, find_accounts
from fedml_infra.operations.create import CreatePlan, CreateRequest, Existing, in_order, plan_create
from fedml_infra.operations.join_words import JoinWords, join_words
from fedml_infra.operations.knock import require_private
from fedml_infra.operations.load import Stack
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.topology import rights_said
from fedml_infra.store.values import Reason
from fedml_infra.wire.invites import Invite, InviteV1
from fedml_infra.wire.v2.keypairs import new_member_key


@dataclass(frozen=True)
class JoinRequested:
    """What a person says of their own side. `values` are those of a stack file by full key, with one node or none."""

    values: Mapping[str, Any]
    protect: bool | None = None
    local: bool = False
    """Whether the AWS is a local one, on a loopback endpoint."""
    hand_in: bool = True
    """Whether the invite is to be handed in at its address; otherwise a request is written."""


@dataclass(frozen=True)
class JoinPlan:
    """A join, before anything is touched."""

    invite: Invite | InviteV1
    created: CreatePlan
    """The stack file as it is to be while it waits. `created.resumes` where it is there."""
    accounts: Accounts
    account: str
    """The node's, which is to become a member."""
    pid: str
    granted: Rights
    """By the invite."""
    waits: bool
    """Whether the federation's key is still to come."""
    words: JoinWords

    @property
    def stack(self) -> str:
        """The stack's name, which is the federation's."""
        return self.created.stack

    @property
    def config(self) -> StackConfig:
        """What the file says, or will."""
        return self.created.config


def plan_join(
    invite: Invite | InviteV1, requested: JoinRequested, cloud: Cloud, before: Existing | None, *, now: datetime
) -> JoinPlan:
    """Validate everything, asking AWS and changing nothing.

    With a stack file of that name there, it must be of this join, which then goes on. Raises ConfigurationError,
    TokenRefusedError for an invite that has expired, AuthenticationError for credentials of another account than the
    invite is for, ResourceError for a bucket of others.
    """
    _require_way(invite, requested, before)
    if before is not None:
        require_same(invite, requested, before)
        created = CreatePlan(
            stack=invite.fed_name,
            values=dict(before.values),
            config=before.config,
            key=None if before.has_key or not isinstance(invite, InviteV1) else invite.fed_secret_key,
            resumes=True,
            notes=(f"{before.path} is there already, of this join: going on with it.",),
            member_key=None if before.has_key or MEMBER_KEY in before.values else _member_key(invite),
        )
    else:
        require_usable(invite, now)
        values = _values(invite, requested.values)
        key = invite.fed_secret_key if isinstance(invite, InviteV1) else None
        created = plan_create(CreateRequest(values, key, requested.protect, requested.local), cloud, None)
        created = replace(created, key=key, member_key=_member_key(invite))
    config = created.config
    accounts = find_accounts(config, Stack(created.stack, Path(), config, created.values).settings, cloud)
    account = accounts.nodes[config.nodes[0].pid]
    _require_account(invite, account)
    if before is None:
        _require_regions(config, created.values, cloud)
    granted = _granted(invite, config)
    return JoinPlan(
        invite=invite,
        created=created,
        accounts=accounts,
        account=account,
        pid=config.nodes[0].pid,
        granted=granted,
        waits=not isinstance(invite, InviteV1) and not (before is not None and before.has_key),
        words=join_words(config, accounts, granted),
    )


def require_same(invite: Invite | InviteV1, requested: JoinRequested, before: Existing) -> None:
    """Raise ConfigurationError where the stack file that is there is not of this join."""
    problems = list(_differences(invite, requested, before))
    if problems:
        waits = "" if before.has_key else " It still waits to be admitted: delete it to begin anew."
        raise ConfigurationError(
            f"{before.path} is there already, and is not of this join:",
            problems,
            fix=f"Use another folder, or say what it says.{waits}",
        )


def _differences(invite: Invite | InviteV1, requested: JoinRequested, before: Existing) -> Iterator[Problem]:
    config = before.config
    if config.aws_topic_arn != invite.aws_topic_arn:
        there = config.aws_topic_arn or "a federation of its own"
        yield Problem("aws_topic_arn", f"is {there} in the file, and {invite.aws_topic_arn} in the invite")
        return
    if isinstance(invite, Invite) and config.hub_public_key != invite.hub_public_key:
        yield Problem("hub_public_key", "is another one in the file than in the invite")
    for key, value in requested.values.items():
        if key in (NODES, REGION_KEY):
            continue
        if before.values.get(key) != value:
            yield Problem(key.removeprefix(NAMESPACE), f"is {_said(before.values.get(key))}, not {_said(value)}")
    for node in requested.values.get(NODES, ()):
        if not isinstance(node, dict) or not config.nodes:
            continue
        there = before.values[NODES][0]
        for key, value in node.items():
            if there.get(key) != value:
                yield Problem(f"nodes[0].{key}", f"is {_said(there.get(key))} in the file, and {value} was asked for")


def _said(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


def _member_key(invite: Invite | InviteV1) -> SecretStr | None:
    return new_member_key() if isinstance(invite, Invite) else None


def require_usable(invite: Invite | InviteV1, now: datetime) -> None:
    """Raise TokenRefusedError where it has expired, by this side's clock."""
    if isinstance(invite, Invite) and invite.expired(now):
        raise TokenRefusedError(
            Reason.EXPIRED,
            f"This invite expired at {invite.expires:%Y-%m-%d %H:%M:%S} UTC.",
            fix="Ask the administrator for another one.",
        )


def _require_way(invite: Invite | InviteV1, requested: JoinRequested, before: Existing | None) -> None:
    """Raise ConfigurationError where there is no way to be admitted, as what is asked for has it."""
    if requested.hand_in:
        if invite.fed_rest_url is not None:
            require_private(invite.fed_rest_url)
        elif before is None:
            raise ConfigurationError(
                "This invite names no server that the account could be proved to.",
                fix="Give --request-out FILE, and send that file to the administrator.",
            )
    elif isinstance(invite, InviteV1):
        raise ConfigurationError(
            "A v1 invite is handed in at its server, and no request can be written for it.",
            fix="Leave --request-out out, or ask for an invite that is not v1.",
        )
    elif invite.aws_id is None:
        raise ConfigurationError(
            "This invite is for whoever proves an account to its server, and a file proves none.",
            fix="Leave --request-out out, or ask for an invite that is made for your account.",
        )


def _values(invite: Invite | InviteV1, own: Mapping[str, Any]) -> dict[str, Any]:
    """The stack file's values: what the invite says, and what the person says of their own side."""
    topic = Arn.parse(invite.aws_topic_arn)
    of_invite: dict[str, Any] = {
        "fed_name": invite.fed_name,
        "sync_sched": str(invite.sync_sched),
        "aws_topic_arn": invite.aws_topic_arn,
    }
    nodes = [dict(node) if isinstance(node, dict) else node for node in own.get(NODES, ())]
    if isinstance(invite, Invite):
        if invite.topology is not Topology.DECENTRALIZED:
            of_invite["topology"] = str(invite.topology)
        of_invite["hub_public_key"] = invite.hub_public_key
        if invite.roster_bucket != roster_bucket_name(invite.fed_name, topic.account, topic.region):
            of_invite["roster_bucket"] = invite.roster_bucket
        if invite.rights is not None:
            said = rights_said(invite.topology, invite.rights)
            for node in nodes:
                if said is not None and isinstance(node, dict):
                    node.setdefault("rights", said)
    values = {**own, **{NAMESPACE + name: value for name, value in of_invite.items()}}
    return in_order({**values, NODES: nodes} if nodes else values)


def _granted(invite: Invite | InviteV1, config: StackConfig) -> Rights:
    """What the account gets by the invite, by which the words are found."""
    if isinstance(invite, Invite) and invite.rights is not None:
        return invite.rights
    if config.topology is Topology.HYBRID:
        return config.node_rights(config.nodes[0])
    return default_rights(config.topology, "member")


def _require_account(invite: Invite | InviteV1, account: str) -> None:
    bound = invite.aws_id if isinstance(invite, Invite) else None
    if bound is not None and bound != account:
        raise AuthenticationError(
            f"The invite is for account {bound}, and the credentials are of account {account}.",
            fix=f"Use credentials of account {bound} (--profile), or ask for an invite for yours; nothing was written.",
        )


def _require_regions(config: StackConfig, values: Mapping[str, Any], cloud: Cloud) -> None:
    """Raise ConfigurationError where the account has not opted in to a region that it needs."""
    settings = Stack(config.fed_name, Path(), config, values).settings
    problems = []
    for node in config.nodes:
        for region in dict.fromkeys([config.node_region(node), config.topic_region]):
            if is_opt_in(region) and not cloud.region_enabled(Access.of(node.account, settings), region):
                problems.append(
                    Problem(
                        "aws_region" if region == config.node_region(node) else "aws_topic_arn",
                        f"{region} is not enabled in the account of node {node.pid}",
                        "enable it: AWS console, Account, AWS Regions",
                    )
                )
    if problems:
        raise ConfigurationError("A region that is needed cannot be used:", problems)
