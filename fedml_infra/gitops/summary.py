"""What `gitops apply` did, for machines and for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fedml_infra.errors import ConfigurationError, FedmlError, answer_of
from fedml_infra.gitops.apply import Outcome
from fedml_infra.gitops.markdown import code, escaped

WORDS = {"create": "made", "update": "changed", "replace": "replaced", "delete": "deleted"}


def summary_json(base: str, outcomes: Sequence[Outcome], *, left: Sequence[str] = ()) -> dict[str, Any]:
    """One document for the whole run. `left`: stacks that were not come to, as the run was stopped."""
    return {
        "base": base,
        "stacks": [_row(outcome) for outcome in outcomes],
        "not_applied": list(left),
        "exit_code": exit_code(outcomes),
    }


def summary_markdown(base: str, outcomes: Sequence[Outcome], *, left: Sequence[str] = ()) -> str:
    """The same as a page, as it stands under a pipeline's run."""
    if not outcomes and not left:
        return f"### fedml-infra apply\n\nNo stack file changed since {code(base[:12])}.\n"
    lines = ["### fedml-infra apply", "", "| stack | file | outcome |", "| --- | --- | --- |"]
    lines += [f"| {code(one.stack)} | {one.status} | {_outcome(one)} |" for one in outcomes]
    lines += [f"| {code(name)} | | not applied: the run was stopped |" for name in left]
    for one in outcomes:
        told = list(_told(one))
        if told:
            lines += ["", f"**{escaped(one.stack)}**", "", *(f"- {line}" for line in told)]
    return "\n".join([*lines, ""])


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """That of the worst: of the first stack that failed with the highest one; 0 where none did."""
    return max((answer_of(one.error).exit_code for one in outcomes if one.error is not None), default=0)


def error_json(error: FedmlError) -> dict[str, Any]:
    """An error for machines."""
    problems = error.problems if isinstance(error, ConfigurationError) else ()
    return {
        "kind": type(error).__name__,
        "exit_code": answer_of(error).exit_code,
        "what": error.what,
        "problems": [problem.as_json() for problem in problems],
        "fix": error.fix,
    }


def error_lines(error: FedmlError) -> list[str]:
    """An error as lines of Markdown, one thing a line."""
    problems = error.problems if isinstance(error, ConfigurationError) else ()
    told = [*error.what.splitlines(), *map(str, problems), *(error.fix or "").splitlines()]
    return [escaped(line) for line in told if line.strip()]


def counted(outcome: Outcome) -> str:
    """`2 made, 1 changed` of what is in AWS; `nothing had to change`."""
    run = outcome.run
    counts = Counter(change.op for change in run.result.changed if change.type.startswith("aws:")) if run else {}
    return ", ".join(f"{number} {WORDS.get(op, op)}" for op, number in counts.items()) or "nothing had to change"


def _row(outcome: Outcome) -> dict[str, Any]:
    run = outcome.run
    return {
        "stack": outcome.stack,
        "status": outcome.status,
        "error": error_json(outcome.error) if outcome.error is not None else None,
        "summary": dict(run.result.summary) if run else {},
        "rights": [change.as_json() for change in run.before.rights] if run else [],
        "seconds": round(run.result.seconds, 3) if run else None,
        "rotation": outcome.kept.as_json() if outcome.kept is not None else None,
        "notes": list(outcome.notes),
    }


def _outcome(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f"**failed** (exit code {answer_of(outcome.error).exit_code})"
    return "stays as it is" if outcome.status == "removed" else f"up: {counted(outcome)}"


def _told(outcome: Outcome) -> list[str]:
    lines = error_lines(outcome.error) if outcome.error is not None else []
    if outcome.run is not None:
        lines += [escaped(str(change)) for change in outcome.run.before.rights]
    if outcome.kept is not None:
        lines.append(escaped(outcome.kept.words))
    return [*lines, *map(escaped, outcome.notes)]
