"""Text of others in Markdown: shown as it is, and doing nothing."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>$^=])")
# Mentions and references are looked for in what is rendered, so that an entity alone hides none: a space of no width
# parts the sign from its name. An address is linked by its colon.
_ENTITIES = {"&": "&amp;&#8203;", "<": "&lt;", ">": "&gt;", "@": "&#64;&#8203;"}
_REFERENCE = re.compile(r"(\\[#!~$])")
# Controls, and what turns the direction of text around (https://trojansource.codes/).
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_TICKS = re.compile(r"`+")
_PLAIN = "\ufffd"


def escaped(text: str) -> str:
    """On one line, with nothing in it that Markdown, HTML, a mention or a quick action would be made of."""
    line = " ".join(_UNSEEN.sub(_PLAIN, text).split())
    line = "".join(_ENTITIES.get(each, each) for each in _SPECIAL.sub(r"\\\1", line).replace("\\>", ">"))
    line = _REFERENCE.sub(r"\1&#8203;", line).replace("://", "&#58;//")
    return f"&#47;{line[1:]}" if line.startswith("/") else line


def code(text: str) -> str:
    """On one line, as code: a name, a path, a command."""
    line = " ".join(_UNSEEN.sub(_PLAIN, text).split())
    line = line or " "  # ticks without anything between them would open code that goes on
    ticks = "`" * (1 + max((len(each) for each in _TICKS.findall(line)), default=0))
    space = " " if "`" in line else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def fenced(text: str, language: str = "") -> str:
    """A block of code, whatever is in it: its fence is longer than any of the text's own."""
    content = _UNSEEN.sub(_PLAIN, text.replace("\r\n", "\n"))
    fence = "`" * max(3, 1 + max((len(each) for each in _TICKS.findall(content)), default=0))
    return f"{fence}{language}\n{content.rstrip(chr(10))}\n{fence}"
