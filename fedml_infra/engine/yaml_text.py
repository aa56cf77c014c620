"""Small pieces of YAML text: what ruamel.yaml's nodes say in plain values, and how new values are written."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from fedml_infra.model.ciphertext import Ciphertext

# Plain only what is text to YAML 1.1 and 1.2 alike: the engine's parser is closer to the older one.
_PLAIN = re.compile(r"[A-Za-z](?:[\w./+=@:-]*[\w/+=])?", re.ASCII)
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_IDENTITIES = ("pid", "aws_id")


def plain(value: Any) -> Any:
    """A node as plain Python: dict, list, str, int, float, bool, None; `{secure: …}` as a Ciphertext."""
    if isinstance(value, Mapping):
        if set(value) == {"secure"} and isinstance(value["secure"], str):
            return Ciphertext(str(value["secure"]))
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    # A date, or whatever else a tag may have made of it: validation refuses it.
    return value


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same, 1 and true being two."""
    return bool(_typed(plain(one)) == _typed(plain(other)))


def _typed(value: Any) -> Any:
    match value:
        case dict():
            return {key: _typed(inner) for key, inner in value.items()}
        case list():
            return [_typed(inner) for inner in value]
        case _:
            return (type(value), value)


def new_value(value: Any) -> Any:
    """A node for a plain value: mappings and lists of entries in block style, small ones in flow style."""
    match value:
        case Ciphertext():
            return _flow(CommentedMap({"secure": new_value(value.text)}))
        case Mapping():
            return CommentedMap({new_value(str(key)): new_value(inner) for key, inner in value.items()})
        case str():
            safe = _PLAIN.fullmatch(value) and value.lower() not in _WORDS and ": " not in value
            return value if safe else DoubleQuotedScalarString(value)
        case list() | tuple():
            items = CommentedSeq([new_value(item) for item in value])
            return items if any(isinstance(item, Mapping) for item in value) else _flow(items)
        case _:
            return value


def merged(old: Any, value: Any) -> Any:
    """The node `old`, with its comments and quotes, made to say `value`."""
    if equal(old, value):
        return old
    if isinstance(old, CommentedMap) and isinstance(value, Mapping):
        for key in [key for key in old if key not in value]:
            del old[key]
        for key, inner in value.items():
            old[key] = merged(old.get(key), inner)
        return old
    if (
        isinstance(old, CommentedSeq)
        and isinstance(value, Sequence)
        and not isinstance(value, str)
        and old.fa.flow_style()
    ):
        return _flow(CommentedSeq([new_value(item) for item in value]))
    return new_value(value)


def same_item(old: Any, new: Any) -> bool:
    """Whether an entry of a list is the same one, possibly changed: by its pid or account id, else by its value."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in _IDENTITIES:
            if name in old and name in new:
                return str(old[name]) == str(new[name])
    return bool(old == new)


def drop_tail(node: Any) -> None:
    """Take out of a node the comments and blank lines that follow it; ruamel.yaml keeps them with its last leaf."""
    while isinstance(node, CommentedMap | CommentedSeq) and node:
        key, slot = (next(reversed(node)), 2) if isinstance(node, CommentedMap) else (len(node) - 1, 0)
        tokens = node.ca.items.get(key)
        if tokens and tokens[slot]:
            at_end_of_line = tokens[slot].value.split("\n", 1)[0]
            if at_end_of_line.strip():
                tokens[slot].value = at_end_of_line + "\n"
            else:
                tokens[slot] = None
        node = node[key]


def render_entry(entry: CommentedMap, column: int) -> str:
    """The lines of a mapping's entry at a column, without comments that follow it."""
    return _at_depth(entry, column, column // 2)


def render_item(item: Any, column: int, comments: Any = None) -> str:
    """The lines of one entry of a list whose hyphen is at a column; `comments` are what ruamel.yaml keeps of it."""
    items = CommentedSeq([item])
    if comments is not None:
        items.ca.items[0] = comments
    if column < 2:
        # The hyphen of a list at the top stands two columns in.
        return "".join(" " * column + line[2:] for line in _at_depth(items, 0, 0).splitlines(keepends=True))
    return _at_depth(items, column, column // 2)


def dump(document: Any) -> str:
    """A document as text, never folded."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def content_end(lines: Sequence[str], start: int, stop: int) -> int:
    """The line after the last one in [start, stop) that is neither blank nor a comment."""
    while stop > start + 1 and (not lines[stop - 1].strip() or lines[stop - 1].lstrip().startswith("#")):
        stop -= 1
    return stop


def _at_depth(node: Any, column: int, depth: int) -> str:
    # Inside as many mappings as it has around it, so that comments at a line's end stay in their column.
    for _ in range(depth):
        node = CommentedMap({"x": node})
    lines = dump(node).splitlines(keepends=True)[depth:]
    shift = " " * (column - 2 * depth)
    return "".join(shift + line if line.strip() else line for line in lines[: content_end(lines, 0, len(lines))])


def _flow(node: Any) -> Any:
    node.fa.set_flow_style()
    return node
