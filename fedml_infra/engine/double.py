"""An engine in memory, for tests of what is built on one: same Protocol, same answers, no process and no file.

tests/engine/test_contract.py holds it and the real engine to one suite.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import SecretStr

from fedml_infra.engine.differences import PropertyChange
from fedml_infra.engine.double_plan import PlannedSteps
from fedml_infra.engine.events import (
    STACK_TYPE,
    Diagnostic,
    EventKind,
    Progress,
    ResourceChange,
    RunEvent,
    label,
)
from fedml_infra.engine.locks import LockHolder, StackLockedByError
from fedml_infra.engine.protocol import Engine, RunOptions, RunResult, StackSummary, UnexpectedChangesError
from fedml_infra.engine.recovery import Adoption
from fedml_infra.engine.version import ENGINE_VERSION
from fedml_infra.errors import CancelledError, FedmlError, ResourceError, StackNotFoundError, TimedOutError
from fedml_infra.model.ciphertext import Ciphertext

_NO_OPTIONS = RunOptions()


@dataclass(frozen=True)
class Declared:
    """A resource that the program asks for."""

    type: str
    name: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False


@dataclass(frozen=True)
class Program:
    """What a program comes to for one stack. `outputs` may hold SecretStr."""

    resources: Sequence[Declared] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class _Stack:
    state: dict[str, Declared] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    holder: LockHolder | None = None
    pending: list[dict[str, Any]] = field(default_factory=list)


class InMemoryEngine:
    """Implements `protocol.Engine`.

    `program` says what a stack should be; StackNotFoundError from it means that the stack has no file. `reality` is
    what is in AWS, by stack and URN: change it to make drift. `faults` are errors by resource name, raised when that
    resource is reached; `lock` makes someone else hold a stack.
    """

    def __init__(self, program: Callable[[str], Program], *, project: str = "fedml-infra") -> None:
        self._program, self._project = program, project
        self._stacks: dict[str, _Stack] = {}
        self._secrets: dict[tuple[str, str], SecretStr] = {}
        self.reality: dict[str, dict[str, Declared]] = {}
        self.faults: dict[str, FedmlError] = {}
        self.environment: dict[str, str | None] = {}

    @property
    def version(self) -> str:
        return ENGINE_VERSION

    def lock(self, stack: str, holder: LockHolder) -> None:
        """Someone else's run holds the stack until `cancel`."""
        self._of(stack).holder = holder

    def urn(self, stack: str, declared: Declared) -> str:
        """The URN of a resource without a parent of its own."""
        return f"urn:pulumi:{stack}::{self._project}::{declared.type}::{declared.name}"

    def with_environment(self, variables: Mapping[str, str | None]) -> InMemoryEngine:
        """This one, which remembers them."""
        self.environment |= variables
        return self

    def stacks(self) -> tuple[StackSummary, ...]:
        return tuple(StackSummary(name, None, len(one.state)) for name, one in sorted(self._stacks.items()))

    def exists(self, stack: str) -> bool:
        return stack in self._stacks

    def init(self, stack: str, secrets_provider: str | None = None) -> None:  # noqa: ARG002 - nothing is encrypted here
        self._stacks.setdefault(stack, _Stack())
        self.reality.setdefault(stack, {})

    def set_secret(self, stack: str, key: str, value: SecretStr) -> None:
        self._of(stack)
        self._secrets[stack, key] = value

    def encrypt(self, stack: str, values: Mapping[str, SecretStr]) -> dict[str, Ciphertext]:
        """Remembers the values at once, as there is no file that the answer could be written to."""
        self._of(stack)
        for key, value in values.items():
            self._secrets[stack, key] = value
        return {key: Ciphertext(f"in memory: {key}") for key in values}

    def get_secret(self, stack: str, key: str) -> SecretStr | None:
        return self.get_secrets(stack, (key,)).get(key)

    def get_secrets(self, stack: str, keys: Iterable[str]) -> dict[str, SecretStr]:
        self._of(stack)
        return {key: self._secrets[stack, key] for key in keys if (stack, key) in self._secrets}

    def preview(self, stack: str, options: RunOptions = _NO_OPTIONS) -> RunResult:
        return self._apply("preview", stack, options, dry=True)

    def up(self, stack: str, options: RunOptions = _NO_OPTIONS) -> RunResult:
        return self._apply("up", stack, options, dry=False)

    def refresh(self, stack: str, options: RunOptions = _NO_OPTIONS) -> RunResult:
        one = self._of(stack)
        self._unlocked(stack, one)
        run = _Run("refresh", stack, options, self.faults)
        for urn, was in list(one.state.items()):
            now = was if was.type == STACK_TYPE else self.reality[stack].get(urn)
            op = "delete" if now is None else "refresh" if now == was else "update"
            for _ in run.step(urn, op, was, now):
                if options.preview_only:
                    continue
                if now is None:
                    del one.state[urn]
                else:
                    one.state[urn] = now
        return run.result(_hidden(one.outputs))

    def destroy(self, stack: str, options: RunOptions = _NO_OPTIONS) -> RunResult:
        one = self._of(stack)
        if not options.preview_only:
            self._unlocked(stack, one)
        run = _Run("destroy", stack, options, self.faults)
        for urn, was in reversed(list(one.state.items())):
            for _ in run.step(urn, "delete", was, None):
                if was.protect and not options.ignore_protect:
                    raise _protected(urn)
                if not options.preview_only:
                    del one.state[urn]
                    self.reality[stack].pop(urn, None)
        if not options.preview_only:
            one.outputs = {}
        return run.result({})

    def remove(self, stack: str) -> None:
        if self._of(stack).state:
            raise ResourceError(f"Stack {stack} still has resources", fix="Destroy it first.")
        del self._stacks[stack]

    def outputs(self, stack: str, *, show_secrets: bool = False) -> dict[str, Any]:
        outputs = self._of(stack).outputs
        return _shown(outputs) if show_secrets else _hidden(outputs)

    def state(self, stack: str) -> dict[str, Any]:
        resources = [
            {"urn": urn, "type": one.type, "inputs": copy.deepcopy(dict(one.inputs)), "protect": one.protect}
            for urn, one in self._of(stack).state.items()
        ]
        pending = self._of(stack).pending
        deployment: dict[str, Any] = {"resources": resources} if resources else {}
        return {"version": 3, "deployment": deployment | ({"pending_operations": pending} if pending else {})}

    def set_state(self, stack: str, state: Mapping[str, Any]) -> None:
        self._unlocked(stack, self._of(stack))
        self._of(stack).pending = list(state["deployment"].get("pending_operations", []))
        self._of(stack).state = {
            one["urn"]: Declared(
                one["type"], one["urn"].rpartition("::")[2], one.get("inputs", {}), bool(one.get("protect"))
            )
            for one in state["deployment"].get("resources", [])
        }

    def cancel(self, stack: str) -> None:
        self._of(stack).holder = None

    def drop_lock(self, url: str) -> bool:
        for one in self._stacks.values():
            if one.holder is not None and one.holder.url == url:
                one.holder = None
        return True

    def mend_files(self, stack: str) -> bool:  # noqa: ARG002 - there are no files
        return False

    def claim(self, stack: str) -> AbstractContextManager[None]:  # noqa: ARG002 - one process has one of these
        return nullcontext()

    def adopt(self, stack: str, adoptions: Iterable[Adoption], *, protect: bool = False) -> RunResult:
        one = self._of(stack)
        self._unlocked(stack, one)
        run = _Run("import", stack, _NO_OPTIONS, self.faults)
        for each in adoptions:
            real = self.reality[stack].get(each.urn) or Declared(each.type, each.name)
            for _ in run.step(each.urn, "import", None, real):
                one.state[each.urn] = replace(real, protect=protect)
        return run.result(_hidden(one.outputs))

    def _of(self, stack: str) -> _Stack:
        if stack not in self._stacks:
            there = ", ".join(self._stacks)
            raise StackNotFoundError(
                f"There is no stack {stack} in the state backend", fix=f"There are: {there}." if there else None
            )
        return self._stacks[stack]

    def _unlocked(self, stack: str, one: _Stack) -> None:
        if one.holder:
            raise StackLockedByError(f"Another run holds the lock of stack {stack}", [one.holder])

    def _apply(self, operation: str, stack: str, options: RunOptions, *, dry: bool) -> RunResult:
        wanted = self._program(stack)
        run = _Run(operation, stack, options, self.faults)
        if stack not in self._stacks:
            self.init(stack)
            run.tell(EventKind.MESSAGE, text=f"The state backend had no stack {stack} yet: it was made, and is empty")
        one = self._of(stack)
        if not dry:
            self._unlocked(stack, one)
        planned = PlannedSteps.read(options.plan) if options.plan is not None and not dry else None
        root = Declared(STACK_TYPE, f"{self._project}-{stack}")
        declared = {self.urn(stack, each): each for each in (root, *wanted.resources)}
        real = self.reality[stack]
        if options.refresh:
            known = {urn: real.get(urn, was) for urn, was in one.state.items() if urn in real or was.type == STACK_TYPE}
        else:
            known = dict(one.state)

        def passed_over(urn: str) -> bool:
            return bool(options.targets) and urn not in options.targets and STACK_TYPE not in urn

        for urn, now in declared.items():
            was = known.get(urn)
            op = "create" if was is None else "same" if was.inputs == now.inputs else "update"
            if passed_over(urn):
                if was is None:
                    continue
                op = "same"
            if planned is not None:
                planned.allow(stack, urn, op, now.inputs)
            for _ in run.step(urn, op, was, now):
                if not dry and not passed_over(urn):
                    one.state[urn] = real[urn] = now
        for urn, gone in [(urn, was) for urn, was in known.items() if urn not in declared and not passed_over(urn)]:
            for _ in run.step(urn, "delete", gone, None):
                if gone.protect:
                    raise _protected(urn)
                if planned is not None:
                    planned.allow(stack, urn, "delete", gone.inputs)
                if not dry:
                    del one.state[urn]
                    real.pop(urn, None)
        if not dry:
            one.outputs = dict(wanted.outputs)
        result = run.result(_hidden(wanted.outputs))
        if options.save_plan is not None and dry:
            PlannedSteps.of(result).write(options.save_plan)
        return result


