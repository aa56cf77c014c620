"""A git repository, as a pipeline needs it: what changed, what a commit holds, commits, pushes, temporary worktrees."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from fedml_infra.errors import AuthenticationError, ConfigurationError, ConflictError, FedmlError, Problem
from fedml_infra.gitops.git_process import GitFailedError, git, records, text

Status = Literal["added", "changed", "removed"]
_STATUS: dict[str, Status] = {"A": "added", "D": "removed"}
_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REJECTED = re.compile(r"rejected|fetch first|non-fast-forward|already exists", re.I)
_NOBODY = re.compile(r"ident|no (?:name|email) was given|user\.(?:name|email)", re.I)
_UNKNOWN_CALLER = re.compile(r"authentication|permission denied|could not read (?:username|password)|403|401", re.I)


@dataclass(frozen=True)
class FileChange:
    """A file that differs between two states; a renamed one is removed and added."""

    path: str
    """Below the repository's root, with `/`."""
    status: Status
    mode: str
    """As it is afterwards (before, where it is removed): `100644`, `100755`, `120000` (a link), `160000` (a module)."""


@dataclass(frozen=True)
class TreeEntry:
    """What a commit's tree holds at a path."""

    path: str
    mode: str
    kind: str
    """`blob`, `tree` or `commit` (a submodule)."""
    oid: str
    size: int
    """Bytes of a blob; 0 otherwise."""


