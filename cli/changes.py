"""How changes are told: of resources, property by property, and of rights."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from .progress import DOING, is_in_aws

if TYPE_CHECKING:
    from fedml_infra.engine.differences import PropertyChange
    from fedml_infra.engine.events import ResourceChange
    from fedml_infra.operations.compare_rights import RightsChange

LONGEST_VALUE = 400
"""Characters of a value before its middle is left out; `--json` has all."""

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


def print_property(part: PropertyChange, indent: str = "      ") -> None:
    """One property before and after. Policies, which are JSON in a text, are told by what differs inside."""
    before, after = _opened(part.before), _opened(part.after)
    click.echo(f"{indent}{part.path}:" + ("  (needs a new resource)" if "replace" in part.kind else ""))
    click.echo(f"{indent}  {click.style('-', fg='red')} {short(before)}")
    click.echo(f"{indent}  {click.style('+', fg='green')} {short(after)}")


def in_aws(changes: Iterable[ResourceChange]) -> list[ResourceChange]:
    """The changes of what is in AWS: components and providers change with it, and say nothing more to a person."""
    return [change for change in changes if change.changes_something and is_in_aws(change.urn)]


def summary_line(changes: Iterable[ResourceChange]) -> str:
    """`3 to make, 1 to change`."""
    counts = Counter(change.op for change in changes if change.changes_something)
    return "  " + ", ".join(f"{number} {COUNTED.get(op, op)}" for op, number in counts.items())


def changes_json(changes: Iterable[ResourceChange]) -> list[dict[str, Any]]:
    """The changing resources for machines; secrets are `[secret]` in them."""
    return [
        {
            "urn": change.urn,
            "type": change.type,
            "name": change.name,
            "op": change.op,
            "properties": [
                {"path": part.path, "kind": part.kind, "before": part.before, "after": part.after}
                for part in change.properties
            ],
        }
        for change in changes
        if change.changes_something
    ]


def _opened(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def short(value: Any) -> str:
    """A value on one line, its middle left out where it is very long."""
    value = _opened(value)
    if value is None:
        return "(nothing)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping | list) and len(text) > LONGEST_VALUE:
        return f"{text[: LONGEST_VALUE // 2]} … {text[-LONGEST_VALUE // 2 :]}"
    return text
