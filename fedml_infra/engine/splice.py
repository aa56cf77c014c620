"""Edits of a stack file's text: the lines of what changes are replaced, all others stay byte for byte.

Each edit answers None where lines cannot tell the parts apart (flow style, several keys on a line): the caller then
writes the whole document anew, and in any case reads what came out before it counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from fedml_infra.engine.yaml_text import (
    content_end,
    drop_tail,
    equal,
    merged,
    new_value,
    plain,
    render_entry,
    render_item,
    same_item,
)


class Layout:
    """A stack file's text beside what ruamel.yaml read of it. An edit may alter the nodes: use one Layout for one."""

    def __init__(self, text: str, document: Any) -> None:
        self._lines: list[str] = re.findall(r"[^\n]*\n|[^\n]+", text)
        self._document = document
        self._config: Any = document.get("config") if document else None

    def with_key(self, key: str, value: Any) -> str | None:
        """The text in which `key` has `value`."""
        entry = CommentedMap({key: new_value(value)})
        if not self._config:
            if self._document is not None and "config" in self._document:
                return None
            return _ended("".join(self._lines)) + "config:\n" + render_entry(entry, 2)
        if self._config.fa.flow_style():
            return None
        spans = self._spans()
        if key not in spans:
            after = max(end for _, end in spans.values())
            column = self._config.lc.key(next(iter(self._config)))[1]
            return _ended(self._text(0, after)) + render_entry(entry, column) + self._text(after)
        start, end = spans[key]
        changed = (
            self._scalar_with(key, value, start, end)
            or self._list_with(key, value, end)
            or self._entry_with(key, value)
        )
        return self._text(0, start) + changed + self._text(end)

    def without_key(self, key: str) -> str | None:
        """The text without the lines of `key`; comments stay."""
        if self._config.fa.flow_style() or len(self._config) == 1:
            return None
        start, end = self._spans()[key]
        return self._text(0, start) + self._text(end)

    def _scalar_with(self, key: str, value: Any, start: int, end: int) -> str | None:
        """The line of a short value with another one; what follows it stays."""
        line, column = self._config.lc.value(key)
        found: str = self._lines[line]
        short = str | int | bool
        if not isinstance(self._config[key], short) or not isinstance(value, short):
            return None
        if line != start or end != start + 1:
            return None
        rest = found[column:].rstrip("\n")
        comments = self._config.ca.items.get(key)
        if comments and comments[2] and comments[2].start_mark.line == line:
            rest = rest[: comments[2].start_mark.column - column]
        after = found[column + len(rest.rstrip()) :]
        written = render_entry(CommentedMap({"x": new_value(value)}), 0).removeprefix("x: ").rstrip("\n")
        return found[:column] + written + after

    def _entry_with(self, key: str, value: Any) -> str:
        drop_tail(self._config[key])
        entry = CommentedMap({key: merged(self._config[key], value)})
        if key in self._config.ca.items:
            entry.ca.items[key] = self._config.ca.items[key]
        return render_entry(entry, self._config.lc.key(key)[1])

    def _list_with(self, key: str, value: Any, end: int) -> str | None:
        """The lines of a block list in which entries come, go or change and the others keep their lines."""
        old = self._config[key]
        if not isinstance(old, CommentedSeq) or not isinstance(value, list) or not value or not old:
            return None
        starts = [old.lc.item(i)[0] for i in range(len(old))]
        key_line, _ = self._config.lc.key(key)
        places = _places([plain(item) for item in old], value)
        if old.fa.flow_style() or len({key_line, *starts}) != len(old) + 1 or places is None:
            return None
        ends = [content_end(self._lines, start, stop) for start, stop in zip(starts, [*starts[1:], end], strict=True)]
        column = len(self._lines[starts[0]]) - len(self._lines[starts[0]].lstrip())
        text, done, at = self._text(key_line, starts[0]), 0, starts[0]

        def skip_to(place: int) -> str:
            # Comments before an entry, and between those before it that went.
            nonlocal done, at
            passed = ""
            for gone in range(done, place):
                passed += self._text(at, starts[gone])
                at = ends[gone]
            done = place
            return passed

        for place, item in zip(places, value, strict=True):
            if place is None:
                text = _ended(text) + render_item(new_value(item), column)
                continue
            text += skip_to(place) + self._text(at, starts[place])
            if equal(old[place], item):
                text = _ended(text) + self._text(starts[place], ends[place])
            else:
                drop_tail(old[place])
                text = _ended(text) + render_item(merged(old[place], item), column, old.ca.items.get(place))
            done, at = place + 1, ends[place]
        return text + skip_to(len(old)) + self._text(at, end)

    def _spans(self) -> dict[str, tuple[int, int]]:
        """For each key its first line and the line after its last, comments that follow it left out (0-based)."""
        starts = [(str(key), self._config.lc.key(key)[0]) for key in self._config]
        others = [self._document.lc.key(key)[0] for key in self._document]
        last = starts[-1][1]
        stop = min((line for line in others if line > last), default=len(self._lines))
        stops = [*(start for _, start in starts[1:]), stop]
        return {
            key: (start, content_end(self._lines, start, stop))
            for (key, start), stop in zip(starts, stops, strict=True)
        }

    def _text(self, start: int, end: int | None = None) -> str:
        return "".join(self._lines[start:end])


def _places(old: Sequence[Any], new: Sequence[Any]) -> list[int | None] | None:
    """Where each new entry stands in the old list, None if nowhere; None for all where their order changed."""
    places: list[int | None] = []
    done = 0
    for item in new:
        place = next((i for i in range(done, len(old)) if same_item(old[i], item)), None)
        if place is None and any(same_item(was, item) for was in old[:done]):
            return None
        places.append(place)
        done = done if place is None else place + 1
    return places


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
