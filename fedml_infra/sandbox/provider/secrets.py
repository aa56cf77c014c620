"""What must not be shown: which properties go back wrapped, and texts that are taken out of messages."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from fedml_infra.sandbox.provider.kind import Kind
from fedml_infra.sandbox.provider.wire import UNKNOWN

SHORTEST = 3
"""A shorter text occurs in any message: taking it out would say more than it hides."""


def secret_names(kind: Kind, asked: Collection[str], *, default_tags: bool = False) -> frozenset[str]:
    """The properties to wrap: those that came as secrets, those always secret, and those made of them.

    `asked` are the names of the inputs, or of the last known properties, that hold a secret; `default_tags` says
    that the provider's own tags do.
    """
    secret = {*asked, *kind.secret}
    if default_tags and "tagsAll" in kind.derived:
        secret.add("tagsAll")
    return frozenset({*secret, *(output for output, sources in kind.derived.items() if secret & set(sources))})


def texts(properties: Mapping[str, Any], secret: Iterable[str]) -> frozenset[str]:
    """Every text inside the secret properties, as it stands and as it looks inside JSON."""
    found = {text for name in secret for text in _leaves(properties.get(name))}
    return frozenset(spelling for text in found for spelling in (text, json.dumps(text)[1:-1]))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif value is not UNKNOWN and value is not None and not isinstance(value, bool) and len(str(value)) >= SHORTEST:
        yield str(value)


def redact(message: str, hidden: Iterable[str]) -> str:
    """The message without these texts; the longest go first, since one may be part of another."""
    for text in sorted(hidden, key=len, reverse=True):
        message = message.replace(text, "[secret]")
    return message
