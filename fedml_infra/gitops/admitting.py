"""Invites that are redeemed against a repository whose changes are reviewed: a branch in the place of the engine.

Whoever has proved its account redeems its token; the member is written on a branch that all who wait share while it is
open, and comes to be one when a person has merged it and the pipeline has brought it up. Nothing of the engine runs
here. What is true stands in three places that outlive this process: who redeemed a token in the store, who is proposed
on the remote, who is a member on the published roster.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from fedml_infra.engine.project import stack_path
from fedml_infra.engine.protocol import Engine
from fedml_infra.engine.stack_files import StackFile
from fedml_infra.errors import ConfigurationError, FedmlError, ResourceError
from fedml_infra.gitops.file_secrets import FileSecrets
from fedml_infra.gitops.git import Repository
from fedml_infra.gitops.propose import Proposal, at_desk, listed, propose
from fedml_infra.gitops.remotes import Remote, drop_branch, is_within
from fedml_infra.gitops.reviews import reviews_at
from fedml_infra.model.rights import Rights
from fedml_infra.model.stack import Member, StackConfig
from fedml_infra.operations.admission import Joining, admit_member
from fedml_infra.operations.compare_rights import compare_rights
from fedml_infra.operations.hub_change import as_if_up
from fedml_infra.operations.load import Stack, load_stack
from fedml_infra.store.store import Store

LOOK_SECONDS = 20.0
"""For so long what the remote said of a branch is believed, however many ask."""
DECLINED = "The pull request that was to let this account in is closed, and was not merged. Ask the administrator."


class DeclinedError(ResourceError):
    """A pull request that was closed without a merge, or a branch that is gone."""


def require_hub_key_in(stack: Stack) -> None:
    """Raise ConfigurationError for a hub's file without the key that signs rosters: what is brought up from it could
    give nobody the federation's key. `invite create` writes one where there is none."""
    if not stack.config.has_secret("hub_key"):
        raise ConfigurationError(
            f"{stack.path.name} has no hub_key, as it is committed.",
            fix="`fedml-infra invite create` writes one into the file: commit it, and have it merged first.",
        )


@dataclass(frozen=True)
class Wanted:
    """What an account is to be by the stack file."""

    joining: Joining
    rights: Rights

    def is_in(self, config: StackConfig) -> bool:
        """Whether a file says all of it."""
        joining = self.joining
        return _covers(config, joining.aws_id, (joining.pid,), joining.public_key, self.rights)


