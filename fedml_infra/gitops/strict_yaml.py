"""YAML of people who are not trusted: only what every parser reads alike.

The engine reads stack files with Go's yaml.v3, which stands between YAML 1.1 and 1.2; a reviewer reads them with eyes.
What one of them could read otherwise is refused: anchors, aliases, merge keys, tags, directives, several documents,
keys that come twice or are no plain text, texts over several lines, tabs, odd ends of lines, characters that are not
seen, and words or numbers that are one thing in YAML 1.1 and another in 1.2 (yaml.org/type; YAML 1.2.2, 10.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

DEEPEST = 12
"""How many mappings and lists may lie in each other; a stack file has four."""
# But for the line feed. U+0085, U+2028 and U+2029 end a line for some; the rest is not seen, or turns text around.
_UNSEEN = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\U000e0000-\U000e0fff]"
)
_NAMED = {"\t": "a tab", "\r": "a carriage return (CRLF)", "\ufeff": "a byte order mark"}
_FIX = {"\t": "indent with blanks", "\r": "end lines with a line feed alone", "\ufeff": "save it as UTF-8 without one"}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_TRUTH = {"true": True, "false": False}
# Anything that looks like a number or a time, or is a word with a meaning in YAML 1.1, and is not meant so by both.
_AMBIGUOUS = re.compile(
    r"[-+]?\.?[0-9][0-9_.,:eE+\-xobA-Fa-f]*(?:[Tt ][0-9:.Zz+\- ]+)?|[-+]?\.(?:inf|nan)|y|yes|n|no|on|off|=|<<",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Finding:
    """What is wrong at a line (1-based; None for the file as a whole)."""

    line: int | None
    message: str
    fix: str | None = None


@dataclass(frozen=True)
class Node:
    """A value with the line that it stands on: dict of Nodes, list of Nodes, text, whole number, bool or None."""

    value: Any
    line: int

    @property
    def plain(self) -> Any:
        """The value without lines; types are told apart, as 1 and true are two."""
        if isinstance(self.value, dict):
            return {key: inner.plain for key, inner in self.value.items()}
        if isinstance(self.value, list):
            return [inner.plain for inner in self.value]
        return (type(self.value).__name__, self.value)

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """This node and all in it, with their paths: `config.fedml-infra:nodes[0].pid`."""
        yield path, self
        if isinstance(self.value, dict):
            for key, inner in self.value.items():
                yield from inner.walk(f"{path}.{key}" if path else key)
        elif isinstance(self.value, list):
            for number, inner in enumerate(self.value):
                yield from inner.walk(f"{path}[{number}]")


@dataclass
class _Reading:
    found: list[Finding] = field(default_factory=list)

    def refuse(self, line: int | None, message: str, fix: str | None = None) -> None:
        self.found.append(Finding(line, message, fix))


def read(content: bytes) -> tuple[Node | None, tuple[Finding, ...]]:
    """The document, and everything that is refused in it. None where it has no one meaning."""
    reading = _Reading()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return None, (Finding(line, "is not UTF-8 text", "save it as UTF-8"),)
    _characters(text, reading)
    if reading.found:
        return None, tuple(reading.found)
    try:
        events = list(_forms(YAML(typ="safe", pure=True).parse(text), reading))
        root = None if reading.found else _build(events, reading)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = str(error.problem or error.context or "it cannot be read").split("\n")[0]
        return None, (*reading.found, Finding(mark.line + 1 if mark else None, f"is not YAML: {what}"))
    except (YAMLError, RecursionError, ValueError):
        return None, (*reading.found, Finding(None, "is not YAML"))
    return root, tuple(reading.found)


def _characters(text: str, reading: _Reading) -> None:
    seen = set()
    for found in _UNSEEN.finditer(text):
        if found[0] not in seen:  # a file with CRLF has one in each line
            seen.add(found[0])
            line = text.count("\n", 0, found.start()) + 1
            what = _NAMED.get(found[0], f"a character that is not seen (U+{ord(found[0]):04X})")
            reading.refuse(line, f"has {what}, which readers may take differently", _FIX.get(found[0], "take it out"))


def _forms(events: Iterable[Any], reading: _Reading) -> Iterator[Any]:
    """The events; what no stack file needs is refused, wherever it stands."""
    depth = documents = 0
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                reading.refuse(line, "begins a second document", "a stack file is one document: take out the ---")
            if event.version or event.tags:
                reading.refuse(line, "has a %YAML or %TAG directive", "take it out")
        if isinstance(event, AliasEvent):
            reading.refuse(line, "has an alias (*), which hides what is meant", "write the value out")
        elif isinstance(event, NodeEvent):
            if event.anchor:
                reading.refuse(line, "has an anchor (&), which hides what is meant", "write the value out")
            if getattr(event, "tag", None) is not None:
                reading.refuse(line, "has a tag (!)", "write the value without it")
        if isinstance(event, ScalarEvent) and event.end_mark.line > event.start_mark.line:
            reading.refuse(line, "has a text over several lines", "write it on one line")
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            depth += 1
            if depth == DEEPEST + 1:
                reading.refuse(line, f"is nested deeper than {DEEPEST}")
                return
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            depth -= 1
        yield event


def _build(events: list[Any], reading: _Reading) -> Node | None:
    """The one document as Nodes. Its depth is known to be small."""
    rest = iter([event for event in events if isinstance(event, NodeEvent | MappingEndEvent | SequenceEndEvent)])

    def node(event: Any) -> Node:
        line = event.start_mark.line + 1
        if isinstance(event, ScalarEvent):
            return Node(_scalar(event, line, reading), line)
        if isinstance(event, SequenceStartEvent):
            items = []
            while not isinstance(inner := next(rest), SequenceEndEvent):
                items.append(node(inner))
            return Node(items, line)
        entries: dict[str, Node] = {}
        while not isinstance(key := next(rest), MappingEndEvent):
            at = key.start_mark.line + 1
            name = node(key).value
            value = node(next(rest))
            if not isinstance(name, str):
                reading.refuse(at, "has a key that is no text", "put it in quotes")
            elif name in entries:
                reading.refuse(at, f"has the key {name!r} twice", "take one of them out")
            else:
                entries[name] = Node(value.value, at)
        return Node(entries, line)

    first = next(rest, None)
    return node(first) if first is not None else None


def _scalar(event: Any, line: int, reading: _Reading) -> Any:
    text = str(event.value)
    if not event.implicit[0]:  # in quotes
        return text
    if text in ("", "~") or text.lower() == "null":
        return None
    if text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _AMBIGUOUS.fullmatch(text):
        reading.refuse(line, "has a word or number that some read as text and others do not", "put it in quotes")
    return text
