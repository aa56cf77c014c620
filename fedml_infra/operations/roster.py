"""Publish a federation's roster, as its hub; read it, as a member."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from fedml_infra.aws.roster_object import RosterChangedError, StoredRoster
from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import Engine
from fedml_infra.errors import AuthenticationError, ConfigurationError, PolicyError, RosterError
from fedml_infra.model.arns import Arn
from fedml_infra.model.resources import hub_resources
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import FED_KEY, HUB_KEY
from fedml_infra.operations.change import Draft, change_stack
from fedml_infra.operations.load import Stack
from fedml_infra.operations.rotate import losers
from fedml_infra.operations.tools import Cloud
from fedml_infra.wire.v2.keypairs import hub_public_key, new_hub_key
from fedml_infra.wire.v2.roster import Roster, RosterDraft, RosterMember, RosterRefusal, read_roster, write_roster

ATTEMPTS = 5
"""Times that a roster is read and written, where others write it at the same time."""


@dataclass(frozen=True)
class Published:
    """The roster as it now lies in the bucket."""

    roster: Roster
    changed: bool
    """Whether it had to be written."""
    holders: tuple[str, ...] = ()
    """Accounts that have the key of its epoch and may not have it any more. It is the one from before then: a key is
    rotated first, and published afterwards."""

    @property
    def without_key(self) -> tuple[str, ...]:
        """Accounts that the federation's key is not sealed to: they gave no public key (v1)."""
        return tuple(entry.aws_id for entry in self.roster.members if entry.sealed_key is None)


class NotAdmittedError(AuthenticationError):
    """The hub's side has not admitted this account yet, or no longer."""


def require_hub_key(project: Path, name: str, engine: Engine) -> SecretStr:
    """The hub's signing key; made, and encrypted into the stack file, where there is none."""
    key = engine.get_secret(name, HUB_KEY)
    if key is not None:
        return key

    def add(draft: Draft) -> None:
        if HUB_KEY not in draft.values:
            draft.secrets[HUB_KEY] = new_hub_key()

    change_stack(project, name, engine, add)
    made = engine.get_secret(name, HUB_KEY)
    if made is None:
        raise ConfigurationError(f"The stack file of {name} does not keep its hub_key.", fix="Look at its encryption.")
    return made


def publish_roster(stack: Stack, engine: Engine, aws: Cloud) -> Published:
    """Put the roster that the stack file describes into the hub's bucket, unless it is there already.

    Where somebody had the key of this epoch by the one that is there, and is taken out of the file (by plain `pulumi
    up`, say), nothing is published: see `Published.holders`. Raises RosterError (lower_epoch) where the bucket has one
    of a later key: the file here is an old one. ConfigurationError where the file has no hub_key or no fed_secret_key.
    """
    secrets = engine.get_secrets(stack.name, (HUB_KEY, FED_KEY))
    if HUB_KEY not in secrets or FED_KEY not in secrets:
        raise ConfigurationError(
            f"Stack {stack.name} has no {'hub_key' if HUB_KEY not in secrets else 'fed_secret_key'}, so its roster "
            "cannot be signed.",
            fix="`fedml-infra invite create` makes a hub_key; `pulumi config set --secret` sets a key that you have.",
        )
    access = Access.of(None, stack.settings)
    account = aws.account_of(access, stack.config.region)
    hub = hub_resources(stack.config, account)
    draft = _draft(stack.config, hub.topic_arn, secrets[FED_KEY])
    public_key = hub_public_key(secrets[HUB_KEY])
    for left in reversed(range(ATTEMPTS)):
        stored = aws.get_roster(access, hub.region, hub.roster_bucket, owner=account)
        known = _ours(stored, draft, public_key)
        if known is not None and _says(known, draft):
            return Published(known, changed=False)
        if known is not None and (holders := _holders(known, draft)):
            return Published(known, changed=False, holders=holders)
        body = write_roster(draft, secrets[HUB_KEY])
        try:
            replacing = stored.etag if stored else None
            aws.put_roster(access, hub.region, hub.roster_bucket, body, account=account, replacing=replacing)
        except RosterChangedError:
            if not left:
                raise
            continue
        return Published(_read(body, draft, public_key), changed=True)
    raise AssertionError("the last attempt answers or raises")


def published_members(stack: Stack, engine: Engine, aws: Cloud) -> tuple[str, ...]:
    """The accounts on the roster that a hub has published; none where it has published none. Errors as
    `publish_roster`, but that a hub without a hub_key has published none."""
    key = engine.get_secret(stack.name, HUB_KEY)
    if key is None:
        return ()
    account = aws.account_of(Access.of(None, stack.settings), stack.config.region)
    topic_arn = hub_resources(stack.config, account).topic_arn
    found = published_roster(stack, aws, topic_arn, hub_public_key(key))
    return tuple(entry.aws_id for entry in found[0].members) if found is not None else ()