@dataclass
class GitOpsRuns:
    """Proposes members; one branch at a time. May be used by several threads.

    `prefix` is the branch's name; where one of that name is over and still there, a number follows it. `told` is called
    with each pull request, or where one is to be opened.
    """

    project: Path
    stack: str
    topic_arn: str
    engine: Engine
    store: Store
    prefix: str
    told: Callable[[Proposal], None] = lambda _: None
    on_error: Callable[[FedmlError], None] = lambda _: None
    """Told what no joiner's answer depends on."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _working: threading.Lock = field(default_factory=threading.Lock, init=False)
    _waiting: dict[str, Wanted] = field(default_factory=dict, init=False)
    _proposed: dict[str, tuple[str, Wanted]] = field(default_factory=dict, init=False)
    _outcomes: dict[str, FedmlError] = field(default_factory=dict, init=False)
    _looked_at: float = field(default=float("-inf"), init=False)

    def propose(self, wanted: Wanted) -> None:
        """See that the account, whose token is redeemed, is proposed or all of that by the reviewed file.

        Raises DeclinedError, once: the next call proposes it anew. Whatever git refuses goes through.
        """
        account = wanted.joining.aws_id
        with self._lock:
            self._waiting[account] = wanted
        with self._working:
            with self._lock:
                mine = account in self._waiting
                served, self._waiting = (self._waiting, {}) if mine else ({}, self._waiting)
            if served:
                self._serve(served)
            outcome = self._outcomes.pop(account, None)
        if outcome is not None:
            raise outcome

    def check(self) -> None:
        """Raise what keeps any branch from being proposed, before anybody asks: no repository, no name for a branch,
        a stack file that is not merged."""
        repository = Repository.find(self.project)
        with at_desk(self.project, self.prefix, base=_base(repository, Remote.of(repository))[0]):
            self.reviewed()

    def reviewed(self) -> StackConfig:
        """What the stack file says where changes are merged into, as it was last fetched."""
        repository = Repository.find(self.project)
        remote = Remote.of(repository)
        return self._config(repository, _base(repository, remote)[0])

    def _serve(self, served: Mapping[str, Wanted]) -> None:
        """Propose these accounts in one commit; what goes wrong is the outcome of each."""
        is_known = all(self._proposed.get(account, ("", None))[1] == wanted for account, wanted in served.items())
        if is_known and time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        try:
            self._look(served)
        except FedmlError as error:
            # Who is proposed already waits for a person, and not for what failed here.
            failed = [account for account in served if account not in self._proposed]
            self._outcomes.update(dict.fromkeys(failed, error))
            if not failed:
                self._looked_at = time.monotonic()
                self.on_error(error)

    def _look(self, served: Mapping[str, Wanted]) -> None:
        repository = Repository.find(self.project)
        remote = Remote.of(repository)
        if remote is not None:
            remote.fetch()
        base, into = _base(repository, remote)
        reviewed = self._config(repository, base)
        name, tip = self._batch(repository, remote, base, reviewed)
        there = self._config(repository, tip) if tip is not None else None
        for account, (branch, wanted) in tuple(self._proposed.items()):
            if wanted.is_in(reviewed) or (branch == name and there is not None and wanted.is_in(there)):
                continue
            del self._proposed[account]
            self._outcomes[account] = DeclinedError(DECLINED)
        self._looked_at = time.monotonic()
        new: list[Wanted] = []
        for account, wanted in served.items():
            if account in self._outcomes or wanted.is_in(reviewed):
                continue
            if there is not None and wanted.is_in(there):
                self._proposed[account] = name, wanted
            else:
                new.append(wanted)
        if new:
            self._write(repository, name, base, into, reviewed, new)

    def _write(
        self, repository: Repository, name: str, base: str, into: str | None, reviewed: StackConfig, new: list[Wanted]
    ) -> None:
        written: list[Wanted] = []
        with _left_to_the_remote(repository, name), at_desk(self.project, name, base=base, into=into) as desk:
            path = stack_path(desk.project, self.stack)
            require_hub_key_in(load_stack(desk.project, self.stack))
            with FileSecrets(self.engine, path) as secrets:
                for wanted in new:
                    try:
                        admit_member(desk.project, self.stack, secrets, self.store, self.topic_arn, wanted.joining)
                        written.append(wanted)
                    except FedmlError as error:
                        # As where the branch has another with that pid: the others are none the worse.
                        self._outcomes[wanted.joining.aws_id] = error
            after = load_stack(desk.project, self.stack).config
            rights = compare_rights(as_if_up(reviewed), after)
            there = {each.aws_id: each for each in reviewed.members}
            who = {each.aws_id: each for each in after.members if each != there.get(each.aws_id)}
            whom = f"account {next(iter(who))}" if len(who) == 1 else f"{len(who)} accounts"
            notes = [
                f"Account {account} proved itself with an invite, for node {', '.join(each.nodes)}"
                f"{'; its public key is another one' if _has_new_key(there.get(account), each) else ''}."
                for account, each in who.items()
            ]
            done = propose(desk, path, f"Let {whom} into {self.stack}", listed(rights, notes))
        self._proposed |= {wanted.joining.aws_id: (name, wanted) for wanted in written}
        self.told(done)

    def _batch(
        self, repository: Repository, remote: Remote | None, base: str, reviewed: StackConfig
    ) -> tuple[str, str | None]:
        """The branch that is open, and what it ends with; or a name for a new one, and None."""
        for number in count(1):
            name = self.prefix if number == 1 else f"{self.prefix}-{number}"
            tip = remote.has(name) if remote is not None else None
            if tip is None and repository.has_branch(name):
                tip = repository.commit_of(f"refs/heads/{name}")
            if tip is None or self._is_open(repository, remote, name, tip, base, reviewed):
                return name, tip
        raise AssertionError("a name is found")

    def _is_open(
        self,
        repository: Repository,
        remote: Remote | None,
        name: str,
        tip: str,
        base: str,
        reviewed: StackConfig,
    ) -> bool:
        if is_within(repository, tip, base):
            return False
        # A squashed merge leaves no commit of the branch, but what it says.
        said = self._config(repository, tip)
        if all(
            _covers(reviewed, each.aws_id, each.nodes, each.public_key, said.member_rights(each))
            for each in said.members
        ):
            return False
        reviews = reviews_at(remote) if remote is not None else None
        states = [each.state for each in reviews.of(name) if each.commit == tip] if reviews is not None else []
        return not states or "open" in states

    def _config(self, repository: Repository, commit: str) -> StackConfig:
        path = stack_path(self.project, self.stack)
        below = path.resolve().relative_to(repository.root.resolve()).as_posix()
        entry = repository.entry(commit, below)
        if entry is None or entry.kind != "blob":
            raise ConfigurationError(f"{below} is not in {commit[:12]}.", fix="Commit and push it first.")
        return StackFile(path, repository.read(entry.oid).decode("utf-8", "replace"), on_disk=None).validated()


def _base(repository: Repository, remote: Remote | None) -> tuple[str, str | None]:
    """The commit that changes are reviewed against, and the branch that they are merged into."""
    current = repository.current_branch()
    if remote is None:
        return repository.commit_of("HEAD"), current
    for branch in (current, remote.main()):
        found = remote.has(branch) if branch is not None else None
        if found is not None:
            return found, branch
    raise ConfigurationError(
        f"{remote.name} has no branch {current or 'that is checked out'} to merge into.", fix="Push it first."
    )


def _covers(config: StackConfig, account: str, pids: tuple[str, ...], public_key: str | None, rights: Rights) -> bool:
    """Whether a file makes the account a member with these nodes, this key and these rights, or more."""
    entry = next((each for each in config.members if each.aws_id == account), None)
    return (
        entry is not None
        and (not entry.nodes or (bool(pids) and set(pids) <= set(entry.nodes)))
        and public_key in (None, entry.public_key)
        and rights <= config.member_rights(entry)
    )


def _has_new_key(before: Member | None, after: Member) -> bool:
    return before is not None and before.public_key not in (None, after.public_key)


@contextmanager
def _left_to_the_remote(repository: Repository, name: str) -> Iterator[None]:
    """The branch is the remote's: what was written on it here is gone afterwards, pushed or not, as the store knows who
    is to be on it. Without a remote it stays, and so does what somebody else wrote on it and did not push."""
    was_here = repository.has_branch(name)
    try:
        yield
    finally:
        remote = Remote.of(repository)
        if remote is not None and repository.has_branch(name):
            commit, there = repository.commit_of(f"refs/heads/{name}"), remote.has(name)
            if not was_here or (there is not None and is_within(repository, commit, there)):
                drop_branch(repository, name, commit)
