"""A preview as the comment of a pull request: plain words first, the engine's diff folded below. Pure.

Everything that comes from files, branches or the engine is escaped: it makes no mention, link, HTML or marker, and ends
no fence. Known secrets and ciphertexts are taken out once more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fedml_infra.engine.redaction import HIDDEN
from fedml_infra.errors import ConfigurationError
from fedml_infra.gitops.markdown import code, escaped, fenced
from fedml_infra.gitops.preview import scrubbed
from fedml_infra.gitops.words import in_aws, kind, operation, properties, rotation

MARKER = "<!-- fedml-infra:preview -->"
LIMIT = 65_000
"""Characters; GitHub refuses more than 65,536, GitLab a million."""
CUT = "\n\nThe rest does not fit into a comment: see the log of the pipeline."
_MOST = 40
_LEAST_DIFF = 400
# What the engine and passphrases make of a secret: `v1:` and base64 twice; KMS data keys and ciphertexts.
_CIPHERTEXT = re.compile(r"\bv1:[A-Za-z0-9+/=]{6,}(?::[A-Za-z0-9+/=]+)+")


def comment(document: Mapping[str, Any], redact: Callable[[str], str]) -> str:
    """The comment, at most LIMIT characters. `document` is what `gitops preview` or `preview --json` wrote.

    ConfigurationError where it is neither.
    """
    told = scrubbed(_checked(document), lambda text: _CIPHERTEXT.sub(HIDDEN, redact(text)))
    parts = [MARKER, _headline(told)]
    if told["refused"]:
        parts.append(_refused(told["refused"]))
    parts += [_stack(row) for row in told["stacks"]]
    if told["ignored"]:
        names = _some([code(str(path)) for path in told["ignored"]], "more")
        parts.append(f"Also changed, and not used by this preview: {', '.join(names)}.")
    if told.get("base"):
        head = f" of {code(str(told['head'])[:12])}" if told.get("head") else ""
        parts.append(f"<sub>Preview{head} on {code(str(told['base'])[:12])}.</sub>")
    return _with_diffs(parts, [row for row in told["stacks"] if row["diff"]])


def _checked(document: Any) -> dict[str, Any]:
    """The document with everything in its place. A single `preview --json` becomes one stack of it."""
    if isinstance(document, Mapping) and "stack" in document and "stacks" not in document:
        said = [f"{one['severity']}: {one['message']}" for one in document.get("diagnostics") or ()]
        document = {"stacks": [{**document, "status": "changed", "notes": said}]}
    try:
        rows = [
            {
                "stack": str(row["stack"]),
                "status": str(row.get("status")),
                "error": dict(row["error"]) if row.get("error") else None,
                "rights": [dict(one) for one in row.get("rights") or ()],
                "changes": [dict(one) for one in row.get("changes") or ()],
                "notes": [str(one) for one in row.get("notes") or ()],
                "diff": str(row.get("diff") or ""),
                **{key: row.get(key) for key in ("rotates_to", "because_of", "cut_off")},
            }
            for row in document["stacks"]
        ]
        refused = [dict(one) for one in document.get("refused") or ()]
        ignored = list(document.get("ignored") or ())
    except (TypeError, ValueError, KeyError, AttributeError):
        raise ConfigurationError(
            "This is no preview.", fix="Write one: fedml-infra gitops preview --base main --out preview.json"
        ) from None
    base, head = document.get("base"), document.get("head")
    return {"base": base, "head": head, "stacks": rows, "refused": refused, "ignored": ignored}


def _headline(told: Mapping[str, Any]) -> str:
    if told["refused"]:
        return "### Refused\n\nNothing was previewed, as this change has what a proposed change may not have."
    rows = told["stacks"]
    if not rows:
        return "### No federation changes\n\nNo stack file is touched."
    failed = sum(1 for row in rows if row["error"])
    number = f"{len(rows)} federation{'s' if len(rows) != 1 else ''}"
    return f"### What this changes in {number}" + (f" ({failed} cannot be previewed)" if failed else "")


def _refused(refused: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for one in refused:
        line = f", line {int(one['line'])}" if isinstance(one.get("line"), int) else ""
        fix = f" ({escaped(str(one['fix']))})" if one.get("fix") else ""
        lines.append(f"- {code(str(one.get('file')))}{line}: {escaped(str(one.get('message')))}{fix}")
    return "\n".join(_some(lines, "- more"))


def _stack(row: Mapping[str, Any]) -> str:
    lines = [f"#### {code(row['stack'])}", ""]
    if row["status"] in ("added", "removed"):
        lines += [f"Its file is {row['status']}.", ""]
    if row["error"]:
        return "\n".join([*lines, *_error(row["error"])])
    for title, entries in (
        ("Rights", [f"{_sign(one)} {escaped(str(one.get('text')))}" for one in row["rights"]]),
        ("Key", [escaped(line) for line in rotation(row)]),
        ("Resources", [_resource(change) for change in in_aws(row["changes"])]),
        ("Notes", [escaped(note) for note in row["notes"]]),
    ):
        if entries:
            lines += [f"**{title}**", "", *_some([f"- {entry}" for entry in entries], "- more"), ""]
    if row["status"] != "removed" and not row["rights"] and not in_aws(row["changes"]):
        lines += ["Nothing changes in AWS.", ""]
    return "\n".join(lines).rstrip()


def _sign(change: Mapping[str, Any]) -> str:
    gains, loses = bool(change.get("gains")), bool(change.get("loses"))
    return "**gains and loses:**" if gains and loses else "**gains:**" if gains else "**loses:**"


def _resource(change: Mapping[str, Any]) -> str:
    parts = [code(part) for part in properties(change)]
    inside = f" ({', '.join(_some(parts, 'more'))})" if parts else ""
    strong = "**" if change.get("op") in ("delete", "replace") else ""
    what = f"{escaped(kind(str(change.get('type'))))} {code(str(change.get('name')))}"
    return f"{strong}{escaped(operation(change))}{strong}: {what}{inside}"


def _error(error: Mapping[str, Any]) -> list[str]:
    lines = [f"**It cannot be previewed:** {escaped(str(error.get('what')))}", ""]
    for problem in error.get("problems") or ():
        where = f"line {int(problem['line'])}: " if isinstance(problem.get("line"), int) else ""
        fix = f" ({escaped(str(problem['fix']))})" if problem.get("fix") else ""
        lines.append(f"- {where}{code(str(problem.get('key')))}: {escaped(str(problem.get('message')))}{fix}")
    if error.get("fix"):
        lines += ["", escaped(str(error["fix"]))]
    return lines


def _some(lines: Sequence[str], more: str) -> list[str]:
    """Not so many that nobody reads them."""
    left = len(lines) - _MOST
    return [*lines[:_MOST], f"{more} ({left} that are not listed)"] if left > 0 else list(lines)


def _with_diffs(parts: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """The words, and after them as much of each diff as there is room for."""
    text = "\n\n".join(parts)
    if len(text) > LIMIT:
        # Between two lines, so that no code and no emphasis stays open.
        kept = text[: LIMIT - len(CUT)]
        return kept[: kept.rfind("\n")].rstrip() + CUT
    for left, row in zip(range(len(rows), 0, -1), rows, strict=True):
        room = (LIMIT - len(text) - len(CUT)) // left
        block = _diff(row["stack"], row["diff"], room)
        text += block
    return text if all(_heading(row["stack"]) in text for row in rows) else text + CUT


def _diff(stack: str, diff: str, room: int) -> str:
    """A folded diff of at most `room` characters; nothing where there is too little room to tell anything."""
    block = _folded(stack, diff)
    if len(block) <= room:
        return block
    note = "The rest does not fit into a comment: see the log of the pipeline."
    keep = room - len(_folded(stack, "")) - len(note) - 40
    while keep >= _LEAST_DIFF:
        block = _folded(stack, diff[:keep].rpartition("\n")[0] or diff[:keep], note)
        if len(block) <= room:
            return block
        keep = keep * 3 // 4  # its fence grew with what is in it
    return ""


def _folded(stack: str, diff: str, note: str = "") -> str:
    after = f"\n\n{note}" if note else ""
    return f"\n\n<details><summary>{_heading(stack)}</summary>\n\n{fenced(diff, 'diff')}{after}\n\n</details>"


def _heading(stack: str) -> str:
    # In HTML no Markdown is read, so letters alone: whatever else a name has is no stack's.
    return f"The engine's own diff of {re.sub(r'[^A-Za-z0-9_-]', '?', stack)}"
