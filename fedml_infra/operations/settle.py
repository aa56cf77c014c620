"""Go on where a run was cut off: take off a dead run's lock, settle what was under way, and say what was done.

Every command that changes a stack runs through `Recovery`. It costs nothing where nothing is to be mended: what was
under way is read in the export that `up` and `destroy` begin with, and a lock is met by the run itself.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from fedml_infra.aws.parallel import each
from fedml_infra.aws.sessions import Access
from fedml_infra.engine.aws_refusals import refusal_in
from fedml_infra.engine.events import EventKind, RunEvent, label
from fedml_infra.engine.failures import DamagedStateError
from fedml_infra.engine.locks import LockHolder, StackLockedByError, who
from fedml_infra.engine.protocol import Engine, RunOptions, RunResult
from fedml_infra.engine.recovery import (
    OWNER_OF,
    Adoption,
    Candidate,
    Pending,
    Settlement,
    pending_in,
    settle,
    sought,
    to_look_for,
    told,
    urns_in,
    with_adopted,
    without_pending,
)
from fedml_infra.errors import FedmlError, ResourceError, StackNotFoundError
from fedml_infra.model.sightings import Sighting
from fedml_infra.operations.accounts import find_accounts
from fedml_infra.operations.catalogue import Entry, catalogue, pid_of, scaffolding, way_of
from fedml_infra.operations.load import Stack
from fedml_infra.operations.tools import Cloud

POLL_SECONDS = 1.0
TELL_EVERY_SECONDS = 30.0
RUNS = 3
"""Times that a run is done at most: each but the first after something was adopted."""
T = TypeVar("T")


@dataclass
class Recovery:
    """Recovery of one stack for one command. `wait`: seconds to wait for a live run; 0 refuses at once."""

    stack: Stack
    engine: Engine
    aws: Cloud
    say: Callable[[str], None]
    wait: float = 0.0
    knows_dead: Callable[[LockHolder], bool] = lambda _: False
    """Whether a process of another machine is proved dead; whoever is not is left alone."""
    _told_at: float | None = field(default=None, init=False)
    _settling: bool = field(default=False, init=False)
    _held: bool = field(default=False, init=False)

    def ready(self) -> dict[str, Any]:
        """The stack's exported state, with whatever an earlier run left in it settled; {} for a stack not made yet.

        Raises StackLockedByError where a live run, or one that cannot be proved dead, has the stack, ResourceError
        where something was being created that turns out to be somebody else's.
        """
        exported = self.exported()
        if not pending_in(exported):
            return exported
        with self._alone():
            self._settled()
        return self.exported()

    def foreseen(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The state as `ready` would leave it, and what it would settle, a line each; changes nothing."""
        exported = self.exported()
        cut_off = pending_in(exported)
        if not cut_off:
            return exported, ()
        found = settle(self._candidates(to_look_for(cut_off, exported)))
        return with_adopted(without_pending(exported), found.adopted), told(found, cut_off)

    def run(self, act: Callable[[RunOptions], RunResult], options: RunOptions) -> RunResult:
        """Do a run that changes something; what stands in its way and is the stack's own is adopted, and it goes on."""
        with self._alone():
            for left in reversed(range(RUNS)):
                watch = _Watch(options.on_event)
                watched = replace(options, on_event=watch)
                try:
                    return self.unlocked(lambda: act(watched))  # noqa: B023 - called before the loop goes on
                except ResourceError as error:
                    adopted = self._rescued(watch)
                    if not (adopted and watch.conflicts and left):
                        raise error from None
        raise AssertionError("the last run answers or raises")

    def adopt_lost(self) -> bool:
        """Adopt whatever carries the stack's names and tags and is not in its state; whether there was any."""
        with self._alone():
            return bool(self._lost(lambda _: True, began=frozenset()))

    def scaffold(self, known: Collection[str]) -> None:
        """Have the program declare the components and providers that are not `known`, and nothing in AWS."""
        missing = tuple(urn for urn in scaffolding(self.stack.config) if urn not in known)
        if missing:
            options = RunOptions(targets=missing, message="components and providers for an import")
            self.unlocked(lambda: self.engine.up(self.stack.name, options))

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Holds the stack against other commands of this machine, waiting for them as long as was asked."""
        return self._alone()

    def exported(self) -> dict[str, Any]:
        """The exported state, with what is under way in it; {} for a stack not made yet. Errors as `state`."""
        try:
            return self.state()
        except StackNotFoundError:
            return {}

    def state(self) -> dict[str, Any]:
        """The exported state. Raises StackNotFoundError, and DamagedStateError where only `recover` helps."""
        try:
            return self.engine.state(self.stack.name)
        except DamagedStateError:
            if not self._mended():
                raise
        return self.engine.state(self.stack.name)

    def _mended(self) -> bool:
        if not self.engine.mend_files(self.stack.name):
            return False
        self.say(f"A run of {self.stack.name} was cut off while the state was written: the state before that is taken.")
        return True

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if self._held:
            yield
            return
        with contextlib.ExitStack() as held:
            self._waiting(lambda: held.enter_context(self.engine.claim(self.stack.name)))
            self._held = True
            try:
                yield
            finally:
                self._held = False

    def unlocked(self, act: Callable[[], T]) -> T:
        """Act; where a dead run's lock stands in the way, take it off, settle what that run left, and act again."""

        def attempt() -> T:
            while True:
                try:
                    return act()
                except StackLockedByError as error:
                    if not self._took_off(error):
                        raise
                    if not self._settling:
                        self._settled()
                except DamagedStateError:
                    if not self._mended():
                        raise

        return self._waiting(attempt)

    def _took_off(self, error: StackLockedByError) -> bool:
        dead = [self.knows_dead(holder) if holder.is_dead is None else holder.is_dead for holder in error.holders]
        if not dead or not all(dead):
            return False
        for holder in error.holders:
            self.say(f"The run of {holder} is dead: its lock on {self.stack.name} is taken off.")
            self._take_off(holder.url)
        return True

    def _take_off(self, url: str) -> None:
        """That lock alone: a run that began in the meantime keeps its own."""
        if url.startswith("s3://"):
            self.aws.delete_state_object(url)
        elif not self.engine.drop_lock(url):
            self.engine.cancel(self.stack.name)

    def _waiting(self, act: Callable[[], T]) -> T:
        began = time.monotonic()
        while True:
            try:
                return act()
            except StackLockedByError as error:
                now = time.monotonic()
                if now - began >= self.wait:
                    raise self._refusal(error, now - began) from None
                if self._told_at is None or now - self._told_at >= TELL_EVERY_SECONDS:
                    self._told_at = now
                    self.say(f"{error.what}. Waiting …")
                time.sleep(min(POLL_SECONDS, max(0.05, self.wait - (now - began))))

    def _refusal(self, error: StackLockedByError, waited: float) -> StackLockedByError:
        waited_for = f" after {waited:.0f} s of waiting" if self.wait else ""
        elsewhere = [holder for holder in error.holders if holder.is_dead is None]
        if elsewhere:
            return StackLockedByError(
                f"Another run still holds the lock of stack {self.stack.name}{waited_for}: {who(error.holders)}",
                error.holders,
                fix=f"It runs on {elsewhere[0].host}, so nobody here can tell whether it lives. Ask there, or --wait. "
                f"Where you know that it is gone: `pulumi cancel {self.stack.name}`, then the same command again.",
            )
        named = f": {who(error.holders)}" if error.holders else ""
        return StackLockedByError(
            f"Another run of stack {self.stack.name} is under way{waited_for}{named}",
            error.holders,
            fix="It is alive, so it is left alone. --wait waits for it.",
        )

    def _settled(self) -> None:
        """Settle what the state says was under way. Called with the stack held."""
        self._settling = True
        try:
            self._settle(self.exported())
        finally:
            self._settling = False

    def _settle(self, exported: Mapping[str, Any]) -> None:
        cut_off = pending_in(exported)
        if not cut_off:
            return
        self.say(f"An earlier run of {self.stack.name} was cut off in the middle of {len(cut_off)} operations.")
        found = settle(self._candidates(to_look_for(cut_off, exported)))
        if found.refused:
            raise _not_ours(self.stack.name, found)
        self._adopted(found)
        self.put(without_pending)
        for line in told(found, cut_off):
            self.say(f"  {line}")

    def _adopted(self, found: Settlement) -> None:
        if found.adopted:
            adoptions, protect = found.adopted, self.stack.config.protect
            self.unlocked(lambda: self.engine.adopt(self.stack.name, adoptions, protect=protect))

    def put(self, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        """Change the state, as it is at this moment."""
        self.unlocked(lambda: self.engine.set_state(self.stack.name, change(self.exported())))

    def _candidates(self, pending: Iterable[Pending]) -> tuple[Candidate, ...]:
        """The pending creations, each with what is there of it."""
        wanted = tuple(pending)
        if not wanted:
            return ()
        config = self.stack.config
        entries = self._entries()
        places: list[Entry] = []
        for one in wanted:
            entry = entries.get(one.urn) or self._entry(one)
            if entry is not None:
                places.append(entry)
        return tuple(
            Candidate(entry.adoption, config.fed_name, entry.pid, seen, began=True)
            for entry, seen in zip(places, self.look(places), strict=True)
        )

    def _entries(self) -> dict[str, Entry]:
        accounts = find_accounts(self.stack.config, self.stack.settings, self.aws)
        return {entry.urn: entry for entry in catalogue(self.stack.config, self.stack.settings, accounts)}

    def _entry(self, pending: Pending) -> Entry | None:
        """Something that the stack file does not have any more, by the inputs that it was to be created with."""
        config = self.stack.config
        access = Access.of(way_of(pending.provider, config), self.stack.settings)
        region = str(pending.inputs.get("region") or config.region)
        account = self.aws.account_of(access, config.region)
        what = sought(pending, account, region)
        if what is None:
            return None
        adoption = Adoption(
            pending.urn, pending.type, "", pending.parent, pending.provider,
            region if "region" in pending.inputs else None,
        )  # fmt: skip
        return Entry(adoption, what, access, account, region, pid_of(pending.parent, config.fed_name))

    def look(self, entries: Iterable[Entry]) -> tuple[Sighting | None, ...]:
        """What is there of each, all looked up at the same time."""
        return tuple(
            outcome.unwrap()
            for outcome in each(
                lambda entry: self.aws.look_up(entry.access, entry.region, entry.account, entry.sought), entries
            )
        )

    def _rescued(self, watch: _Watch) -> Settlement | None:
        """After a run that failed: adopt what it began to create and AWS has, of its own or of a run before it."""
        if not watch.open:
            return None
        try:
            return self._lost(lambda urn: urn in watch.open, began=watch.open - watch.conflicts)
        except FedmlError:
            return None  # the run's own error is what a person has to be told

    def _lost(self, wanted: Callable[[str], bool], *, began: frozenset[str]) -> Settlement | None:
        if pending_in(self.exported()):
            self._settled()  # the engine itself was killed: what the state knows of is settled as it says
        known = urns_in(self.exported())
        entries = [entry for entry in self._entries().values() if entry.urn not in known and wanted(entry.urn)]
        whole = [entry for entry in entries if entry.sought.type not in OWNER_OF]
        found = settle(
            Candidate(entry.adoption, self.stack.config.fed_name, entry.pid, seen, began=entry.urn in began)
            for entry, seen in zip(whole, self.look(whole), strict=True)
        )
        if not found.adopted:
            return None
        self.scaffold(known)
        self._adopted(found)
        for one in found.adopted:
            self.say(f"{label(one.urn)} was there already, with this stack's tags: adopted.")
        return found


class _Watch:
    """Passes events on, and remembers what was begun to be created and is not known to be done."""

    def __init__(self, tell: Callable[[RunEvent], None] | None) -> None:
        self._tell = tell
        self._open: set[str] = set()
        self._conflicts: set[str] = set()

    @property
    def open(self) -> frozenset[str]:
        """URNs."""
        return frozenset(self._open)

    @property
    def conflicts(self) -> frozenset[str]:
        """URNs of those that AWS says are there already."""
        return frozenset(self._conflicts)

    def __call__(self, event: RunEvent) -> None:
        if event.urn is not None and (event.op or "").startswith("create"):
            if event.kind is EventKind.RESOURCE_STARTED:
                self._open.add(event.urn)
            elif event.kind is EventKind.RESOURCE_DONE:
                self._open.discard(event.urn)
            elif event.kind is EventKind.RESOURCE_FAILED and _is_conflict(event.text):
                self._conflicts.add(event.urn)
        if event.kind is EventKind.MESSAGE and event.severity == "error" and event.urn and _is_conflict(event.text):
            self._conflicts.add(event.urn)
        if self._tell is not None:
            self._tell(event)


def _is_conflict(text: str) -> bool:
    refusal = refusal_in(text)
    return refusal is not None and (refusal.already_there or "already exists" in refusal.message)


def _not_ours(stack: str, found: Settlement) -> ResourceError:
    named = "\n".join(f"  {label(urn)}" for urn in found.refused)
    return ResourceError(
        f"An earlier run of {stack} was cut off while it created what is there now, and is not this stack's by its "
        f"tags:\n{named}",
        fix="Nothing was changed. Rename yours in the stack file, or remove theirs if nobody needs it.",
    )
