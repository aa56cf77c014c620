"""Rotate a federation's key: by hand, and whenever somebody who had it is taken out.

A rotation is one write of the stack file, with whatever makes it needed in the same write: the new key, its epoch, and
the old key until whatever it sealed has expired. `up` brings it to the hub's own nodes, the roster to the members.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from fedml_infra.engine.stack_files import StackFile
from fedml_infra.model.fields import OldKey
from fedml_infra.model.fields import old_keys as read_old_keys
from fedml_infra.model.rights import Right, Rights
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import FED_KEY, NAMESPACE, OLD_KEYS, validate
from fedml_infra.operations.change import Draft, Secrets, change_file
from fedml_infra.operations.create import new_key
from fedml_infra.operations.settle import Recovery

EPOCH = NAMESPACE + "fed_epoch"


@dataclass(frozen=True)
class KeyRing:
    """A federation's key, and those before it that still open what is under way."""

    epoch: int
    key: SecretStr
    old: tuple[OldKey, ...] = ()

    def turned(self, epoch: int, key: SecretStr, *, retention: timedelta, now: datetime) -> KeyRing:
        """The ring with another key of a later epoch; what was current stays for one retention. Pure.

        Messages and payloads expire after one retention, so that nothing is left then that an older key opens.
        """
        if epoch <= self.epoch:
            raise ValueError(f"epoch {epoch} does not follow {self.epoch}")
        kept = tuple(old for old in self.old if now < old.drop_after)
        return KeyRing(epoch, key, (*kept, OldKey(epoch=self.epoch, key=self.key, drop_after=now + retention)))

    @property
    def old_text(self) -> SecretStr:
        """The old keys as `fed_old_keys` holds them."""
        return SecretStr(
            json.dumps(
                {
                    str(old.epoch): {
                        "key": old.key.get_secret_value(),
                        "drop_after": old.drop_after.astimezone(UTC).isoformat(timespec="seconds"),
                    }
                    for old in self.old
                }
            )
        )


def read_ring(stack: str, engine: Secrets, config: StackConfig) -> KeyRing:
    """The keys that a stack file holds. KeyError where it has no fed_secret_key."""
    secrets = engine.get_secrets(stack, (FED_KEY, OLD_KEYS))
    old = read_old_keys(secrets[OLD_KEYS].get_secret_value()) if OLD_KEYS in secrets else ()
    return KeyRing(config.fed_epoch, secrets[FED_KEY], old)


def put_ring(draft: Draft, ring: KeyRing) -> None:
    """Have an edit write the keys."""
    draft.values[EPOCH] = ring.epoch
    draft.secrets[FED_KEY] = ring.key
    if ring.old:
        draft.secrets[OLD_KEYS] = ring.old_text
    else:
        draft.values.pop(OLD_KEYS, None)


def rotate_in(draft: Draft, stack: str, engine: Secrets) -> int:
    """Have an edit of a hub's file rotate the key as well; the new epoch."""
    config = validate(draft.values, stack=stack)
    ring = read_ring(stack, engine, config)
    span = timedelta(seconds=config.retention.seconds)
    turned = ring.turned(config.fed_epoch + 1, new_key(), retention=span, now=datetime.now(UTC))
    put_ring(draft, turned)
    return turned.epoch


def rights_of(config: StackConfig) -> dict[str, Rights]:
    """What each member may do by a hub's file."""
    return {member.aws_id: config.member_rights(member) for member in config.members}


def rights_in_force(outputs: Mapping[str, Any]) -> dict[str, Rights]:
    """What each member may do by the outputs of the last run; {} where there was none."""
    listed = (outputs.get("federation") or {}).get("members") or ()
    return {member["aws_id"]: frozenset(map(Right, member["rights"])) for member in listed}


def losers(before: Mapping[str, Rights], after: Mapping[str, Rights]) -> tuple[str, ...]:
    """Accounts that must not read what comes: no member any more, or not a receiving one. Sorted. Pure."""
    return tuple(
        account
        for account, rights in sorted(before.items())
        if account not in after or (Right.RECEIVE in rights and Right.RECEIVE not in after[account])
    )


def under_way(outputs: Mapping[str, Any], config: StackConfig) -> bool:
    """Whether the file's key is newer than that of the last run: a rotation was begun, and is still to be brought up.

    False where the stack never came up. Pure.
    """
    made = (outputs.get("federation") or {}).get("epoch")
    return made is not None and config.fed_epoch > int(made)


def overdue(outputs: Mapping[str, Any], config: StackConfig) -> tuple[str, ...]:
    """Accounts that were taken out of the file by hand since the last run, with the key that they have. Pure."""
    if not config.is_hub or under_way(outputs, config):
        return ()
    return losers(rights_in_force(outputs), rights_of(config))


def cut_off_by_rotation(config: StackConfig) -> tuple[str, ...]:
    """Members that a rotation shuts out until somebody hands them the new key: they gave no public key (v1). Pure."""
    return tuple(member.aws_id for member in config.members if member.public_key is None)


def rotate_if_removed(recovery: Recovery, outputs: Mapping[str, Any]) -> bool:
    """Rotate the key in the file of a hub from which somebody was taken by hand, and say so; whether it was.

    `outputs` are those of the last run. Cut off, the next run goes on with that rotation and begins no other.
    """
    return _rotate(recovery, lambda config: overdue(outputs, config))


def rotate_if_held(recovery: Recovery, accounts: tuple[str, ...], epoch: int) -> bool:
    """The same where accounts that were taken out have the key of this epoch by a roster that was published."""
    return _rotate(recovery, lambda config: accounts if config.fed_epoch == epoch else ())


def _rotate(recovery: Recovery, why: Callable[[StackConfig], tuple[str, ...]]) -> bool:
    """Rotate while `why` names accounts, of the file as it is once nobody else edits it."""
    stack = recovery.stack
    if not stack.config.is_hub or not stack.path.exists() or not why(StackFile.read(stack.path).validated()):
        return False
    rotated: dict[int, tuple[str, ...]] = {}

    def edit(draft: Draft) -> None:
        rotated.clear()
        gone = why(validate(draft.values, stack=stack.name))
        if gone:
            rotated[rotate_in(draft, stack.name, recovery.engine)] = gone

    config = change_file(stack.name, stack.path, recovery.engine, edit).after.config
    for epoch, gone in rotated.items():
        recovery.say(f"The key is rotated to epoch {epoch}: {', '.join(gone)} had it, and may not read what comes.")
    shut_out = cut_off_by_rotation(config)
    if rotated and shut_out:
        recovery.say(told_of_cut_off(shut_out))
    return bool(rotated)


def told_of_cut_off(accounts: tuple[str, ...]) -> str:
    """What a rotation does to members that cannot open a sealed key."""
    if len(accounts) == 1:
        return (
            f"Account {accounts[0]} gave no public key (v1), so the new key cannot be sealed to it: it is cut off "
            "until the key is handed over, or it joins by a v2 invite."
        )
    return (
        f"Accounts {', '.join(accounts)} gave no public key (v1), so the new key cannot be sealed to them: they are "
        "cut off until the key is handed over, or they join by v2 invites."
    )
