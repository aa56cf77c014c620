"""The project's pages, cut into what tests look at: links, blocks, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"^cat > (\S+) <<'(\w+)'\n(.*?)^\2$", re.MULTILINE | re.DOTALL)
_SEPARATORS = {"|", "||", "&&", ";", "&", "(", ")", ">", ">>", "<", "2>", ";;"}


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    """1-based line of its first line of text."""
    language: str
    info: str
    """What stands behind the language."""
    text: str

    def __str__(self) -> str:
        page = self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page
        return f"{page}:{self.line}"


def pages() -> list[Path]:
    """README and all that people wrote under docs/; docs/reference is generated, and held by a test of its own."""
    written = (page for page in (ROOT / "docs").rglob("*.md") if "reference" not in page.parts)
    return [ROOT / "README.md", *sorted(written)]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of one page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        language, _, info = match[2].strip().partition(" ")
        found.append(Block(page, text[: match.start(3)].count("\n") + 1, language, info, match[3]))
    return found


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def files_in(block: Block) -> Iterator[tuple[str, str]]:
    """Name and text of each file that a shell block writes with `cat > NAME <<'END'`."""
    for name, _, text in _HEREDOC.findall(block.text):
        yield name, text


def commands_in(shell: str) -> Iterator[list[str]]:
    """The words of each `fedml-infra …` in a piece of shell, without what the shell itself reads."""
    shell = _HEREDOC.sub("", shell).replace("\\\n", " ")
    # A command in $(…) is one of its own.
    for inner in re.findall(r"\$\(([^()]*)\)", shell):
        yield from commands_in(inner)
    shell = re.sub(r'"?\$\([^()]*\)"?', "SUBSTITUTED", shell)
    for line in shell.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in _SEPARATORS or set(word) <= set("|&;()<>"):
                if words and words[0].split("/")[-1] == "fedml-infra":
                    yield words[1:]
                words = []
            elif words or "=" not in word:
                words.append(word)


def inline_commands(page: Path) -> Iterator[list[str]]:
    """The words of each `fedml-infra …` in a page's running text."""
    for code in re.findall(r"`(fedml-infra [^`]+)`", prose(page).replace("\n", " ")):
        yield from commands_in(code)