@dataclass(frozen=True)
class Repository:
    """A working tree at `root`. All methods raise FedmlErrors, with git's own line where git refused."""

    root: Path

    @classmethod
    def find(cls, start: Path) -> Self:
        """The repository that a folder lies in. ConfigurationError where there is none."""
        try:
            found = git(start, ["rev-parse", "--show-toplevel"], what=f"{start} lies in no git repository")[1]
        except GitFailedError as error:
            raise ConfigurationError(error.what, fix="Go into a clone of the repository, or `git init` one.") from None
        return cls(Path(text(found).rstrip("\n")))

    def commit_of(self, ref: str) -> str:
        """The full name of the commit that a branch, tag or name of a commit means. ConfigurationError for none."""
        try:
            asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
            return self._line(asked, what=f"{ref!r} is no commit")
        except GitFailedError:
            fix = "Fetch it first; a pipeline's checkout needs the whole history (fetch-depth: 0, GIT_DEPTH: 0)."
            raise ConfigurationError(f"{ref!r} is no commit of {self.root}.", fix=fix) from None

    def merge_base(self, one: str, other: str) -> str:
        """The commit that two refs have in common. ConfigurationError where there is none."""
        first, second = self.commit_of(one), self.commit_of(other)
        try:
            return self._line(["merge-base", first, second], what="no common commit")
        except GitFailedError:
            raise ConfigurationError(
                f"{one!r} and {other!r} have no commit in common here.",
                fix="A pipeline's checkout needs the whole history (fetch-depth: 0, GIT_DEPTH: 0).",
            ) from None

    def changed(self, base: str, head: str | None) -> tuple[FileChange, ...]:
        """The files that differ from `base` to `head` (commits or trees), by path.

        `head` None: the working tree as it is, with files that git does not know yet and does not ignore.
        """
        before = self._tree_of(base)
        raw = ["--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv"]
        what = "What changed cannot be told"
        if head is not None:
            listed = ["diff-tree", "-r", *raw[:4], before, self._tree_of(head)]
            return _changes(self._git(listed, what=what))
        # `git diff` and not `diff-index`: it looks into files that only their time makes look changed.
        known = self._git(["diff", *raw, "--ignore-submodules=all", before, "--"], what=what)
        new = records(self._git(["ls-files", "-z", "--others", "--exclude-standard", "--full-name"], what=what))
        tracked = {change.path: change for change in _changes(known)}
        for path in new:
            # Known to the base and not to the index: there again, as `git rm --cached` leaves it.
            tracked[path] = FileChange(path, "changed" if path in tracked else "added", _mode(self.root / path))
        return tuple(sorted(tracked.values(), key=lambda change: change.path))

    def entry(self, tree: str, path: str) -> TreeEntry | None:
        """What a commit or tree holds at a path; None for nothing."""
        return next(iter(self._listed(tree, path.rstrip("/"))), None)

    def entries(self, tree: str, folder: str) -> tuple[TreeEntry, ...]:
        """What lies in a folder of a commit or tree, one level; () where there is no such folder. "" is the root."""
        return self._listed(tree, f"{folder.rstrip('/')}/" if folder.strip("/") else None)

    def read(self, oid: str) -> bytes:
        """A blob as it is stored: no filter, no conversion of line ends."""
        return self.read_all((oid,))[oid]

    def read_all(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Several blobs by one process."""
        wanted = tuple(dict.fromkeys(oids))
        for oid in wanted:
            if not _OBJECT.fullmatch(oid):
                raise ValueError(f"{oid!r} names no object")
        feed = "".join(f"{oid}\n" for oid in wanted).encode()
        out = self._git(["cat-file", "--batch"], what="Files cannot be read", feed=feed) if wanted else b""
        found: dict[str, bytes] = {}
        at = 0
        for oid in wanted:
            end = out.index(b"\n", at)
            head = out[at:end].split()
            if len(head) != 3 or head[1] != b"blob":
                raise ConfigurationError(f"{oid} is no file that {self.root} has.", fix="Fetch the whole history.")
            found[oid] = out[end + 1 : end + 1 + int(head[2])]
            at = end + 2 + int(head[2])
        return found

    def merged_tree(self, base: str, head: str) -> str:
        """The tree that merging `head` into `base` gives. Nothing is checked out.

        ConflictError, with the files, where they cannot be merged.
        """
        commits = self.commit_of(base), self.commit_of(head)
        asked = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", *commits]
        try:
            code, out = git(self.root, asked, what=f"{head!r} cannot be merged into {base!r}", fine=(0, 1))
        except GitFailedError as error:
            old = "usage" in error.line or "unknown option" in error.line
            raise ConfigurationError(error.what, fix="This needs git 2.38 or newer." if old else None) from None
        tree, *files = records(out)
        if code == 0:
            return tree
        problems = [Problem(path, "was changed on both sides") for path in dict.fromkeys(files)]
        fix = f"Merge {base!r} into the branch, settle these files, and push it again."
        raise ConflictError(f"{head!r} cannot be merged into {base!r}:", problems, fix=fix)

    def current_branch(self) -> str | None:
        """The branch that is checked out; None where it is a commit."""
        code, out = git(self.root, ["symbolic-ref", "--short", "--quiet", "HEAD"], what="No branch", fine=(0, 1))
        return text(out).strip() if code == 0 else None

    def has_branch(self, branch: str) -> bool:
        """Whether there is a local branch of that name."""
        asked = ["show-ref", "--verify", "--quiet", f"refs/heads/{branch}"]
        return git(self.root, asked, what="No branch", fine=(0, 1))[0] == 0

    def commit(self, paths: Iterable[Path | str], message: str) -> str | None:
        """Commit these paths as they are in the working tree, and nothing else; None where they are as committed.

        Paths are absolute or below the root; one that is gone is removed. What else is staged stays staged.
        """
        wanted = [self._below(path) for path in paths]
        known = set(records(self._git(["ls-files", "-z", "--", *wanted], what="Paths cannot be listed")))
        files = [path for path in wanted if path in known or _is_there(self.root / path)]
        if not files:
            return None
        what = "Nothing was committed"
        self._git(["add", "--all", "--", *files], what=what)
        asked = ["status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all", "--", *files]
        if not self._git(asked, what=what):
            return None
        whole = ["commit", "--only", "--quiet", "--no-verify", "--cleanup=whitespace", "--file=-", "--", *files]
        try:
            self._git(whole, what=what, feed=message.encode())
        except GitFailedError as error:
            fix = "git config user.name and user.email say who commits."
            raise FedmlError(error.what, fix=fix if _NOBODY.search(error.line) else None) from None
        return self.commit_of("HEAD")

    def push(self, branch: str, *, remote: str = "origin") -> None:
        """Push a branch, never by force. ConflictError where the remote's went on, AuthenticationError where git's
        credentials do not do."""
        self._check_branch(branch)
        ref = f"refs/heads/{branch}"
        try:
            git(
                self.root,
                ["push", "--quiet", "--no-verify", "--", remote, f"{ref}:{ref}"],
                what=f"{branch} was not pushed to {remote}",
                remote=True,
            )
        except GitFailedError as error:
            if _REJECTED.search(error.line):
                raise ConflictError(error.what, fix="Fetch it, and begin from what is there.") from None
            if _UNKNOWN_CALLER.search(error.line):
                raise AuthenticationError(error.what, fix="Give git credentials that may push there.") from None
            raise

    @contextmanager
    def worktree(self, branch: str, start: str = "HEAD") -> Iterator[Repository]:
        """A temporary checkout of a branch beside this one, which stays as it is; it is gone afterwards.

        A branch that does not exist is made at `start`, and taken back where the block fails before it commits.
        """
        self._check_branch(branch)
        new = not self.has_branch(branch)
        begin = self.commit_of(start) if new else ""
        what = f"No worktree of {branch} could be made"
        with tempfile.TemporaryDirectory(prefix="fedml-infra-worktree-") as folder:
            place = Path(folder).resolve() / "tree"
            how = ["--no-track", "-b", branch, str(place), begin] if new else [str(place), branch]
            self._git(["worktree", "add", "--quiet", *how], what=what)
            failed = True
            try:
                yield Repository(place)
                failed = False
            finally:
                with suppress(GitFailedError):
                    self._git(["worktree", "remove", "--force", str(place)], what=what)
                if failed and new and self.commit_of(f"refs/heads/{branch}") == begin:
                    with suppress(GitFailedError):
                        self._git(["branch", "--quiet", "-D", branch], what=what)

    def _git(self, arguments: list[str], *, what: str, feed: bytes = b"") -> bytes:
        return git(self.root, arguments, what=what, feed=feed)[1]

    def _line(self, arguments: list[str], *, what: str) -> str:
        return text(self._git(arguments, what=what)).strip()

    def _tree_of(self, ref: str) -> str:
        """The tree of a commit, or a tree as it is."""
        if _OBJECT.fullmatch(ref):
            with suppress(GitFailedError):
                asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{tree}}"]
                return self._line(asked, what="no tree")
        return self._line(["rev-parse", f"{self.commit_of(ref)}^{{tree}}"], what="no tree")

    def _listed(self, tree: str, path: str | None) -> tuple[TreeEntry, ...]:
        within = ["--", path] if path is not None else []
        asked = ["ls-tree", "-z", "-l", "--full-tree", self._tree_of(tree), *within]
        rows = (row.partition("\t") for row in records(self._git(asked, what="A tree cannot be read")))
        return tuple(_entry(*head.split(), path=name) for head, _, name in rows)

    def _below(self, path: Path | str) -> str:
        whole = self.root / path
        # Its folder alone: a link is committed as a link.
        found = whole.parent.resolve() / whole.name
        try:
            return found.relative_to(self.root.resolve()).as_posix()
        except ValueError:
            raise ConfigurationError(f"{path} lies outside the repository {self.root}.") from None

    def _check_branch(self, branch: str) -> None:
        asked = ["check-ref-format", "--branch", branch]
        try:
            named = not branch.startswith("-") and self._line(asked, what="no name") == branch
        except GitFailedError:
            named = False
        if not named:
            raise ConfigurationError(f"{branch!r} is no name for a branch.", fix="Use letters, digits, - and /.")


def _changes(raw: bytes) -> tuple[FileChange, ...]:
    """Reads `--raw -z`: `:oldmode newmode oldoid newoid S`, then the path (git-diff-tree(1), raw output format)."""
    parts = records(raw)
    found = []
    for head, path in zip(parts[::2], parts[1::2], strict=True):
        before, after, _, _, letter = head.removeprefix(":").split()
        status = _STATUS.get(letter[0], "changed")
        found.append(FileChange(path, status, before if status == "removed" else after))
    return tuple(sorted(found, key=lambda change: change.path))


def _entry(mode: str, kind: str, oid: str, size: str, *, path: str) -> TreeEntry:
    return TreeEntry(path, mode, kind, oid, int(size) if size.isdecimal() else 0)


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _mode(path: Path) -> str:
    if path.is_symlink():
        return "120000"
    return "100755" if path.exists() and path.stat().st_mode & 0o100 else "100644"
