"""At a terminal: questions, colours and a living picture; without one, plain lines."""

from __future__ import annotations

import os
import pty
import re
import sys
from pathlib import Path

from tests.operations.worlds import World

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import sys
from pathlib import Path
import cli
from fedml_infra.aws.sessions import Access
from fedml_infra.operations.double import InMemoryCloud
from fedml_infra.operations.tools import Tools
from tests.operations.worlds import FileEngine
engine = FileEngine(Path(sys.argv[1]))
sys.exit(cli.main(["-C", *sys.argv[1:]], tools=Tools(InMemoryCloud({Access(): "111111111111"}), lambda _: engine)))
"""


def at_terminal(here: World, *arguments: str, answer: str = "", env: dict[str, str] | None = None) -> tuple[int, str]:
    """Runs a command line at a terminal of its own, gives the answer to its first question; exit code and screen."""
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ.update({"TERM": "xterm-256color", "COLUMNS": "120"} | (env or {}))
        os.execv(sys.executable, [sys.executable, "-c", PROGRAM, str(here.project), *arguments])
    seen = b""
    while True:
        try:
            read = os.read(screen, 4096)
        except OSError:  # Linux says so when the other side is gone
            break
        if not read:
            break
        seen += read
        if answer and b"[y/N]" in seen:
            os.write(screen, f"{answer}\n".encode())
            answer = ""
    _, status = os.waitpid(pid, 0)
    os.close(screen)
    return os.waitstatus_to_exitcode(status), seen.decode(errors="replace")


def test_yes_goes_on(here: World) -> None:
    here.write()
    code, screen = at_terminal(here, "up", answer="y")
    assert code == 0, screen
    assert "cardio is up" in screen


def test_no_changes_nothing_and_ends_with_8(here: World) -> None:
    here.write()
    code, screen = at_terminal(here, "up", answer="n")
    assert code == 8, screen
    assert "is up" not in screen


def test_colours_at_a_terminal(here: World) -> None:
    here.write()
    _, screen = at_terminal(here, "preview")
    assert re.search(r"\x1b\[3\dm", screen)


def test_no_colours_where_none_are_wanted(here: World) -> None:
    here.write()
    for arguments in (("preview",), ("up", "--yes")):
        code, screen = at_terminal(here, *arguments, env={"NO_COLOR": "1"})
        assert code == 0, screen
        assert not re.search(r"\x1b\[[\d;]*3\dm", screen)
    code, screen = at_terminal(here, "up", "nosuch", env={"NO_COLOR": "1"})
    assert code == 6
    assert not re.search(r"\x1b\[[\d;]*3\dm", screen)
