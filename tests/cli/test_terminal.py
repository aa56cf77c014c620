"""At a terminal: questions, colours and a living picture; without one, plain lines."""

from __future__ import annotations

import re
import sys

from tests.cli.conftest import Run
from tests.cli.terminal import in_terminal
from tests.operations.worlds import HUB_FILE, World

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
    answers = [("[y/N]", answer)] if answer else []
    return in_terminal(sys.executable, "-c", PROGRAM, str(here.project), *arguments, answers=answers, env=env)


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


PICTURE = """
from cli.progress import ProgressView
from fedml_infra.engine.events import EventKind, Progress, RunEvent
urn = "urn:pulumi:cardio::fedml-infra::aws:sqs/queue:Queue::cardio_insel"
with ProgressView("Bringing cardio up") as view:
    for progress in (Progress(0, 60, 7, (urn,)), Progress(12, 60, 60, (urn,)), Progress(12, None, 0, ())):
        view(RunEvent(EventKind.RESOURCE_STARTED, progress, urn=urn, op="update"))
        view._live.refresh()
    view(RunEvent(EventKind.RESOURCE_DONE, Progress(13, 60, 60), urn=urn, op="update", looked=True))
    view(RunEvent(EventKind.RESOURCE_DONE, Progress(14, 60, 60), urn=urn, op="create"))
"""


def test_the_picture_counts_what_is_done_of_how_many_and_names_what_is_in_work() -> None:
    _, screen = in_terminal(sys.executable, "-c", PICTURE)
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", screen)
    assert "looked at 7 of 60" in plain
    assert "12 of 60" in plain
    assert re.search(r"Bringing cardio up   12   \d s", plain)
    assert "aws:sqs:Queue cardio_insel" in plain


def test_what_was_only_looked_at_is_not_said_to_be_changed() -> None:
    _, screen = in_terminal(sys.executable, "-c", PICTURE)
    assert "created" in screen
    assert "changed" not in screen


def test_every_run_has_a_picture_and_no_trace_of_it_stays(here: World) -> None:
    here.write()
    for arguments, title in ((("preview",), "Previewing cardio"), (("up", "--yes"), "Bringing cardio up")):
        code, screen = at_terminal(here, *arguments)
        assert code == 0, screen
        assert title in screen
        assert screen.count("\x1b[?25l") == screen.count("\x1b[?25h")  # the cursor is shown again


def test_without_a_terminal_progress_is_plain_lines_that_count(here: World, run: Run) -> None:
    here.write()
    assert run("up", "--yes").code == 0
    here.write(HUB_FILE + "    - {pid: usz, s3_bucket: cardio-usz}\n")
    done = run("up", "--yes")
    assert done.code == 0
    assert "+ created aws:sqs:Queue cardio_usz  (6 of 6)" in done.err
    assert "+ created aws:s3:Bucket usz  (7 of 7)" in done.err
    assert "\x1b" not in done.err
