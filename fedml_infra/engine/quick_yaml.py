"""Stack files read in a hurry: by libyaml, and only what every reader of YAML reads alike.

ruamel.yaml keeps comments and takes forty times as long, which a folder of hundreds of stack files shows. What is
written in any unusual way (an anchor, a tag, a date, `yes`, a number with a leading zero, text over several lines, a
key twice, no YAML at all) is not read here: ruamel.yaml has the word on it then, as it has on every edit. So both
accept and refuse the same, and nothing here decides what an ambiguous value means to the engine.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fedml_infra.engine.stack_files import StackFile
from fedml_infra.model.ciphertext import Ciphertext

_LOADER: Any = getattr(yaml, "CSafeLoader", None)
# Text to YAML 1.1, YAML 1.2 and the engine's mixture of both, once the words below are left out.
_TEXT = re.compile(r"[A-Za-z](?:[\w./+=@:-]*[\w/+=])?(?: [A-Za-z](?:[\w./+=@:-]*[\w/+=])?)*", re.ASCII)
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_MEANT = {"true": True, "false": False, "null": None, "": None}
_DEEPEST = 12


@dataclass(frozen=True)
class Quick:
    """What a file says: plain values, `{secure: …}` as a Ciphertext, and 1-based lines by path."""

    config: dict[str, Any]
    lines: dict[str, int]
    """Of the keys under `config`, as `fedml-infra:nodes[0].pid`."""
    rest: dict[str, Any]
    """What stands beside `config`."""
    rest_lines: dict[str, int]


class _UnusualError(Exception):
    """Something that only the slow reader may read."""


def read(path: Path) -> Quick:
    """What the stack file at `path` says, read in a hurry where that can be. Errors as `StackFile.read`."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        found = quick(path.read_bytes().decode("utf-8").replace("\r\n", "\n"))
        if found is not None:
            return found
    file = StackFile.read(path)
    return Quick(file.config, file.lines, file.rest, file.rest_lines)


def quick(text: str) -> Quick | None:
    """What a stack file's text says; None where it is for the slow reader to say, mistakes in YAML included."""
    if _LOADER is None or "\\" in text or not text.replace("\n", "").isprintable():
        return None
    try:
        document, lines = _Reading(yaml.parse(text, Loader=_LOADER)).document()
    except (_UnusualError, yaml.YAMLError):
        return None
    config = document.pop("config", None)
    if config is None:
        config = {}
    if not isinstance(config, dict):
        return None
    under = {path.removeprefix("config."): line for path, line in lines.items() if path.startswith("config.")}
    return Quick(config, under, document, {key: lines[key] for key in document})


@dataclass
class _Reading:
    events: Iterator[Any]
    lines: dict[str, int] = field(default_factory=dict)

    def document(self) -> tuple[dict[str, Any], dict[str, int]]:
        self._next(yaml.StreamStartEvent)
        start = self._next(yaml.DocumentStartEvent)
        root = self._next(yaml.MappingStartEvent)
        if start.explicit or start.version or start.tags:
            raise _UnusualError
        found = self._mapping(root, "", 0)
        if self._next(yaml.DocumentEndEvent).explicit or not isinstance(found, dict):
            raise _UnusualError
        self._next(yaml.StreamEndEvent)
        return found, self.lines

    def _next(self, kind: Any) -> Any:
        event = next(self.events, None)
        if not isinstance(event, kind):
            raise _UnusualError
        return event

    def _value(self, event: Any, path: str, depth: int) -> Any:
        if depth > _DEEPEST or getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None:
            raise _UnusualError
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        raise _UnusualError

    def _mapping(self, start: Any, path: str, depth: int) -> Any:
        if start.anchor is not None or start.tag is not None:
            raise _UnusualError
        found: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._value(event, path, depth) if isinstance(event, yaml.ScalarEvent) else None
            if not isinstance(key, str) or key in found:
                raise _UnusualError
            name = f"{path}.{key}" if path else key
            self.lines[name] = event.start_mark.line + 1
            found[key] = self._value(next(self.events), name, depth + 1)
        secret = found.get("secure")
        return Ciphertext(secret) if len(found) == 1 and isinstance(secret, str) else found

    def _sequence(self, path: str, depth: int) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            name = f"{path}[{len(found)}]"
            self.lines[name] = event.start_mark.line + 1
            item = self._value(event, name, depth + 1)
            if item is None:  # what is not there has no line
                raise _UnusualError
            found.append(item)
        return found


def _scalar(event: Any) -> Any:
    value: str = event.value
    if event.start_mark.line != event.end_mark.line:
        raise _UnusualError
    if event.style in ("'", '"'):
        return value
    if event.style is not None and event.style != "":
        raise _UnusualError
    if value in _MEANT:
        return _MEANT[value]
    if _NUMBER.fullmatch(value):
        return int(value)
    if _TEXT.fullmatch(value) and value.lower() not in _WORDS:
        return value
    raise _UnusualError
