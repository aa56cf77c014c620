"""Pull requests by the host's own command line, `gh` or `glab`, where the person has one and is logged in.

Each word is an argument of its own, and no shell reads any: a branch is named by somebody.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from fedml_infra.engine.environment import without_secrets
from fedml_infra.errors import FedmlError, ResourceError
from fedml_infra.gitops.git_process import said
from fedml_infra.gitops.remotes import Place, Remote

SECONDS = 60.0
LONGEST_BODY = 60_000
"""Characters; GitHub takes 65,536, one argument of a process 131,072 bytes."""
State = Literal["open", "merged", "closed"]
_STATES: dict[str, State] = {"open": "open", "opened": "open", "locked": "open", "merged": "merged"}


@dataclass(frozen=True)
class PullRequest:
    """One that there is."""

    number: int
    url: str
    state: State
    commit: str
    """What its branch ended with."""


@dataclass(frozen=True)
class Reviews:
    """The pull requests of one repository. Every method raises ResourceError with the program's own line."""

    tool: Literal["gh", "glab"]
    place: Place
    remote: Remote

    def of(self, branch: str) -> tuple[PullRequest, ...]:
        """Those of a branch, however they ended; the newest first."""
        if self.tool == "gh":
            fields = "number,url,state,headRefOid,isCrossRepository"
            rows = self._listed("pr", "list", f"--head={branch}", "--state=all", f"--json={fields}", "--limit=50")
            # Anybody's fork may have a branch of that name.
            return tuple(_of_github(row) for row in rows if not row.get("isCrossRepository"))
        rows = self._listed("mr", "list", f"--source-branch={branch}", "--all", "--output=json", "--per-page=50")
        return tuple(_of_gitlab(row) for row in rows if row.get("source_project_id") == row.get("target_project_id"))

    def open(self, branch: str, into: str | None, title: str, body: str) -> str:
        """Open one into a branch, the repository's main one if None; its address. An open one is told the new text, as
        far as the person's token may do that."""
        for there in self.of(branch):
            if there.state == "open":
                with suppress(ResourceError):
                    self._retold(there, title, body)
                return there.url
        text = body[:LONGEST_BODY]
        if self.tool == "gh":
            base = [f"--base={into}"] if into else []
            made = self._asked("pr", "create", f"--head={branch}", *base, f"--title={title}", f"--body={text}")
        else:
            base = [f"--target-branch={into}"] if into else []
            told = [f"--title={title}", f"--description={text}", "--yes"]
            made = self._asked("mr", "create", f"--source-branch={branch}", *base, *told)
        found = [word for word in made.split() if word.startswith("https://")]
        return found[-1] if found else next(each.url for each in self.of(branch) if each.state == "open")

    def _retold(self, there: PullRequest, title: str, body: str) -> None:
        text, number = body[:LONGEST_BODY], str(there.number)
        if self.tool == "gh":
            self._asked("pr", "edit", number, f"--title={title}", f"--body={text}")
        else:
            self._asked("mr", "update", number, f"--title={title}", f"--description={text}")

    def _listed(self, *arguments: str) -> list[dict[str, Any]]:
        try:
            found = json.loads(self._asked(*arguments) or "[]")
        except ValueError:
            found = None
        if not isinstance(found, list):
            raise ResourceError(f"{self.tool} gave no list of pull requests.")
        return found

    def _asked(self, *arguments: str) -> str:
        whole = [*arguments, f"--repo={self.place.host}/{self.place.path}" if self.tool == "gh" else ""]
        if self.tool == "glab":
            whole[-1] = f"--repo={self.place.url}"
        return run(self.tool, whole, self.remote)


def reviews_at(remote: Remote) -> Reviews | None:
    """By whichever of both programs is installed and knows the remote's host; None for neither."""
    place = remote.place
    if place is None:
        return None
    by_name: list[Literal["gh", "glab"]] = ["gh"] if "github" in place.host else []
    by_name += ["glab"] if "gitlab" in place.host else []
    for tool in by_name or ("gh", "glab"):
        if shutil.which(tool) is None:
            continue
        try:
            run(tool, ["auth", "status", f"--hostname={place.host}"], remote)
        except FedmlError:
            continue
        return Reviews(tool, place, remote)
    return None


def run(tool: str, arguments: list[str], remote: Remote) -> str:
    """Standard output of one call. It is never asked anything. Raises ResourceError."""
    try:
        done = subprocess.run(
            [tool, *arguments],
            cwd=remote.repository.root,
            env=without_secrets(os.environ) | {"GH_PROMPT_DISABLED": "1", "NO_PROMPT": "1", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ResourceError(f"{tool} did not answer ({type(error).__name__}).") from None
    if done.returncode != 0:
        raise ResourceError(f"{tool} {' '.join(arguments[:2])}: {said(done.stderr)}")
    return done.stdout.decode("utf-8", "replace")


def _of_github(row: dict[str, Any]) -> PullRequest:
    return PullRequest(int(row["number"]), str(row["url"]), _state(row), str(row.get("headRefOid")))


def _of_gitlab(row: dict[str, Any]) -> PullRequest:
    return PullRequest(int(row["iid"]), str(row["web_url"]), _state(row), str(row.get("sha")))


def _state(row: dict[str, Any]) -> State:
    return _STATES.get(str(row.get("state")).lower(), "closed")
