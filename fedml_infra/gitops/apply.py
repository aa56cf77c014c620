"""Bring up what a merged change touches: hubs first, one stack after the other, whatever becomes of the one before.

Cut off anywhere, the same call goes on: a stack that is up is found as it should be, a run that was cut off is settled
first, and a rotation that was written is brought up and not begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fedml_infra.engine.protocol import Engine, RunOptions
from fedml_infra.engine.stack_files import stack_files
from fedml_infra.errors import CancelledError, ConfigurationError, FedmlError
from fedml_infra.gitops import plans
from fedml_infra.gitops.changed import Layout, StackChange, changed_stacks
from fedml_infra.gitops.git import Repository
from fedml_infra.gitops.hosting.protocol import Host
from fedml_infra.gitops.keeping import Keeper, Kept, is_rotation
from fedml_infra.operations.load import Stack, load_stack
from fedml_infra.operations.rotate import losers, rights_in_force, rights_of, under_way
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.state import State
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.up import Run, exported_or_empty, recovered_before, up

NOTHING_BEFORE = frozenset({"0" * 40, "0" * 64})
"""What a code host says that a new branch was before."""


@dataclass(frozen=True)
class Outcome:
    """What became of one stack."""

    stack: str
    status: str
    """`added`, `changed` or `removed`, as its file was."""
    run: Run | None = None
    kept: Kept | None = None
    """Where the rotation that was due is kept."""
    error: FedmlError | None = None
    notes: tuple[str, ...] = ()


Watch = Callable[[Stack], AbstractContextManager[RunOptions]]
"""How a run is done and watched; entered for each stack that is brought up."""


@contextmanager
def unwatched(_: Stack) -> Iterator[RunOptions]:
    """Nobody looks on."""
    yield RunOptions()


@dataclass(frozen=True)
class Applying:
    """One run for one change. `wait`: seconds to wait for another run of a stack."""

    project: Path
    repository: Repository
    engine: Engine
    aws: Cloud
    say: Callable[[str], None]
    wait: float = 0.0
    commits: bool = True
    """Whether a rotation is committed and pushed. Where not, the stack files are taken as they are."""
    branch: str | None = None
    """What is applied; None where nobody knows."""
    host: Host | None = None
    plans: Path | None = None
    """Where saved plans are, all of which have to fit."""
    watch: Watch = field(default=unwatched)

    def touched(self, base: str) -> tuple[StackChange, ...]:
        """The stacks that the change from `base` to here touches: hubs first, then by name; removed ones last.

        ConfigurationError where there is no such commit, or stack files differ from what is committed.
        """
        head = "HEAD" if self.commits else None
        if base in NOTHING_BEFORE:
            found = tuple(StackChange(name, "added") for name in stack_files(self.project))
        else:
            found = changed_stacks(self.repository, self.project, self.repository.commit_of(base), head).stacks
        if self.commits:
            self._require_committed(found)
        return tuple(sorted(found, key=lambda one: (one.status == "removed", not self._is_hub(one), one.name)))

    def all(self, touched: Sequence[StackChange]) -> tuple[tuple[Outcome, ...], tuple[str, ...]]:
        """What became of each, and the names of those that were not come to, as a person or the pipeline stopped it."""
        outcomes: list[Outcome] = []
        for change in touched:
            outcomes.append(self.apply(change))
            if isinstance(outcomes[-1].error, CancelledError):
                break
        return tuple(outcomes), tuple(change.name for change in touched[len(outcomes) :])

    def apply(self, change: StackChange) -> Outcome:
        """Bring one stack up; what goes wrong is in the outcome."""
        try:
            if change.status == "removed":
                return Outcome(change.name, change.status, notes=self._left_of(change.name))
            return self._brought_up(change)
        except FedmlError as error:
            return Outcome(change.name, change.status, error=error)

    def _brought_up(self, change: StackChange) -> Outcome:
        stack = load_stack(self.project, change.name)
        recovery = Recovery(stack, self.engine, self.aws, self.say, self.wait)
        with recovery.alone():
            recovery.stack = stack = load_stack(self.project, change.name)
            before = recovered_before(recovery)
            _refuse_earlier_key(stack, before.outputs)
            keeper = self._keeper(stack, before.outputs)
            begun = under_way(before.outputs, stack.config)
            plan = None
            if self.plans is not None:
                plan = plans.load(self.plans, stack.name, stack.path, self.engine.version, under_way=begun).path
            if begun and stack.path.read_bytes() != keeper.before:
                keeper.keep()
            with self.watch(stack) as how:
                # A plan is of what the state says: what a look at AWS adds is not in it.
                refresh = how.refresh and plan is None
                wanted = replace(how, plan=plan, refresh=refresh, expected=before.state.counted or None)
                run = up(recovery, before, wanted, keep=keeper.keep)
        return Outcome(change.name, change.status, run, keeper.kept)

    def _keeper(self, stack: Stack, outputs: Mapping[str, Any]) -> Keeper:
        committed = self._committed(stack.path)
        return Keeper(
            repository=self.repository,
            stack=stack.name,
            path=stack.path,
            before=stack.path.read_bytes() if committed is None else committed,
            branch=self.branch,
            say=self.say,
            host=self.host,
            writes=self.commits,
            because=losers(rights_in_force(outputs), rights_of(stack.config)),
        )

    def _committed(self, path: Path) -> bytes | None:
        below = path.resolve().relative_to(self.repository.root.resolve()).as_posix()
        entry = self.repository.entry("HEAD", below)
        return self.repository.read(entry.oid) if entry is not None and entry.kind == "blob" else None

    def _require_committed(self, found: tuple[StackChange, ...]) -> None:
        """Only what is committed was reviewed; a rotation of ours that was cut off is the one thing more."""
        layout = Layout.of(self.repository, self.project)
        files = stack_files(self.project)
        differing = {layout.stack_of(change.path) for change in self.repository.changed("HEAD", None)}
        # By its bytes, too: git takes a file for unchanged that an attribute had it convert on checkout.
        loose = []
        for name in sorted(one.name for one in found):
            path = files.get(name)
            committed = self._committed(path) if path is not None else None
            if name not in differing and (path is None or path.read_bytes() == committed):
                continue
            if path is None or committed is None or not is_rotation(committed, path):
                loose.append(layout.path_of(name))
        if loose:
            raise ConfigurationError(
                f"Not as committed, so not as reviewed: {', '.join(loose)}.",
                fix="Commit the change, or take it back. --no-commit takes the files as they are.",
            )

    def _is_hub(self, change: StackChange) -> bool:
        if change.status == "removed":
            return False
        try:
            return load_stack(self.project, change.name).config.is_hub
        except FedmlError:
            return False  # told when its turn comes

    def _left_of(self, name: str) -> tuple[str, ...]:
        """What stays of a stack whose file is gone, and how it is destroyed."""
        exported = exported_or_empty(self.engine, name)
        left = State.of(exported).in_aws
        if not left:
            return ("Its file is gone, and it has nothing in AWS.",)
        file = Layout.of(self.repository, self.project).path_of(name)
        return (
            f"Its file is gone; its {len(left)} resources in AWS stay, and members keep their rights.",
            "Nothing is destroyed because a file is missing. To destroy it, get the file back "
            f"(git restore --source=COMMIT -- {file}) and run: fedml-infra destroy {name}",
        )


def _refuse_earlier_key(stack: Stack, outputs: Mapping[str, Any]) -> None:
    """An earlier key must not come back: whoever was shut out by the later one has it."""
    made = (outputs.get("federation") or {}).get("epoch")
    if stack.config.is_hub and made is not None and stack.config.fed_epoch < int(made):
        raise ConfigurationError(
            f"The file of {stack.name} has the key of epoch {stack.config.fed_epoch}, and the federation that of "
            f"epoch {made} already.",
            fix=f"Merge the branch fedml-infra/{stack.name}-epoch-{made}, or the commit that rotated it.",
        )
