"""Whether two values mean the same: JSON documents, blocks with empty members, numbers that AWS tells as text."""

from __future__ import annotations

import json
from typing import Any

from fedml_infra.sandbox.provider.kind import Kind
from fedml_infra.sandbox.provider.wire import Props, has_unknown

_EMPTY: tuple[Any, ...] = (None, "", {}, [], "False", "0")


def same(kind: Kind, name: str, one: Any, other: Any) -> bool:
    """Whether both values of a property ask for the same; never, while one of them is unknown."""
    if has_unknown(one) or has_unknown(other):
        return False
    if one == other and type(one) is type(other):
        return True
    if name in kind.documents and isinstance(one, str) and isinstance(other, str):
        return same_document(one, other)
    left, right = _pruned(one), _pruned(other)
    if name in kind.sets and isinstance(left, list) and isinstance(right, list):
        return sorted(map(_key, left)) == sorted(map(_key, right))
    return bool(left == right)


def same_document(one: str, other: str) -> bool:
    """Whether two JSON texts say the same, as AWS reads policies: order of lists and single-item lists aside."""
    try:
        return bool(canonical(json.loads(one or "{}")) == canonical(json.loads(other or "{}")))
    except ValueError:
        return False


def canonical(value: Any) -> Any:
    """A JSON value in one spelling."""
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [canonical(item) for item in value]
        return items[0] if len(items) == 1 else sorted(items, key=_key)
    return str(value).lower() if isinstance(value, bool) else str(value)


def changed_names(kind: Kind, old: Props, new: Props) -> frozenset[str]:
    """The properties whose two values differ; a default is the same as none."""
    names = {name for name in old.keys() | new.keys() if not name.startswith("__")}
    return frozenset(name for name in names if _changed(kind, name, old, new))


def _changed(kind: Kind, name: str, old: Props, new: Props) -> bool:
    if name in old and name in new:
        return not same(kind, name, old[name], new[name])
    # What AWS would set by itself stays as it is when it is no longer asked for.
    return (name in new and not kind.is_default(name, new[name])) or (
        name in old and not (name in kind.computed or kind.is_default(name, old[name]))
    )


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        members = {key: _pruned(item) for key, item in value.items()}
        return {key: item for key, item in members.items() if item not in _EMPTY}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return str(value)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
