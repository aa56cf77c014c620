"""Change what a hub's file says: foreseen, written with the rotation that it needs, brought up and published."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedml_infra.engine.protocol import RunOptions
from fedml_infra.errors import ConfigurationError
from fedml_infra.model.rights import Right
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.summary import federation_summary
from fedml_infra.model.validation import validate
from fedml_infra.operations.change import Changed, Draft, Secrets, change_stack
from fedml_infra.operations.compare_rights import RightsChange, compare_rights
from fedml_infra.operations.load import Stack
from fedml_infra.operations.rotate import (
    cut_off_by_rotation,
    losers,
    overdue,
    rights_in_force,
    rights_of,
    rotate_in,
    under_way,
)
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.shared_up import in_force, shared_up
from fedml_infra.operations.up import Run

Edit = Callable[[dict[str, Any]], None]
"""Changes plain values of a stack file by full key, in place. Done twice, it changes nothing more."""


@dataclass(frozen=True)
class HubPlan:
    """What a change of a hub's file comes to."""

    before: StackConfig
    after: StackConfig
    rights: tuple[RightsChange, ...]
    """Who gains and loses what, from the last run to the file as it will be."""
    rotates_to: int | None
    """The epoch of the key after a rotation, one that is under way included; None where the key stays."""
    because_of: tuple[str, ...]
    """Accounts whose loss makes the rotation needed."""
    in_force: bool
    """Whether file and last run say all of it already."""

    @property
    def writes(self) -> bool:
        """Whether the file is changed by it."""
        return self.after != self.before or (self.rotates_to or 0) > self.before.fed_epoch

    @property
    def cut_off(self) -> tuple[str, ...]:
        """Members that a rotation shuts out: they gave no public key (v1)."""
        return cut_off_by_rotation(self.after) if self.rotates_to is not None else ()

    def as_json(self) -> dict[str, Any]:
        """The plan for machines."""
        return {
            "rights": [change.as_json() for change in self.rights],
            "rotates_to": self.rotates_to,
            "because_of": list(self.because_of),
            "cut_off": list(self.cut_off),
        }


@dataclass(frozen=True)
class Applied:
    """What came of a change."""

    config: StackConfig
    """What the file says now."""
    rotated: bool
    """Whether this change rotated the key, as against an earlier one whose rotation it brought up."""
    run: Run | None
    """None where another run had brought it up meanwhile, or all was in force."""


def require_hub(config: StackConfig, what: str) -> None:
    """Raise ConfigurationError on a joiner's stack: only the hub decides that."""
    if not config.is_hub:
        raise ConfigurationError(
            f"{what} is decided by the hub of {config.fed_name}, in account {config.topic_account}; "
            "this stack only joins it.",
            fix=f"Ask its administrator. `fedml-infra sync {config.fed_name}` then brings the change here.",
        )


def plan_hub_change(stack: Stack, outputs: Mapping[str, Any], edit: Edit, *, rotate: bool = False) -> HubPlan:
    """What the change would come to. `rotate`: the key is to be rotated whatever changes. Pure.

    ConfigurationError with every mistake that the edited file would have.
    """
    values = copy.deepcopy(dict(stack.values))
    edit(values)
    after = validate(values, stack=stack.name)
    because_of = _because_of(stack.config, after, outputs)
    pending = under_way(outputs, stack.config)
    needed = losers(rights_of(stack.config), rights_of(after)) or overdue(outputs, after) or (rotate and not pending)
    rotates_to = after.fed_epoch + 1 if needed else after.fed_epoch if pending else None
    return HubPlan(
        before=stack.config,
        after=after,
        rights=compare_rights(outputs, after),
        rotates_to=rotates_to,
        because_of=because_of,
        in_force=rotates_to is None and after == stack.config and in_force(after, outputs),
    )


def apply_hub_change(
    project: Path,
    recovery: Recovery,
    outputs: Mapping[str, Any],
    edit: Edit,
    options: RunOptions,
    *,
    rotate: bool = False,
) -> Applied:
    """Write the change, and the rotation that it needs in the same write; bring it up; publish the roster.

    Cut off at any point, the same call goes on: what is written is not written again, and a key that is newer than the
    last run's is brought up, not rotated a second time. Errors as `change_stack` and `up`.
    """
    stack = recovery.stack
    changed, rotated = write_hub_change(project, stack.name, recovery.engine, outputs, edit, rotate=rotate)
    run = shared_up(project, recovery, options)
    return Applied(changed.after.config, rotated, run)


def write_hub_change(
    project: Path,
    name: str,
    secrets: Secrets,
    outputs: Mapping[str, Any],
    edit: Edit,
    *,
    rotate: bool = False,
) -> tuple[Changed, bool]:
    """Write the change, and the rotation that it needs in the same write; and whether there was one."""
    rotated: list[int] = []

    def act(draft: Draft) -> None:
        rotated.clear()
        before = validate(draft.values, stack=name)
        edit(draft.values)
        after = validate(draft.values, stack=name)
        asked = rotate and not under_way(outputs, before)
        if losers(rights_of(before), rights_of(after)) or overdue(outputs, after) or asked:
            rotated.append(rotate_in(draft, name, secrets))

    return change_stack(project, name, secrets, act), bool(rotated)


def as_if_up(config: StackConfig) -> dict[str, Any]:
    """The outputs of a run by what a file says, as far as changes are compared with them. Pure.

    For where the state is out of reach, and for a review: what a reviewed file says is taken to be in force.
    """
    return {
        "federation": federation_summary(config, topic_arn="", roster_bucket=""),
        "nodes": {node.pid: {"queue_arn": Right.RECEIVE in config.node_rights(node)} for node in config.nodes},
    }


def _because_of(before: StackConfig, after: StackConfig, outputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Whose loss of the file, or of the last run, makes a rotation needed."""
    now = rights_of(after)
    return tuple(sorted({*losers(rights_of(before), now), *losers(rights_in_force(outputs), now)}))
