"""Rebuild a stack's state from what is in AWS, or take a federation that others made into a new one."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Any

from fedml_infra.engine.events import label
from fedml_infra.engine.failures import DamagedStateError
from fedml_infra.engine.recovery import (
    EMPTY,
    Adoption,
    completed,
    pending_in,
    urns_in,
    without_pending,
)
from fedml_infra.errors import ResourceError, StackNotFoundError
from fedml_infra.model.sightings import Sighting, Verdict, verdict
from fedml_infra.operations.accounts import find_accounts
from fedml_infra.operations.catalogue import Entry, catalogue
from fedml_infra.operations.settle import Recovery


@dataclass(frozen=True)
class RecoverPlan:
    """What is taken into the state, what is left alone, and what there is not."""

    stack: str
    state: str
    """`whole`, `lacking`, `missing` (the backend has no such stack) or `damaged`."""
    adopted: tuple[Adoption, ...]
    not_ours: tuple[Entry, ...]
    """Has one of the stack's names, and not its tags: left alone."""
    absent: tuple[str, ...]
    """URNs of what is not there; `up` makes it."""
    known: int
    """Resources of the stack that the state has."""

    @property
    def nothing_to_do(self) -> bool:
        """Whether the state has all that is there."""
        return self.state == "whole"

    def as_json(self) -> dict[str, Any]:
        """The plan for machines."""
        return {
            "stack": self.stack,
            "state": self.state,
            "known": self.known,
            "adopt": [{"type": one.type, "name": one.name, "id": one.id} for one in self.adopted],
            "not_ours": [{"type": one.sought.type, "name": one.sought.key} for one in self.not_ours],
            "absent": [label(urn) for urn in self.absent],
        }


def plan_recover(recovery: Recovery) -> RecoverPlan:
    """Look up everything that the stack file's names lead to, in the accounts that it leads to; changes nothing.

    Ours is what carries the stack's tags; what hangs on a thing (a policy, a bucket's setting) is its thing's.
    Raises AuthenticationError or NetworkError where an account cannot be looked into.
    """
    stack, exported = "missing", {}
    try:
        exported = recovery.state()
        stack = "whole"
    except StackNotFoundError:
        pass
    except DamagedStateError:
        stack = "damaged"
    plan = look(recovery, urns_in(exported))
    lacks = plan.adopted or pending_in(exported)
    return replace(plan, state="lacking" if stack == "whole" and lacks else stack)


def plan_import(recovery: Recovery, *, is_new: bool) -> RecoverPlan:
    """What exists under the names of a stack that is to be: untagged things too, since somebody else made them.

    What carries another federation's tags is not ours. A bucket is among it only where the stack file does not adopt
    it: the stack then writes its own policy and expiry over what is there. `is_new`: its project is not written yet.
    """
    known: frozenset[str] = frozenset()
    if not is_new:
        with contextlib.suppress(StackNotFoundError):
            known = urns_in(recovery.engine.state(recovery.stack.name))
    return look(recovery, known, by_name=True)


def look(recovery: Recovery, known: frozenset[str], *, by_name: bool = False) -> RecoverPlan:
    """The plan for what is not `known`. `by_name`: what has no tags counts as ours."""
    config = recovery.stack.config
    accounts = find_accounts(config, recovery.stack.settings, recovery.aws)
    entries = [entry for entry in catalogue(config, recovery.stack.settings, accounts) if entry.urn not in known]
    adopted: list[Adoption] = []
    absent: list[str] = []
    not_ours: list[Entry] = []
    for entry, seen in zip(entries, recovery.look(entries), strict=True):
        if seen is None:
            absent.append(entry.urn)
        elif _is_ours(seen, config.fed_name, entry.pid, by_name=by_name):
            adopted.append(replace(entry.adoption, id=seen.id))
        else:
            not_ours.append(entry)
    return RecoverPlan(config.fed_name, "missing", tuple(adopted), tuple(not_ours), tuple(absent), len(known))


def recover(plan: RecoverPlan, recovery: Recovery) -> None:
    """Write the state: the components, as the program declares them, and each thing as its provider reads it.

    Nothing in AWS is made, changed or deleted. Cut off, the same goes on.
    """
    name, engine = recovery.stack.name, recovery.engine
    with recovery.alone():
        if plan.state == "damaged":
            recovery.unlocked(lambda: engine.set_state(name, EMPTY))
        elif plan.state == "missing":
            engine.init(name)
        exported = recovery.state()
        if pending_in(exported):
            recovery.put(without_pending)
        recovery.scaffold(urns_in(exported))
        if plan.adopted:
            protect = recovery.stack.config.protect
            recovery.unlocked(lambda: engine.adopt(name, plan.adopted, protect=protect))
        recovery.put(completed)


def require_ours(plan: RecoverPlan) -> None:
    """Raise ResourceError where something has the stack's names and is another federation's."""
    if plan.not_ours:
        named = ", ".join(f"{label(entry.urn)} in {entry.account}" for entry in plan.not_ours)
        raise ResourceError(
            f"{plan.stack} cannot be imported: {named} carries the tags of another stack.",
            fix="Choose another name or pid; nothing was changed.",
        )


def _is_ours(seen: Sighting, federation: str, pid: str | None, *, by_name: bool) -> bool:
    found = verdict(seen, federation, pid)
    return found is Verdict.OURS or (by_name and found is Verdict.UNTAGGED)
