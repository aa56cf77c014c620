"""Bring a stack up, or show what that would do: preflight, then the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fedml_infra.engine.protocol import Engine, RunOptions, RunResult
from fedml_infra.engine.recovery import UNKNOWN
from fedml_infra.engine.stack_files import StackFile
from fedml_infra.errors import StackNotFoundError
from fedml_infra.operations.accounts import Accounts
from fedml_infra.operations.compare_rights import RightsChange, compare_rights
from fedml_infra.operations.load import Stack
from fedml_infra.operations.patience import patient
from fedml_infra.operations.preflight import TakenError, preflight
from fedml_infra.operations.roster import publish_roster
from fedml_infra.operations.rotate import rotate_if_held, rotate_if_removed
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.state import State
from fedml_infra.operations.tools import Cloud


@dataclass(frozen=True)
class Before:
    """What a stack was before a run: its outputs, its resources; and whose credentials the run has."""

    outputs: Mapping[str, Any]
    state: State
    accounts: Accounts
    rights: tuple[RightsChange, ...]
    """Who gains and loses what by the stack file as it is now."""

    @property
    def is_new(self) -> bool:
        """Whether the stack has nothing yet."""
        return not self.state.in_aws


@dataclass(frozen=True)
class Run:
    """What one run was to do, and did or would do."""

    before: Before
    result: RunResult


def look_before(stack: Stack, engine: Engine, aws: Cloud) -> Before:
    """What the stack is and whether a run can work, without changing anything. Errors as `preflight`."""
    return look_at(stack, aws, exported_or_empty(engine, stack.name))


def recovered_before(recovery: Recovery, exported: Mapping[str, Any] | None = None) -> Before:
    """The same, once whatever an earlier run left is settled in the stack's state; nothing is changed in AWS.

    `exported`: the state, where it is known and has nothing under way.
    """
    stack, aws = recovery.stack, recovery.aws
    try:
        return look_at(stack, aws, recovery.ready() if exported is None else exported)
    except TakenError:
        # Of its own making, where it has the stack's tags: made by a run whose state was lost.
        if not recovery.adopt_lost():
            raise
    return look_at(stack, aws, recovery.ready())


def look_at(stack: Stack, aws: Cloud, exported: Mapping[str, Any]) -> Before:
    """The same, of a stack whose exported state is known already."""
    state = State.of(exported)
    outputs = outputs_of(exported)
    accounts = preflight(stack.config, stack.settings, aws=aws, outputs=outputs, state=state)
    return Before(outputs, state, accounts, compare_rights(outputs, stack.config))


def look_new(stack: Stack, aws: Cloud) -> Before:
    """The same for a stack of a project that is not written yet, which the engine knows nothing of."""
    state = State()
    accounts = preflight(stack.config, stack.settings, aws=aws, outputs={}, state=state)
    return Before({}, state, accounts, compare_rights({}, stack.config))


def preview(stack: Stack, before: Before, engine: Engine, options: RunOptions) -> Run:
    """What `up` would do."""
    return Run(before, engine.preview(stack.name, options))


def up(recovery: Recovery, before: Before, options: RunOptions, *, keep: Callable[[], None] | None = None) -> Run:
    """Make AWS as the stack file says, and publish the roster of a hub that signs one. Cut off, the same goes on.

    Where a member was taken out of a hub's file by hand, the key is rotated first. Where that is seen only by the
    roster, as the removal was brought up by plain `pulumi up`, it is rotated then, and brought up once more. A plan
    knows of no new key, so with `options.plan` what it has is done first, and the rotation is a second run.

    `keep` is called after each rotation, which is in the stack file by then and nowhere else; where it raises, nothing
    is brought up with it.
    """
    name, engine = recovery.stack.name, recovery.engine
    freely = replace(options, plan=None)

    def run(how: RunOptions) -> RunResult:
        return recovery.run(patient(lambda asked: engine.up(name, asked)), how)

    def kept() -> None:
        if keep is not None:
            keep()

    with recovery.alone():
        planned = run(options) if options.plan is not None else None
        rotated = rotate_if_removed(recovery, before.outputs)
        if rotated:
            kept()
        result = planned or run(freely)
        if planned and rotated:
            result = replace(planned, outputs=run(freely).outputs)
        while not publish(recovery):
            kept()
            result = replace(result, outputs=run(freely).outputs)
    return Run(before, result)


def publish(recovery: Recovery) -> bool:
    """Publish the roster that the stack file describes by now, where it is a hub's with a signing key, and say so.

    False where the key had to be rotated instead, as somebody who is out has it: the file is to be brought up again.
    """
    stack = recovery.stack
    if not (stack.config.is_hub and stack.path.exists()):
        return True
    file = StackFile.read(stack.path)
    config = file.validated()
    if not config.has_secret("hub_key"):
        return True
    published = publish_roster(Stack(stack.name, stack.path, config, file.config), recovery.engine, recovery.aws)
    epoch = published.roster.fed_epoch
    if published.holders:
        rotate_if_held(recovery, published.holders, epoch)
        return False
    if published.changed:
        recovery.say(f"The roster of epoch {epoch} is published.")
    return True


def exported_or_empty(engine: Engine, stack: str) -> dict[str, Any]:
    """The stack's exported state; {} where the backend has no such stack."""
    try:
        return engine.state(stack)
    except StackNotFoundError:
        return {}


def outputs_of(exported: Mapping[str, Any]) -> dict[str, Any]:
    """The stack's outputs in an export of its state: those of its root resource that are known."""
    for row in (exported.get("deployment") or {}).get("resources") or ():
        if row.get("type") == "pulumi:pulumi:Stack":
            return {key: value for key, value in (row.get("outputs") or {}).items() if value != UNKNOWN}
    return {}
