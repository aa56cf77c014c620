"""Which of a preview's changes are drift, and not a change of the stack file. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fedml_infra.engine.differences import PropertyChange
from fedml_infra.engine.events import ResourceChange
from fedml_infra.operations.drift.finding import Kind
from fedml_infra.operations.state import State


@dataclass(frozen=True)
class Difference:
    """One resource that is not as it was made."""

    urn: str
    type: str
    name: str
    kind: Kind
    """`missing` or `changed`."""
    properties: tuple[PropertyChange, ...] = ()
    """Of a changed one: what each property is now (`before`), and what it was made as (`after`)."""


def differences_of(
    looked: Iterable[ResourceChange], unapplied: Mapping[str, ResourceChange], state: State
) -> Iterator[Difference]:
    """What a preview that looked at AWS found, less what one that did not (`unapplied`, by URN) finds as well.

    Both say of a property what it is before and after. What the stack file changes they say alike; where AWS was
    changed too, what it is before differs.
    """
    known = {resource.urn for resource in state.resources}
    for change in looked:
        planned = unapplied.get(change.urn)
        if change.op.startswith("create") and change.urn in known:
            if planned is None or not planned.op.startswith("create"):
                yield Difference(change.urn, change.type, change.name, Kind.MISSING)
            continue
        if change.urn not in known or change.op == "delete":
            continue
        told = {each.path: each for each in planned.properties} if planned else {}
        properties = tuple(_drifted(change.properties, told))
        if properties or planned is None:
            yield Difference(change.urn, change.type, change.name, Kind.CHANGED, properties)


def _drifted(found: Iterable[PropertyChange], told: Mapping[str, PropertyChange]) -> Iterator[PropertyChange]:
    for each in found:
        planned = told.get(each.path)
        if planned is None:
            yield each
        elif planned.before != each.before:
            yield PropertyChange(each.path, each.kind, each.before, planned.before)
