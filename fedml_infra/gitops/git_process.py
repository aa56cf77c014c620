"""Runs git: fixed settings whatever the repository, the user and the environment say, and errors in git's own words.

A repository that a pull request comes from is not trusted: nothing it holds makes git start a program. So no hooks, no
external diff, no text conversion, no file-system monitor, and paths are literal.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from fedml_infra.engine.environment import without_secrets
from fedml_infra.engine.redaction import HIDDEN, SECRET_VARIABLES, Redactor
from fedml_infra.errors import ConfigurationError, FedmlError, TimedOutError

SECONDS = 300.0
"""The longest that one call of git may take; a push to a remote that does not answer ends with it."""

SETTINGS: Mapping[str, str] = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.editor": "false",
    "diff.external": "",
    "diff.renames": "false",
    "diff.relative": "false",
    "merge.default": "text",
    "merge.renames": "true",
    "merge.directoryRenames": "conflict",
    "submodule.recurse": "false",
    "push.recurseSubmodules": "no",
    "push.followTags": "false",
    "push.gpgSign": "false",
    "commit.template": "",
    "commit.status": "false",
    "log.showSignature": "false",
    "color.ui": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
"""Settings that no configuration file overrides (git-config(1))."""

KEPT_VARIABLES = (
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_ASKPASS",
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_CONFIG_",
    "GIT_SSL_",
    "GIT_CEILING_DIRECTORIES",
)
"""Starts of names of git's variables that are the user's to set. Others, as GIT_DIR in a hook, would move or change
what is asked here (git(1), environment variables)."""

_USER = re.compile(r"(://)[^/\s@]+@")


class GitFailedError(FedmlError):
    """git ended with an error: `code` is its exit code, `line` what it said, without credentials."""

    def __init__(self, what: str, code: int, line: str, *, fix: str | None = None) -> None:
        super().__init__(f"{what}: {line}", fix=fix)
        self.code = code
        self.line = line


def git(
    folder: Path,
    arguments: Sequence[str],
    *,
    what: str,
    feed: bytes = b"",
    fine: Sequence[int] = (0,),
    remote: bool = False,
    seconds: float = SECONDS,
) -> tuple[int, bytes]:
    """Run `git ARGUMENTS` in a folder; its exit code and standard output.

    `what` begins the message of an error. `feed` is its standard input. `fine`: exit codes that are no error.
    `remote`: whether it talks to a remote, which may need credentials that the environment holds. It never asks: there
    is no terminal for it. Raises GitFailedError, ConfigurationError where there is no git, TimedOutError.
    """
    command = ["git", "--no-pager", "--no-replace-objects", "--no-optional-locks", "--literal-pathspecs"]
    for name, value in SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    try:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(os.environ, remote=remote),
            # Without a controlling terminal neither ssh nor a credential helper can ask.
            start_new_session=True,
        )
    except FileNotFoundError:
        fix = "Install git 2.38 or newer." if folder.is_dir() else "Name a folder that is there."
        missing = "git is not installed" if folder.is_dir() else f"there is no folder {folder}"
        raise ConfigurationError(f"{what}: {missing}", fix=fix) from None
    with process:
        try:
            out, err = process.communicate(feed, timeout=seconds)
        except BaseException as error:
            # With what it has started, as ssh and helpers are: they would outlive it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise TimedOutError(f"{what}: git did not end within {seconds:g} s") from None
            raise
    if process.returncode not in fine:
        raise GitFailedError(what, process.returncode, said(err))
    return process.returncode, out


def environment(outer: Mapping[str, str], *, remote: bool) -> dict[str, str]:
    """The environment of a git process, out of the `outer` one.

    Secrets of ours never go along; AWS credentials only to a remote, as one in AWS CodeCommit needs them.
    """
    kept = {name: value for name, value in outer.items() if name not in SECRET_VARIABLES or name.startswith("AWS_")}
    if not remote:
        kept = without_secrets(kept)
    kept = {
        name: value for name, value in kept.items() if not name.startswith("GIT_") or name.startswith(KEPT_VARIABLES)
    }
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never", "GIT_EDITOR": "false"}


def said(stderr: bytes) -> str:
    """The line of git's that says what is wrong, without credentials."""
    lines = [line.strip() for line in text(stderr).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "!", "remote: error:"))]
    line = (telling or lines or ["it said nothing"])[0 if telling else -1]
    return Redactor.of(os.environ)(_USER.sub(rf"\1{HIDDEN}@", line))


def text(raw: bytes) -> str:
    """Bytes of git's as text: what is no UTF-8 in a path is shown escaped."""
    return raw.decode("utf-8", "backslashreplace")


def records(raw: bytes) -> list[str]:
    """What `-z` lists."""
    return [text(part) for part in raw.split(b"\0") if part]
