"""Bring a joiner's stack to what its hub has published: key, schedule, topology and rights; safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import RunOptions
from fedml_infra.engine.recovery import pending_in
from fedml_infra.errors import ConfigurationError, FedmlError
from fedml_infra.model.arns import Arn
from fedml_infra.model.names import dead_letter_queue_name, queue_name
from fedml_infra.model.rights import Right
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import FED_KEY, MEMBER_KEY, validate
from fedml_infra.operations.accounts import find_accounts
from fedml_infra.operations.change import Draft, change_file
from fedml_infra.operations.load import Stack, load_stack
from fedml_infra.operations.roster import NotAdmittedError, read_hub_roster
from fedml_infra.operations.rotate import put_ring, read_ring
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.sync_plan import SyncPlan, joined_in_force, plan_sync, queues_to_go
from fedml_infra.operations.up import Run, exported_or_empty, outputs_of, recovered_before, up
from fedml_infra.wire.v2.announcement import Announcement, attributes, write_announcement
from fedml_infra.wire.v2.roster import Roster


@dataclass(frozen=True)
class Synced:
    """What a synchronisation came to."""

    plan: SyncPlan
    run: Run | None
    """None where all was as the roster says already."""
    announced: tuple[str, ...] = ()
    """Accounts that have told the federation so."""

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return self.run is not None


def sync(
    project: Path,
    recovery: Recovery,
    options: RunOptions,
    *,
    keep_rights: bool = False,
    may_drop_queues: Callable[[tuple[str, ...]], bool] = lambda _: False,
    announce: bool = False,
) -> Synced:
    """Read the roster, write what it changes in one step, and bring that up; nothing where nothing changed.

    `may_drop_queues` is asked, of nodes, whether a protected queue may go. `announce`: tell the federation even where
    nothing changed. Cut off, the same goes on. `recovery.wait` says for how long another run of the stack is waited
    for. Raises NotAdmittedError for who is no member any more, RosterError for a roster that is not to be believed,
    ConfigurationError for a hub's stack, and what `up` raises.
    """
    with recovery.alone():
        stack = recovery.stack = load_stack(project, recovery.stack.name)
        _require_joiner(stack.config)
        roster = _read(stack, recovery)
        exported = exported_or_empty(recovery.engine, stack.name)
        accounts = find_accounts(stack.config, stack.settings, recovery.aws, outputs_of(exported)).nodes

        def plan_of(config: StackConfig, *, drop: bool) -> SyncPlan:
            return plan_sync(roster, config, accounts, keep_rights=keep_rights, may_drop_queues=drop)

        plan = plan_of(stack.config, drop=False)
        drop = bool(plan.held_back) and may_drop_queues(plan.held_back)
        plan = plan_of(stack.config, drop=drop)

        def edit(draft: Draft) -> None:
            config = validate(draft.values, stack=stack.name)
            again = plan_of(config, drop=drop)
            again.apply(draft.values)
            if again.new_key:
                _turn(draft, recovery, config, roster, again.account)

        if plan.changes_file:
            recovery.stack = change_file(stack.name, stack.path, recovery.engine, edit).after
        config, outputs, run = recovery.stack.config, outputs_of(exported), None
        if pending_in(exported) or not joined_in_force(config, outputs):
            going = queues_to_go(config, outputs) if config.protect else ()
            if going and (drop or may_drop_queues(going)):
                lift_protection(recovery, going)
            run = up(recovery, recovered_before(recovery), options)
        told = _announced(recovery, roster, accounts) if run is not None or announce else ()
    return Synced(plan, run, told)


def lift_protection(recovery: Recovery, pids: Iterable[str]) -> None:
    """Let the engine delete the queues of these nodes and what belongs to them, as somebody agreed to."""
    federation = recovery.stack.config.fed_name
    names = {name for pid in pids for name in (queue_name(federation, pid), dead_letter_queue_name(federation, pid))}

    def lifted(exported: Mapping[str, Any]) -> dict[str, Any]:
        deployment = dict(exported.get("deployment") or {})
        deployment["resources"] = [
            {**row, "protect": False} if _belongs(row, names) else row for row in deployment.get("resources") or ()
        ]
        return {**exported, "deployment": deployment}

    recovery.put(lifted)


def _belongs(row: Mapping[str, Any], names: Collection[str]) -> bool:
    return row["type"].startswith(("aws:sqs/", "aws:sns/")) and row["urn"].rpartition("::")[2] in names


def _require_joiner(config: StackConfig) -> None:
    if config.is_hub:
        raise ConfigurationError(
            f"This stack is the hub of {config.fed_name}: it publishes the roster, and has nothing to pick up.",
            fix=f"`fedml-infra up {config.fed_name}` publishes it; members run `fedml-infra sync`.",
        )


def _read(stack: Stack, recovery: Recovery) -> Roster:
    name = stack.config.fed_name
    try:
        return read_hub_roster(stack, recovery.aws)
    except NotAdmittedError as error:
        # It has a key, so it was a member once.
        raise NotAdmittedError(
            f"{error.what} It was a member before: its hub has removed it, or has not published.",
            fix=f"Ask the administrator of {name}. If you are out, `fedml-infra leave {name}` takes your side down.",
        ) from None


def _turn(draft: Draft, recovery: Recovery, config: StackConfig, roster: Roster, account: str) -> None:
    """The new key into the draft, the one before it among the old ones for one retention."""
    name, engine = recovery.stack.name, recovery.engine
    member_key = engine.get_secret(name, MEMBER_KEY)
    if member_key is None:
        raise ConfigurationError(
            f"Stack {name} has no member_key, so the key of epoch {roster.fed_epoch} cannot be opened here.",
            fix="It joined by a v1 invite: ask the administrator for the key itself, or join again by a v2 invite.",
        )
    span = timedelta(seconds=config.retention.seconds)
    key = roster.federation_key(account, member_key)
    put_ring(
        draft, read_ring(name, engine, config).turned(roster.fed_epoch, key, retention=span, now=datetime.now(UTC))
    )


def _announced(recovery: Recovery, roster: Roster, accounts: Mapping[str, str]) -> tuple[str, ...]:
    """Say on the topic, for each own account that may, that it has the key; who could not is told, and no error."""
    stack, told = recovery.stack, []
    key = recovery.engine.get_secret(stack.name, FED_KEY)
    may = {entry.aws_id for entry in roster.members if Right.PUBLISH in entry.rights}
    for node in stack.config.nodes:
        account = accounts[node.pid]
        if key is None or account not in may or account in told:
            continue
        topic_arn = roster.aws_topic_arn
        body = write_announcement(Announcement(account, roster.fed_epoch), topic_arn=topic_arn, key=key)
        access = Access.of(node.account, stack.settings)
        try:
            recovery.aws.publish(
                access, Arn.parse(topic_arn).region, topic_arn, body, attributes(roster.fed_epoch, node.pid)
            )
        except FedmlError as error:
            recovery.say(f"The hub was not told that account {account} is in step: {error.what}")
            continue
        told.append(account)
    return tuple(told)
