"""Runs a page as a reader does who copies and pastes: every shell block in order, in one bash.

A block that is followed by one with the info string `text output` has to print its lines, in that order; `…` in them
stands for anything. Blocks of another language, `console` among them, are not run.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import Block, blocks

_MARK = "=====paste====="
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Step:
    """One shell block, and the lines that it has to print."""

    block: Block
    expected: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What one step printed, and whether it came to its end."""

    step: Step
    output: str
    ended: bool

    @property
    def missing(self) -> str | None:
        """The first line that should have been printed and was not."""
        lines = iter(_COLOUR.sub("", self.output).splitlines())
        for wanted in self.step.expected:
            pattern = re.compile(re.escape(wanted).replace("…", ".*"))
            if not any(pattern.fullmatch(line.strip()) for line in lines):
                return wanted
        return None


def steps(page: Path) -> tuple[Step, ...]:
    """The shell blocks of a page, each with the output that is shown behind it."""
    found: list[Step] = []
    for block in blocks(page):
        if block.language == "sh":
            found.append(Step(block, ()))
        elif block.language == "text" and block.info == "output" and found:
            shown = tuple(line.strip() for line in block.text.splitlines() if line.strip())
            found[-1] = Step(found[-1].block, found[-1].expected + shown)
    return tuple(found)


def paste(
    parts: Sequence[Step], *, cwd: Path, environment: Mapping[str, str], scratch: Path, seconds: float
) -> list[Outcome]:
    """Run the steps in one bash that ends with the first command that fails; both its streams are one.

    `scratch` takes the script and its output, which goes to a file: a process that outlives the shell would keep a
    pipe open.
    """
    script = ["set -e"]
    for number, step in enumerate(parts):
        script += [f"echo '{_MARK}{number}'", step.block.text.rstrip("\n")]
    script.append(f"echo '{_MARK}{len(parts)}'")
    file, log = scratch / "page.sh", scratch / "page.log"
    file.write_text("\n".join(script) + "\n", encoding="utf-8")
    with log.open("wb") as output:
        shell = subprocess.Popen(
            ["bash", str(file)], cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            shell.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    texts = re.split(rf"^{_MARK}\d+\n", log.read_text(encoding="utf-8", errors="replace"), flags=re.MULTILINE)[1:]
    return [
        Outcome(step, texts[number] if number < len(texts) else "", number + 1 < len(texts))
        for number, step in enumerate(parts)
    ]


def complaints(outcomes: Sequence[Outcome]) -> str:
    """What went other than the page says, for a person; empty where all went well."""
    for outcome in outcomes:
        where = str(outcome.step.block)
        if not outcome.ended:
            return f"{where}: a command failed:\n{outcome.step.block.text}\nIt printed:\n{outcome.output}"
        if outcome.missing is not None:
            return f"{where}: did not print {outcome.missing!r}. It printed:\n{outcome.output}"
    return ""
