"""Which properties of a resource differ, and how: out of the old and new values that an event holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of a secret in the engine's JSON, not one


@dataclass(frozen=True)
class PropertyChange:
    """One property that differs: its path (`tags.team`, `rules[0].id`), and its value before and after."""

    path: str
    kind: str
    """add, delete, update; with `-replace` where it needs a new resource."""
    before: Any = None
    after: Any = None


def plain(value: Any) -> Any:
    """The engine's JSON without its wrapping of secrets, each of which becomes `[secret]`."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            return "[secret]"
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def property_changes(step: Mapping[str, Any]) -> tuple[PropertyChange, ...]:
    """What differs in a step of the event log: as the provider told, or compared here where it told nothing."""
    old, new = step.get("old") or {}, step.get("new") or {}
    detailed = step.get("detailedDiff") or {}
    if step["op"] == "refresh":
        # Before is what the state said, after is what really is.
        was, now = plain(old.get("outputs") or {}), plain(new.get("outputs") or {})
        paths = {path: detail["diffKind"] for path, detail in detailed.items()}
        told = tuple(PropertyChange(path, paths[path], _at(path, was), _at(path, now)) for path in sorted(paths))
        return told or (tuple(_differences("", was, now)) if new else ())
    if detailed:
        return tuple(
            PropertyChange(path, detail["diffKind"], *_values(path, detail, old, new))
            for path, detail in sorted(detailed.items())
        )
    if not old or not new or step["type"] == "pulumi:pulumi:Stack":
        return ()
    return tuple(_differences("", plain(old.get("inputs") or {}), plain(new.get("inputs") or {})))


def _differences(path: str, before: Any, after: Any) -> Iterator[PropertyChange]:
    """The innermost values in which two pieces of JSON differ."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            simple = re.fullmatch(r"[^.\[\]\"]+", key)
            below = (f"{path}.{key}" if path else key) if simple else f"{path}[{json.dumps(key)}]"
            if key not in before or key not in after:
                kind = "add" if key in after else "delete"
                yield PropertyChange(below, kind, before.get(key), after.get(key))
            else:
                yield from _differences(below, before[key], after[key])
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (was, now) in enumerate(zip(before, after, strict=True)):
            yield from _differences(f"{path}[{index}]", was, now)
    else:
        yield PropertyChange(path, "update", before, after)


def _values(path: str, detail: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Any, Any]:
    """Before and after. Between inputs where the engine compared inputs, otherwise from state to inputs."""
    before = old.get("inputs" if detail.get("inputDiff") else "outputs") or {}
    return _at(path, plain(before)), _at(path, plain(new.get("inputs") or {}))


def _at(path: str, value: Any) -> Any:
    """The value at a property path: names with dots, `[0]` and `["any text"]`."""
    for quoted, index, name in re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)', path):
        if index:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
        else:
            value = value.get(name or quoted) if isinstance(value, dict) else None
    return value
