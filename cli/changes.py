"""How changes are told: of resources, property by property, and of rights."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from .progress import DOING, is_in_aws

if TYPE_CHECKING:
    from fedml_infra.engine.differences import PropertyChange
    from fedml_infra.engine.events import ResourceChange
    from fedml_infra.operations.compare_rights import RightsChange

COUNTED = {"create": "to make", "update": "to change", "replace": "to replace", "delete": "to delete"}


def print_rights(changes: Sequence[RightsChange]) -> None:
    """Who gains and loses which right, on standard output."""
    if changes:
        click.secho("Rights", bold=True)
    for change in changes:
        colour = "red" if change.loses and not change.gains else "green" if not change.loses else "yellow"
        click.echo(f"  {click.style('•', fg=colour)} {change}")


def print_changes(changes: Iterable[ResourceChange], *, details: bool) -> None:
    """The resources that change, on standard output; with `details` each property before and after."""
    from fedml_infra.engine.events import label

    changing = in_aws(changes)
    if not changing:
        click.echo("Nothing changes.")
        return
    click.secho("Resources", bold=True)
    for change in changing:
        sign, _, _, colour = DOING.get(change.op, ("•", change.op, change.op, "white"))
        parts = [click.style(f"{sign} {change.op}", fg=colour), label(change.urn)]
        if change.properties and not details:
            parts.append(click.style("(" + ", ".join(part.path for part in change.properties) + ")", dim=True))
        click.echo("  " + " ".join(parts))
        if details:
            for part in change.properties:
                print_property(part)
    click.echo(summary_line(changing))


def print_property(part: PropertyChange, *, was: str = "-", will: str = "+", indent: str = "      ") -> None:
    """One property on two sides, `before` marked with `was` and `after` with `will`.

    Of policies and other structures only what differs inside is told, each place with its path.
    """
    replaced = "  (needs a new resource)" if "replace" in part.kind else ""
    for path, before, after in parts(part.path, opened(part.before), opened(part.after)):
        click.echo(f"{indent}{path}{replaced}")
        click.echo(f"{indent}  {click.style(was, fg='red')} {said(before)}")
        click.echo(f"{indent}  {click.style(will, fg='green')} {said(after)}")


def parts(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    """Where two values differ, as deep as they are alike in shape. Statements of a policy are told by their Sid."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                yield from parts(f"{path}.{key}", before.get(key), after.get(key))
    elif _has_sids(before) and _has_sids(after):
        one, other = ({row["Sid"]: row for row in rows} for rows in (before, after))
        for sid in dict.fromkeys([*one, *other]):
            if one.get(sid) != other.get(sid):
                yield from parts(f"{path}[{sid}]", one.get(sid), other.get(sid))
    else:
        yield path, before, after


def _has_sids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) and row.get("Sid") for row in value)


def in_aws(changes: Iterable[ResourceChange]) -> list[ResourceChange]:
    """The changes of what is in AWS: components and providers change with it, and say nothing more to a person."""
    return [change for change in changes if change.changes_something and is_in_aws(change.urn)]


def summary_line(changes: Iterable[ResourceChange]) -> str:
    """`3 to make, 1 to change`."""
    counts = Counter(change.op for change in changes if change.changes_something)
    return "  " + ", ".join(f"{number} {COUNTED.get(op, op)}" for op, number in counts.items())


def changes_json(changes: Iterable[ResourceChange]) -> list[dict[str, Any]]:
    """The changing resources for machines; secrets are `[secret]` in them."""
    return [change.as_json() for change in changes if change.changes_something]


def opened(value: Any) -> Any:
    """What a text that is JSON says; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def said(value: Any) -> str:
    """A value on one line."""
    if value is None:
        return "(nothing)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
