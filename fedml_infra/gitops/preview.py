"""What a change would do to the stacks that it touches, as one document without a secret in it.

A stack that cannot be previewed keeps no other from being looked at. Where `take` refused anything, no engine is
started at all: the document then says what was refused.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedml_infra.engine.protocol import Cancellation, Engine, RunOptions, RunResult
from fedml_infra.engine.redaction import HIDDEN, Redactor
from fedml_infra.engine.stack_files import stack_files
from fedml_infra.errors import ConfigurationError, FedmlError, Problem
from fedml_infra.gitops import plans
from fedml_infra.gitops.changed import ChangedStacks, Layout, StackChange
from fedml_infra.gitops.file_secrets import away, says_how
from fedml_infra.gitops.git import Repository
from fedml_infra.gitops.side_by_side import side_by_side
from fedml_infra.gitops.summary import error_json
from fedml_infra.operations.compare_rights import compare_rights
from fedml_infra.operations.load import Stack, load_stack
from fedml_infra.operations.preflight import foresee
from fedml_infra.operations.rotate import cut_off_by_rotation, overdue
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.state import State
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.up import Before, exported_or_empty, look_at, preview

ROLES = "The pipeline's roles may lack rights on a new stack: `fedml-infra gitops role`, with its file, prints them."
_SECURE = re.compile(rb"secure[\"']?\s*:\s*[\"']?([^\s\"'}]{6,})")


@dataclass(frozen=True)
class Previewing:
    """One look at the stacks of a project. `say` is told what is begun."""

    project: Path
    repository: Repository
    engine: Engine
    aws: Cloud
    base: str
    say: Callable[[str], None]
    refresh: bool = False
    timeout: float | None = None
    """Seconds for each stack."""
    plans: Path | None = None
    """Where a plan of each stack is saved, to be applied as it was reviewed."""

    def all(self, found: ChangedStacks) -> tuple[list[dict[str, Any]], int]:
        """A row for each stack, by name, and the exit code: that of the worst, 0 where all could be previewed."""
        stop = Cancellation()
        redact = Redactor.of(os.environ, self._ciphertexts(found.stacks))
        rows = side_by_side(lambda change: self._row(change, stop), found.stacks, stop)
        code = max((row["error"]["exit_code"] for row in rows if row["error"]), default=0)
        return [scrubbed(row, redact) for row in rows], code

    def _row(self, change: StackChange, stop: Cancellation) -> dict[str, Any]:
        row: dict[str, Any] = {
            "stack": change.name, "status": change.status, "error": None, "rights": [], "summary": {}, "changes": [],
            "diff": "", "rotates_to": None, "because_of": [], "cut_off": [], "notes": [], "plan": None,
        }  # fmt: skip
        try:
            if change.status == "removed":
                return row | {"notes": self._left_of(change.name)}
            self.say(f"Previewing {change.name}…")
            return row | self._previewed(load_stack(self.project, change.name), stop)
        except FedmlError as error:
            return row | {"error": error_json(error)}

    def _previewed(self, stack: Stack, stop: Cancellation) -> dict[str, Any]:
        exported, settled = Recovery(stack, self.engine, self.aws, self.say).foreseen()
        before, unseen = self._looked(stack, exported)

        def run(plan: Path | None) -> RunResult:
            wanted = RunOptions(
                diff=True, refresh=self.refresh, timeout=self.timeout, cancellation=stop, save_plan=plan
            )
            # A stack that the backend lacks would be made there first, which who may only read may not.
            with away(self.engine) if not exported and says_how(stack.path) else nullcontext(self.engine) as engine:
                return preview(stack, before, engine, wanted).result

        plan = None
        if self.plans is None:
            result = run(None)
        else:
            result = plans.save(self.plans, stack.name, stack.path, self.engine.version, self.base, run)
            plan = plans.path_of(self.plans, stack.name).name
        notes = [f"Settled first, as an earlier run was cut off: {line}" for line in settled]
        notes += unseen
        notes += [f"{said.severity}: {said.message}" for said in result.diagnostics if said.severity != "info"]
        return {
            "rights": [change.as_json() for change in before.rights],
            "summary": dict(result.summary),
            "changes": [change.as_json() for change in result.changed],
            "diff": result.text,
            "notes": [*stack.config.notes, *notes],
            "plan": plan,
            **_rotation(stack, before),
        }

    def _looked(self, stack: Stack, exported: Mapping[str, Any]) -> tuple[Before, list[str]]:
        """What the stack is; and of a new one what the pipeline may not see, as its role was made before it."""
        if exported:
            return look_at(stack, self.aws, exported), []
        accounts, problems = foresee(stack.config, stack.settings, aws=self.aws)
        before = Before({}, State(), accounts, compare_rights({}, stack.config))
        notes = [f"Before it can be brought up: {problem.what}" for problem in problems]
        return before, notes and [*notes, ROLES]

    def _left_of(self, name: str) -> list[str]:
        left = State.of(exported_or_empty(self.engine, name)).in_aws
        if not left:
            return ["Its file goes, and it has nothing in AWS."]
        file = Layout.of(self.repository, self.project).path_of(name)
        return [
            f"Its file goes; its {len(left)} resources in AWS stay, and members keep their rights.",
            f"To take them down, run `fedml-infra destroy {name}` before this is merged, or get the file back later "
            f"(git restore --source={self.base[:12]} -- {file}) and run it then.",
        ]

    def _ciphertexts(self, stacks: Sequence[StackChange]) -> list[str]:
        """Whatever stands encrypted in the files: nothing of it has a place in what is shown."""
        files = stack_files(self.project)
        read = [files[one.name].read_bytes() for one in stacks if one.name in files]
        return [text.decode("utf-8", "replace") for content in read for text in _SECURE.findall(content)]


def refused_report(report: Path, base: str) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """What `take` wrote, and what it refused. ConfigurationError where it is a report of something else."""
    try:
        read = json.loads(report.read_bytes())
        refused = [
            {key: row.get(key) for key in ("file", "line", "message", "fix")} for row in read["refused"]
        ]  # fmt: skip
        taken = {"base": str(read["base"]), "head": str(read["head"]), "ignored": list(map(str, read["ignored"]))}
    except FileNotFoundError:
        message = "could not be read, so nothing of it was taken: the log of `gitops take` says why"
        refused = [{"file": "the pull request", "line": None, "message": message, "fix": None}]
        return {"base": base, "head": None, "ignored": []}, refused
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ConfigurationError(
            f"{report} is no report of `gitops take`.", fix="Write it anew with --report."
        ) from None
    if taken["base"] != base:
        raise ConfigurationError(f"{report} is of another base, {taken['base'][:12]}.", fix="Run `gitops take` again.")
    return taken, refused


def refused_error(refused: Sequence[Mapping[str, Any]]) -> ConfigurationError:
    """What `take` refused, as the error that a preview ends with."""
    problems = [Problem(str(row["file"]), str(row["message"]), row["fix"], row["line"]) for row in refused]
    return ConfigurationError("Nothing is previewed, as stack files are refused:", problems)


def scrubbed(value: Any, redact: Callable[[str], str]) -> Any:
    """A document with every text in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        hidden = {"secure", "ciphertext", "plaintext"}
        return {key: HIDDEN if key in hidden else scrubbed(inner, redact) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(inner, redact) for inner in value]
    return value


def _rotation(stack: Stack, before: Before) -> dict[str, Any]:
    """What `gitops apply` will do besides: somebody who had the key is taken out."""
    because_of = overdue(before.outputs, stack.config)
    if not because_of:
        return {}
    return {
        "rotates_to": stack.config.fed_epoch + 1,
        "because_of": list(because_of),
        "cut_off": list(cut_off_by_rotation(stack.config)),
    }
