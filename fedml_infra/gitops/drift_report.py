"""Drift of every stack of a repository, as one document and as one issue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fedml_infra.engine.protocol import Cancellation, Engine, RunOptions
from fedml_infra.errors import CancelledError, FedmlError, answer_of
from fedml_infra.gitops.hosting.protocol import Host
from fedml_infra.gitops.markdown import code, escaped
from fedml_infra.gitops.side_by_side import side_by_side
from fedml_infra.gitops.summary import error_json, error_lines
from fedml_infra.operations.drift import Drift, find_drift
from fedml_infra.operations.load import files_of, load_stack
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.tools import Cloud
from fedml_infra.operations.up import look_at

MARKER = "<!-- fedml-infra:drift -->"
SHOWN = 50
"""Findings of one stack that are told in the issue."""
LONGEST = 60_000
"""Characters of an issue; GitHub takes 65,536."""
CHANGES_FOUND = 7


@dataclass(frozen=True)
class StackDrift:
    """One stack, looked at."""

    stack: str
    drift: Drift | None = None
    """None where it was never brought up, or could not be looked at."""
    error: FedmlError | None = None
    cut_off: bool = False
    """Whether a run was cut off, so that the next one settles something first."""

    @property
    def differs(self) -> bool:
        """Whether something in AWS is not as it was made."""
        return self.drift is not None and self.drift.found

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "stack": self.stack,
            "made": self.drift is not None or self.error is not None,
            "cut_off": self.cut_off,
            "error": error_json(self.error) if self.error is not None else None,
            **(self.drift.as_json() if self.drift is not None else {"drift": False}),
        }


def drift_of_all(project: Path, engine: Engine, aws: Cloud, options: RunOptions) -> tuple[StackDrift, ...]:
    """Every stack that has a file, by name, two at a time; changes nothing. A stack's error is told in its place.

    Interrupted, the engines are stopped. Raises StackNotFoundError where there is no stack file.
    """
    names = list(files_of(project))
    cancellation = options.cancellation or Cancellation()
    wanted = replace(options, cancellation=cancellation)
    return side_by_side(lambda name: _looked_at(project, name, engine, aws, wanted), names, cancellation)


def _looked_at(project: Path, name: str, engine: Engine, aws: Cloud, options: RunOptions) -> StackDrift:
    try:
        stack = load_stack(project, name)
        exported, settled = Recovery(stack, engine, aws, lambda _: None).foreseen()
        cut_off = bool(settled)
        before = look_at(stack, aws, exported)
        if before.is_new:
            return StackDrift(name, cut_off=cut_off)
        return StackDrift(name, find_drift(stack, before, engine, aws, options), cut_off=cut_off)
    except CancelledError:
        raise
    except FedmlError as error:
        return StackDrift(name, error=error)


def drift_json(found: Sequence[StackDrift], issue: str | None = None) -> dict[str, Any]:
    """One document. `issue` is the URL of the one that was opened, updated or closed."""
    return {"drift": any(one.differs for one in found), "stacks": [one.as_json() for one in found], "issue": issue}


def exit_code(found: Sequence[StackDrift]) -> int:
    """7 where anything differs; else that of the worst error; 0 where every stack is as it was made."""
    if any(one.differs for one in found):
        return CHANGES_FOUND
    return max((answer_of(one.error).exit_code for one in found if one.error is not None), default=0)


def drift_markdown(found: Sequence[StackDrift]) -> str:
    """What differs, by stack, in plain words; at most `LONGEST` characters."""
    told = [one for one in found if one.differs or one.error is not None]
    if not told:
        return f"Nothing in AWS differs from what the {len(found)} stacks made.\n"
    parts = ["\n".join(_section(one)) for one in told]
    quiet = len(found) - len(told)
    if quiet:
        parts.append(f"{'The other stack is' if quiet == 1 else f'The other {quiet} stacks are'} as made.")
    text = "\n\n".join(parts)
    more = "\n\nMore is found than fits here: run `fedml-infra gitops drift`."
    return (text if len(text) <= LONGEST else text[: LONGEST - len(more)].rpartition("\n")[0] + more) + "\n"


def drift_title(found: Sequence[StackDrift]) -> str:
    """The issue's title."""
    names = [one.stack for one in found if one.differs]
    if not names:
        return "Drift could not be looked for"
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"Drift in {len(names)} stack{'s' if len(names) > 1 else ''}: {shown}"


def told_in_issue(host: Host, found: Sequence[StackDrift]) -> str | None:
    """Have the repository's one issue about drift say what is found; its URL.

    Opened or updated where something differs or could not be looked at; else closed with a note, None where none was
    open.
    """
    if any(one.differs or one.error is not None for one in found):
        return host.issue(MARKER, drift_title(found), drift_markdown(found))
    return host.close_issue(MARKER, "Nothing differs any more: every stack is in AWS as it was made.")


def _section(one: StackDrift) -> list[str]:
    lines = [f"#### {escaped(one.stack)}", ""]
    if one.error is not None:
        return [*lines, "It could not be looked at:", "", *(f"- {line}" for line in error_lines(one.error))]
    assert one.drift is not None
    findings = one.drift.findings
    lines += [f"- **{each.severity}**: {escaped(each.words)}" for each in findings[:SHOWN]]
    if len(findings) > SHOWN:
        lines.append(f"- and {len(findings) - SHOWN} more")
    if one.drift.unapplied:
        lines += ["", f"Besides, {one.drift.unapplied} resources differ because the stack file is not applied yet."]
    return [*lines, "", f"{code(f'fedml-infra drift {one.stack} --fix')} puts it right; so does the next apply of it."]
