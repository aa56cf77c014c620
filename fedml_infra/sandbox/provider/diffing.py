"""What an update would change, and whether that takes a new resource."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from fedml_infra.sandbox.provider.comparing import changed_names, same
from fedml_infra.sandbox.provider.context import Context
from fedml_infra.sandbox.provider.kind import Kind
from fedml_infra.sandbox.provider.naming import is_automatic
from fedml_infra.sandbox.provider.wire import Props, has_unknown


@dataclass(frozen=True)
class Difference:
    """One property: how it changes, whether that replaces the resource, and whether it is an input."""

    how: Literal["ADD", "DELETE", "UPDATE"]
    replaces: bool = False
    is_input: bool = True


@dataclass(frozen=True)
class Plan:
    """The differences by property; `delete_first` where old and new could not live side by side."""

    differences: dict[str, Difference]
    delete_first: bool

    @property
    def replaces(self) -> list[str]:
        """The properties that make a new resource."""
        return [name for name, difference in self.differences.items() if difference.replaces]


def plan(kind: Kind, context: Context, old: Props, state: Props, new: Props, ignored: Collection[str]) -> Plan:
    """Compare what was asked for with what is asked for now, and the tags and the region with what there is."""
    found: dict[str, Difference] = {}
    replacing = kind.all_replaces | set(kind.must_replace(old, new) if kind.must_replace else ())
    for name in sorted(changed_names(kind, old, new) - set(ignored) - {"region"}):
        # As in an import: what is asked for now is so already.
        if name not in old and name not in kind.local and name in state and same(kind, name, state[name], new[name]):
            continue
        found[name] = Difference(_how(name, old, new), replaces=name in replacing)
    if "region" not in ignored and kind.regional and state.get("region", context.region) != context.region:
        found["region"] = Difference(_how("region", old, new), replaces=True)
    elif kind.regional and context.region_is_unknown:
        found["region"] = Difference("UPDATE", replaces=True)
    tags_are_judged = "tags" not in {*found, *ignored} and not has_unknown(new.get("tags"))
    if tags_are_judged and state.get("tagsAll", context.all_tags(new)) != context.all_tags(new):
        found["tagsAll"] = Difference("UPDATE", is_input=False)
    takes_new = any(difference.replaces for difference in found.values())
    same_name = kind.name is None or (not is_automatic(kind, old) and old.get(kind.name) == new.get(kind.name))
    return Plan(found, delete_first=takes_new and same_name)


def _how(name: str, old: Props, new: Props) -> Literal["ADD", "DELETE", "UPDATE"]:
    if name not in old and name in new:
        return "ADD"
    return "DELETE" if name in old and name not in new else "UPDATE"
