"""A join that waits: a stack file without the federation's key, the request it makes, the roster that it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from pydantic import SecretStr

from fedml_infra.engine.protocol import Engine
from fedml_infra.errors import ConfigurationError, StackNotFoundError
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.validation import FED_KEY, MEMBER_KEY, validate
from fedml_infra.operations.change import Draft, change_file
from fedml_infra.operations.create import Existing
from fedml_infra.operations.load import Stack
from fedml_infra.operations.roster import NotAdmittedError, read_hub_roster
from fedml_infra.operations.rotate import EPOCH
from fedml_infra.operations.sync_plan import plan_sync
from fedml_infra.operations.tools import Cloud
from fedml_infra.wire.invites import Invite
from fedml_infra.wire.v2.join_request import JoinRequest
from fedml_infra.wire.v2.keypairs import member_public_key
from fedml_infra.wire.v2.roster import Roster, read_roster

POLL_SECONDS = 5.0


def waiting_stack(before: Existing) -> Stack:
    """The stack of a file whose key may be still to come. ConfigurationError for a hub's."""
    if before.config.is_hub:
        raise ConfigurationError(
            f"{before.path} is a hub's stack file: it admits others, and waits for nobody.",
            fix="`fedml-infra admit` lets others in.",
        )
    return Stack(before.config.fed_name, before.path, before.config, before.values)


def join_request(stack: Stack, engine: Engine, invite: Invite, account: str) -> JoinRequest:
    """The request that the administrator's `admit` takes, of a stack that waits."""
    return JoinRequest.make(
        invite.fed_req_token,
        aws_topic_arn=invite.aws_topic_arn,
        aws_id=account,
        pid=stack.config.nodes[0].pid,
        public_key=member_public_key(_own_key(stack.name, engine)),
    )


def own_public_key(stack: str, engine: Engine) -> str:
    """What the roster is to seal to. ConfigurationError where the file has no member_key."""
    return member_public_key(_own_key(stack, engine))


def roster_of(stack: Stack, raw: bytes) -> Roster:
    """The roster that an answer brought, signed by the hub that the stack file names. RosterError otherwise."""
    config = stack.config
    if config.hub_public_key is None or config.aws_topic_arn is None:
        raise ConfigurationError(f"Stack {stack.name} names no hub_public_key, so no roster can be believed.")
    return read_roster(
        raw,
        hub_public_key=config.hub_public_key,
        fed_name=config.fed_name,
        aws_topic_arn=config.aws_topic_arn,
        known_epoch=config.fed_epoch,
    )


def awaited_roster(
    stack: Stack,
    cloud: Cloud,
    account: str,
    *,
    patience: float = 0.0,
    say: Callable[[str], None] = lambda _: None,
    wait: Callable[[float], None] = time.sleep,
) -> Roster:
    """The roster in the hub's bucket, once this account is on it; `patience` is in seconds.

    Raises NotAdmittedError when that is over, RosterError for one that is not to be believed.
    """
    end, told = time.monotonic() + patience, False
    while True:
        try:
            roster = read_hub_roster(stack, cloud)
            if any(entry.aws_id == account for entry in roster.members):
                return roster
            raise NotAdmittedError(
                f"Account {account} is not admitted to {stack.name} yet: it is not on the roster.",
                fix="Ask the administrator to `fedml-infra admit` your request, then run the same again.",
            )
        except NotAdmittedError:
            if time.monotonic() + POLL_SECONDS > end:
                raise
        if not told:
            say(f"Not admitted yet: waiting for {patience:.0f} s at most …")
            told = True
        wait(POLL_SECONDS)


def take_roster(stack: Stack, engine: Engine, accounts: Mapping[str, str], roster: Roster) -> Stack:
    """Write what the roster gives into a file that waits: key and epoch, schedule, topology and rights, in one step.

    `accounts`: by pid. A node gets no more than its file says. Raises RosterError where the key is not sealed to this
    stack's member_key, or no account of it is on the roster. A file that has its key already is left alone.
    """

    def edit(draft: Draft) -> None:
        if FED_KEY in draft.values:
            return
        config = validate({**draft.values, FED_KEY: Ciphertext("")}, stack=stack.name)
        plan = plan_sync(roster, config, accounts, keep_rights=True, may_drop_queues=True)
        plan.apply(draft.values)
        if roster.fed_epoch != config.fed_epoch:
            draft.values[EPOCH] = roster.fed_epoch
        draft.secrets[FED_KEY] = roster.federation_key(plan.account, _own_key(stack.name, engine))

    return change_file(stack.name, stack.path, engine, edit).after


def _own_key(stack: str, engine: Engine) -> SecretStr:
    try:
        found = engine.get_secret(stack, MEMBER_KEY)
    except StackNotFoundError:
        found = None
    if found is None:
        raise ConfigurationError(
            f"Stack {stack} has no member_key, which the federation's key would be sealed to.",
            fix="Run `fedml-infra join` with the invite again.",
        )
    return found