def published_roster(stack: Stack, aws: Cloud, topic_arn: str, public_key: str) -> tuple[Roster, bytes] | None:
    """The roster that a hub has published, signed by that key, and its bytes; None for none. Errors as
    `publish_roster`; nothing but the right to read it is needed."""
    topic = Arn.parse(topic_arn)
    hub = hub_resources(stack.config, topic.account)
    access = Access.of(None, stack.settings)
    stored = aws.get_roster(access, hub.region, hub.roster_bucket, owner=topic.account)
    if stored is None:
        return None
    found = read_roster(stored.body, hub_public_key=public_key, fed_name=stack.config.fed_name, aws_topic_arn=topic_arn)
    return found, stored.body


def read_hub_roster(stack: Stack, aws: Cloud, *, known_epoch: int | None = None) -> Roster:
    """The roster of a joiner's federation, signed by the hub that its file names.

    `known_epoch`: the highest epoch that was seen, the file's own if None. Raises NotAdmittedError where this account
    may not read it, or there is none yet; RosterError for one that is not what it claims to be; ConfigurationError for
    a stack that joined without one (v1).
    """
    config = stack.config
    if config.aws_topic_arn is None or config.hub_public_key is None:
        raise ConfigurationError(
            f"Stack {stack.name} names no hub_public_key, so no roster can be believed.",
            fix="Only a stack that joined by a v2 invite has a roster: ask the administrator for one.",
        )
    topic = Arn.parse(config.aws_topic_arn)
    bucket = config.roster_bucket_of(topic)
    access = Access.of(config.nodes[0].account, stack.settings)
    try:
        stored = aws.get_roster(access, topic.region, bucket, owner=topic.account)
    except PolicyError:
        raise NotAdmittedError(
            f"The roster of {config.fed_name} may not be read from here: this account is not admitted.",
            fix="Ask the administrator to `fedml-infra admit` your request; after a change it takes up to a minute.",
        ) from None
    if stored is None:
        raise NotAdmittedError(
            f"The hub of {config.fed_name} has published no roster yet.",
            fix="Ask the administrator to run `fedml-infra up`.",
        )
    return read_roster(
        stored.body,
        hub_public_key=config.hub_public_key,
        fed_name=config.fed_name,
        aws_topic_arn=config.aws_topic_arn,
        known_epoch=config.fed_epoch if known_epoch is None else known_epoch,
    )


def _draft(config: StackConfig, topic_arn: str, key: SecretStr) -> RosterDraft:
    return RosterDraft(
        fed_name=config.fed_name,
        aws_topic_arn=topic_arn,
        fed_epoch=config.fed_epoch,
        sync_sched=config.sync_sched,
        topology=config.topology,
        members=tuple(
            RosterMember(member.aws_id, config.member_rights(member), member.nodes, member.public_key)
            for member in config.members
        ),
        fed_secret_key=key,
    )


def _ours(stored: StoredRoster | None, draft: RosterDraft, public_key: str) -> Roster | None:
    """What the bucket has; None for nothing, or nothing that this hub signed, which is written over."""
    if stored is None:
        return None
    try:
        return _read(stored.body, draft, public_key)
    except RosterError as error:
        if error.refusal in {RosterRefusal.LOWER_EPOCH, RosterRefusal.OTHER_FEDERATION}:
            raise
        return None


def _read(body: bytes, draft: RosterDraft, public_key: str) -> Roster:
    roster = read_roster(body, hub_public_key=public_key, fed_name=draft.fed_name, aws_topic_arn=draft.aws_topic_arn)
    if roster.fed_epoch > draft.fed_epoch:
        raise RosterError(
            RosterRefusal.LOWER_EPOCH,
            f"The roster of {draft.fed_name} that is published is of epoch {roster.fed_epoch}, and the stack file here "
            f"is of epoch {draft.fed_epoch}.",
            fix="The key was rotated elsewhere: take the newest stack file, then run the same command again.",
        )
    return roster


def _holders(roster: Roster, draft: RosterDraft) -> tuple[str, ...]:
    if roster.fed_epoch != draft.fed_epoch:
        return ()
    return losers(
        {each.aws_id: each.rights for each in roster.members}, {each.aws_id: each.rights for each in draft.members}
    )


def _says(roster: Roster, draft: RosterDraft) -> bool:
    """Whether a roster of ours says all that the draft does. The key of an epoch never changes."""
    said = [(each.aws_id, each.rights, each.nodes, each.public_key) for each in roster.members]
    wanted = [(each.aws_id, each.rights, each.nodes, each.public_key) for each in draft.members]
    return (roster.fed_epoch, roster.sync_sched, roster.topology, said) == (
        draft.fed_epoch,
        draft.sync_sched,
        draft.topology,
        wanted,
    )
