"""From AWS's answer to a resource's outputs and inputs: what was asked for, what drifted, what is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fedml_infra.sandbox.provider.comparing import same
from fedml_infra.sandbox.provider.context import Context
from fedml_infra.sandbox.provider.kind import Kind, OneOf
from fedml_infra.sandbox.provider.sdk_shape import shape
from fedml_infra.sandbox.provider.wire import UNKNOWN, Props, has_unknown, visible


def outputs(kind: Kind, context: Context, asked: Props, state: Props) -> Props:
    """AWS's answer over what was asked for; a value that means the same keeps the form it was asked in."""
    result = {**kind.local, **visible(asked)}
    for name, value in state.items():
        if not (name in asked and same(kind, name, asked[name], value)):
            result[name] = value
    if "tagsAll" in state:
        result["tags"] = own_tags(context, asked, state)
    if kind.regional:
        result["region"] = context.region
    return result


def inputs(kind: Kind, context: Context, old: Props, state: Props) -> Props:
    """All that was asked for, as it is now, plus whatever differs from the defaults: drift and import.

    `old` is empty for an import.
    """
    now = {**state, "tags": own_tags(context, old, state)} if "tagsAll" in state else state
    result = {name: value for name, value in old.items() if name.startswith("__")}
    for name in sorted(kind.all_inputs):
        if name in old:
            if (value := _asked_for(kind, name, old[name], now)) is not None:
                result[name] = value
        elif name not in kind.computed and now.get(name) not in ({}, [], None) and not kind.is_default(name, now[name]):
            result[name] = now[name]
    return result


def _asked_for(kind: Kind, name: str, old: Any, now: Mapping[str, Any]) -> Any:
    if name in now:
        return old if same(kind, name, old, now[name]) else now[name]
    # AWS does not tell it at all, or leaves out what is as by default.
    untold = name in kind.local or name in ("region", kind.prefix)
    return old if untold or kind.is_default(name, old) else None


def own_tags(context: Context, asked: Props, state: Props) -> dict[str, str]:
    """The resource's tags without those that only the provider gives."""
    mine, default = asked.get("tags") or {}, context.default_tags
    return {key: value for key, value in state["tagsAll"].items() if key in mine or default.get(key) != value}


def previewed(kind: Kind, context: Context, asked: Props, last: Props | None) -> Props:
    """What can be told before a create (`last` is None) or an update."""
    if last is None:
        known = shape(kind.type)
        result: Props = dict.fromkeys((known.outputs | kind.computed) - kind.untold - {"policy"}, UNKNOWN)
        result |= {name: UNKNOWN if isinstance(default, OneOf) else default for name, default in kind.defaults.items()}
    else:
        result = {**last, **dict.fromkeys(kind.volatile, UNKNOWN)}
    result |= {**kind.local, **visible(asked)}
    if "tagsAll" in kind.derived:
        tags = asked.get("tags")
        result["tagsAll"] = UNKNOWN if has_unknown(tags) else context.all_tags(asked)
    if kind.regional:
        result["region"] = UNKNOWN if context.region_is_unknown else context.region
    return result
