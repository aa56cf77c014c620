"""Invite another organisation into a federation; see what became of invites; take one back."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from fedml_infra.engine.protocol import Engine
from fedml_infra.errors import ConfigurationError, StackNotFoundError
from fedml_infra.model.arns import Arn
from fedml_infra.model.resources import hub_resources
from fedml_infra.model.rights import Right
from fedml_infra.model.validation import FED_KEY
from fedml_infra.operations.actor import actor
from fedml_infra.operations.hub_change import require_hub
from fedml_infra.operations.invite_rules import InviteWanted, check, notes_of, notes_of_revoked
from fedml_infra.operations.load import Stack
from fedml_infra.operations.roster import require_hub_key
from fedml_infra.store.store import Store
from fedml_infra.store.values import NewToken, TokenRow
from fedml_infra.wire.blobs import Version, seal_invite
from fedml_infra.wire.invites import Invite, InviteV1
from fedml_infra.wire.tokens import digest, new_token, token_id
from fedml_infra.wire.v1 import PASSWORD_LIMIT
from fedml_infra.wire.v2.keypairs import hub_public_key
from fedml_infra.wire.v2.passphrase import new_passphrase

_V1_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Nothing that is mistaken for something else; and no 0, which v1 pads passphrases with."""


@dataclass(frozen=True)
class MadeInvite:
    """An invite, and what goes with it."""

    token: TokenRow
    blob: str
    passphrase: SecretStr | None
    """The one that was made; None where it was brought."""
    notes: tuple[str, ...]
    """What a person may not think of."""


@dataclass(frozen=True)
class InvitingHub:
    """What an invite is made of; the two keys are only read where the invite needs them."""

    stack: Stack
    topic: Arn
    roster_bucket: str
    fed_key: Callable[[], SecretStr | None]
    signing_key: Callable[[], SecretStr]


def create_invite(project: Path, stack: Stack, engine: Engine, store: Store, wanted: InviteWanted) -> MadeInvite:
    """Make an invite to a federation that is up, and keep its token's hash.

    A hub without a signing key gets one, in its stack file. Raises ConfigurationError for a joiner's stack, one that is
    not up, or an invite that cannot be used; nothing is kept then.
    """
    topic, roster_bucket = hub_place(stack, engine)
    hub = InvitingHub(
        stack,
        topic,
        roster_bucket,
        fed_key=lambda: engine.get_secret(stack.name, FED_KEY),
        signing_key=lambda: require_hub_key(project, stack.name, engine),
    )
    return invite_to(hub, store, wanted, by=actor())


def invite_to(hub: InvitingHub, store: Store, wanted: InviteWanted, *, by: str) -> MadeInvite:
    """The same of a hub that is known. `by`: who makes it."""
    config, topic = hub.stack.config, hub.topic
    check(config, wanted, topic)
    token = new_token()
    expires = (store.now() + timedelta(seconds=wanted.life.seconds)).replace(microsecond=0)
    notes = tuple(notes_of(hub.stack, wanted, store, str(topic)))
    common: dict[str, Any] = {
        "fed_name": config.fed_name,
        "sync_sched": config.sync_sched,
        "aws_topic_arn": str(topic),
        "aws_topic_region": topic.region,
        "fed_req_token": token,
        "fed_rest_url": wanted.rest_url,
    }
    invite: Invite | InviteV1
    if wanted.version is Version.V1:
        key = hub.fed_key()
        if key is None:
            raise ConfigurationError(f"The stack file of {hub.stack.name} has no fed_secret_key.")
        passphrase = wanted.passphrase or _v1_passphrase()
        invite = InviteV1.model_validate({**common, "fed_secret_key": key})
    else:
        passphrase = new_passphrase()
        invite = Invite.model_validate(
            {
                **common,
                "topology": config.topology,
                "hub_public_key": hub_public_key(hub.signing_key()),
                "roster_bucket": hub.roster_bucket,
                "expires": expires,
                "rights": wanted.rights,
                "aws_id": wanted.account,
            }
        )
    blob = seal_invite(invite, passphrase)
    kept = store.tokens.add(
        NewToken(
            id=token_id(digest(token)),
            digest=digest(token),
            fed_name=config.fed_name,
            topic_arn=str(topic),
            version="v1" if wanted.version is Version.V1 else "v2",
            rights=wanted.rights,
            aws_id=wanted.account,
            created_by=by,
            expires_at=expires,
        )
    )
    return MadeInvite(kept, blob, None if wanted.passphrase else passphrase, notes)


@dataclass(frozen=True)
class Revoked:
    """An invite that was taken back."""

    token: TokenRow
    notes: tuple[str, ...]


def revoke_invite(store: Store, token_id: str) -> Revoked:
    """Nobody can use it from now on. An account that used it stays a member. ConfigurationError for an id (or its
    beginning) that is none.
    """
    row = store.tokens.revoke(store.tokens.get(token_id).id, actor())
    return Revoked(row, tuple(notes_of_revoked(row)))


def invite_json(row: TokenRow, now: datetime) -> dict[str, Any]:
    """An invite for machines: all that is kept of it but its token's hash."""
    return {
        "id": row.id,
        "fed_name": row.fed_name,
        "topic_arn": row.topic_arn,
        "version": row.version,
        "state": str(row.state(now)),
        "rights": None if row.rights is None else [str(right) for right in Right if right in row.rights],
        "aws_id": row.aws_id,
        "created_at": _iso(row.created_at),
        "created_by": row.created_by,
        "expires_at": _iso(row.expires_at),
        "used_at": _iso(row.used_at),
        "used_by": row.used_by,
        "pid": row.pid,
        "revoked_at": _iso(row.revoked_at),
        "revoked_by": row.revoked_by,
    }


def hub_place(stack: Stack, engine: Engine) -> tuple[Arn, str]:
    """Topic and roster bucket of a hub, as the last run made them. ConfigurationError for a joiner's stack, or one that
    is not up."""
    require_hub(stack.config, "Who joins")
    try:
        outputs = engine.outputs(stack.name)
    except StackNotFoundError:
        outputs = {}
    return place_in(stack, outputs)


def place_in(stack: Stack, outputs: Mapping[str, Any]) -> tuple[Arn, str]:
    """The same, of the outputs of its last run; {} where there was none."""
    require_hub(stack.config, "Who joins")
    made = outputs.get("federation") or {}
    up = f"`fedml-infra up {stack.name}`"
    if not made.get("topic_arn"):
        raise ConfigurationError(f"{stack.name} is not up, so there is nothing to join yet.", fix=f"Run {up} first.")
    topic = Arn.parse(str(made["topic_arn"]))
    wanted = hub_resources(stack.config, topic.account)
    if (wanted.topic_arn, wanted.roster_bucket) != (str(topic), made["roster_bucket"]):
        raise ConfigurationError(
            f"The file of {stack.name} names another topic or roster bucket than its last run made.",
            fix=f"Run {up} first.",
        )
    return topic, wanted.roster_bucket


def _v1_passphrase() -> SecretStr:
    """As long as v1 takes: 80 bits."""
    return SecretStr("".join(secrets.choice(_V1_ALPHABET) for _ in range(PASSWORD_LIMIT)))


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
