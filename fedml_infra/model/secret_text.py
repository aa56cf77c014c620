"""What looks like a secret in text where none may stand. Nothing here repeats what it found.

The patterns are narrow: a check that cries wolf is one that people turn off. What has a form of its own (keys of AWS,
private keys, tokens of well-known makers, passwords in addresses) is known by it; keys without a form are told by
their length in base64, which is that of a federation's key (16 bytes) and of ours (32 bytes).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_SEALED = re.compile(r"v1:[A-Za-z0-9+/]{8,}={0,2}:[A-Za-z0-9+/]{8,}={0,2}")
_PUBLIC_KEY = re.compile(r"[A-Za-z0-9+/]{43}=")

_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "an AWS access key id": re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    "an AWS session token": re.compile(r"(?:FwoG|IQoJ)[A-Za-z0-9+/]{100,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----"),
    "a GitHub token": re.compile(r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})", re.ASCII),
    "a GitLab token": re.compile(r"(?<!\w)gl(?:pat|dt|rt|cbt|ptt)-[\w-]{20,}", re.ASCII),
    "a Slack token": re.compile(r"(?<!\w)xox[abeprs]-[A-Za-z0-9-]{20,}"),
    "a Pulumi access token": re.compile(r"(?<!\w)pul-[0-9a-f]{40}(?!\w)"),
    "a signed token (JWT)": re.compile(r"(?<!\w)eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}", re.ASCII),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]*:[^\s/@'\"]+@"),
}
_UNFORMED: Mapping[str, re.Pattern[str]] = {
    "an AWS secret key": re.compile(
        r"(?<![\w/+=.-])(?=[A-Za-z0-9/+]*[A-Z])(?=[A-Za-z0-9/+]*[a-z])(?=[A-Za-z0-9/+]*[0-9])[A-Za-z0-9/+]{40}"
        r"(?![\w/+=.-])",
        re.ASCII,
    ),
    "a key of 16 bytes": re.compile(r"(?<![\w/+=-])[A-Za-z0-9/+]{21}[AQgw]==(?![\w/+=-])", re.ASCII),
    "a key of 32 bytes": re.compile(r"(?<![\w/+=-])[A-Za-z0-9/+]{42}[AEIMQUYcgkosw048]=(?![\w/+=-])", re.ASCII),
}
_ALL = {**_PATTERNS, **_UNFORMED}
_FEWEST_CHARACTERS = {"an AWS secret key": 20, "a key of 16 bytes": 10, "a key of 32 bytes": 14}
"""Different ones: a random text of that length has fewer once in many millions; examples and paths have."""


@dataclass(frozen=True)
class Sighting:
    """Something that looks like a secret, never the text itself."""

    line: int
    """1-based."""
    what: str
    """`an AWS access key id`."""


def secrets_in(text: str, *, harmless: frozenset[str] = frozenset()) -> tuple[Sighting, ...]:
    """What looks like a secret in a file's text, in the order of its lines. `harmless`: texts that are none."""
    # Longest first: one may be part of another.
    for known in sorted(harmless, key=len, reverse=True):
        text = text.replace(known, " ")
    return tuple(dict.fromkeys(sorted(_sightings(text), key=lambda found: found.line)))


def without_secrets(text: str) -> str:
    """The text with what looks like a secret left out: a message may repeat a value that was wrong."""
    for what, pattern in _ALL.items():
        for found in {each[0] for each in pattern.finditer(text)}:
            text = text.replace(found, "…") if _varied(what, found) else text
    return text


def sealed(text: str) -> bool:
    """Whether a text has the form in which the engine writes what it encrypted itself."""
    return _SEALED.fullmatch(text) is not None


def public(text: str) -> bool:
    """Whether a text has the form of a public key."""
    return _PUBLIC_KEY.fullmatch(text) is not None


def _sightings(text: str) -> Iterator[Sighting]:
    for what, pattern in _ALL.items():
        for found in pattern.finditer(text):
            if _varied(what, found[0]):
                yield Sighting(text.count("\n", 0, found.start()) + 1, what)


def _varied(what: str, found: str) -> bool:
    return len(set(found)) >= _FEWEST_CHARACTERS.get(what, 0)