class _Run:
    """One run: counts, tells, stops where it is asked to."""

    def __init__(self, operation: str, stack: str, options: RunOptions, faults: Mapping[str, FedmlError]) -> None:
        self._operation, self._stack, self._options, self._faults = operation, stack, options, faults
        self._began = time.monotonic()
        self._changes: list[ResourceChange] = []
        self._problems: list[Diagnostic] = []
        self.tell(EventKind.STARTED)

    def tell(self, kind: EventKind, **parts: Any) -> None:
        expected = self._options.expected
        of = max(expected, len(self._changes)) if expected is not None else None
        progress = Progress(len(self._changes), of, 0, (), time.monotonic() - self._began)
        if self._options.on_event is None or self._problems:
            return
        try:
            self._options.on_event(RunEvent(kind, progress, **parts))
        except Exception as error:  # as the real engine: a callback never disturbs a run
            told = f"Progress is not shown any more: {type(error).__name__}: {error}"
            self._problems.append(Diagnostic("warning", told))

    def step(self, urn: str, op: str, was: Declared | None, now: Declared | None) -> Iterator[None]:
        """Yields once, for the caller to do the step in."""
        asked, timeout = self._options.cancellation, self._options.timeout
        if asked and asked.requested:
            raise CancelledError(f"The {self._operation} of stack {self._stack} was stopped")
        if timeout is not None and time.monotonic() - self._began >= timeout:
            raise TimedOutError(f"The {self._operation} of stack {self._stack} took longer than {timeout:g} s")
        properties = _properties(was, now) if op == "update" else ()
        self.tell(EventKind.RESOURCE_STARTED, urn=urn, op=op, changes=tuple(one.path for one in properties))
        shown = now or was or Declared("", "")
        if shown.name in self._faults:
            self.tell(EventKind.RESOURCE_FAILED, urn=urn, op=op)
            raise self._faults[shown.name]
        yield
        self._changes.append(
            ResourceChange(urn, op, shown.type, properties, dict(shown.inputs), protected=shown.protect)
        )
        self.tell(EventKind.RESOURCE_DONE, urn=urn, op=op)

    def result(self, outputs: Mapping[str, Any]) -> RunResult:
        summary: dict[str, int] = {}
        for change in self._changes:
            op = "same" if change.op == "refresh" else change.op
            summary[op] = summary.get(op, 0) + 1
        self.tell(EventKind.ENDED)
        seconds = time.monotonic() - self._began
        result = RunResult(summary, tuple(self._changes), outputs, seconds, tuple(self._problems))
        if self._options.expect_no_changes and result.changed:
            what = f"The {self._operation} of stack {self._stack} found {len(result.changed)} changes"
            raise UnexpectedChangesError(f"{what} where none were expected", result)
        return result


def _properties(was: Declared | None, now: Declared | None) -> tuple[PropertyChange, ...]:
    before, after = (was.inputs if was else {}), (now.inputs if now else {})
    return tuple(
        PropertyChange(
            key,
            "add" if key not in before else "delete" if key not in after else "update",
            before.get(key),
            after.get(key),
        )
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    )


def _protected(urn: str) -> ResourceError:
    return ResourceError(
        f"{label(urn)} is protected, so it was not deleted or replaced", fix="`protect: true` stops that."
    )


def _hidden(outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: "[secret]" if isinstance(value, SecretStr) else value for key, value in outputs.items()}


def _shown(outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.get_secret_value() if isinstance(value, SecretStr) else value for key, value in outputs.items()}


def _check(engine: InMemoryEngine) -> Engine:
    """mypy holds the class to the Protocol here."""
    return engine
