"""The log of a run: whole, private, bounded, without secrets, and never in the way."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fedml_infra.engine.events import EventKind, Progress, RunEvent
from fedml_infra.engine.redaction import Redactor
from fedml_infra.errors import ConfigurationError
from fedml_infra.operations.runs import Journal, Outcome, find, records, runs_folder
from fedml_infra.operations.runs import journal as journal_module
from fedml_infra.operations.runs.record import lines_of
from fedml_infra.operations.runs.store import KEPT

URN = "urn:pulumi:cardio::fedml-infra::aws:sqs/queue:Queue::cardio_charite"
CANARY = "canary-Zq8vT1"
ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of its own for logs."""
    monkeypatch.setenv("FEDML_INFRA_RUNS_DIR", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def done(op: str = "create", text: str = "", *, looked: bool = False) -> RunEvent:
    return RunEvent(EventKind.RESOURCE_DONE, Progress(1, 2), text=text, urn=URN, op=op, looked=looked)


def test_a_run_is_read_back_as_it_was(project: Path) -> None:
    journal = Journal(project, "cardio", "up", flags=["--yes"], message="why")
    journal.note("Bringing cardio up")
    journal.event(done())
    journal.event(done("same"))
    journal.event(done("update", looked=True))
    journal.end(0)
    (found,) = records(project, "cardio")
    assert (found.command, found.stack, found.flags, found.message) == ("up", "cardio", ("--yes",), "why")
    assert (found.outcome, found.exit_code, found.resources) == (Outcome.DONE, 0, {"create": 1})
    assert found.pid == os.getpid()
    assert [line["record"] for line in lines_of(found.path)] == ["start", "note", "event", "end"]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(0, Outcome.DONE), (1, Outcome.FAILED), (4, Outcome.FAILED), (7, Outcome.FOUND), (8, Outcome.CANCELLED),
     (9, Outcome.TIMED_OUT)],
)  # fmt: skip
def test_each_exit_code_has_an_outcome(project: Path, code: int, outcome: Outcome) -> None:
    Journal(project, "cardio", "up").end(code)
    (found,) = records(project)
    assert found.outcome is outcome


def test_a_run_without_an_end_whose_process_lives_is_running(project: Path) -> None:
    Journal(project, "cardio", "up")
    (found,) = records(project)
    assert found.outcome is Outcome.RUNNING


def test_a_run_that_was_killed_is_cut_off_and_keeps_what_it_had(project: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from fedml_infra.operations.runs import Journal\n"
        "journal = Journal(Path(sys.argv[1]), 'cardio', 'up'); journal.note('going'); print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    running = subprocess.Popen([sys.executable, "-c", program, str(project)], stdout=subprocess.PIPE, cwd=ROOT)
    assert running.stdout is not None
    with running.stdout as said:
        assert said.readline() == b"ready\n"
        running.send_signal(signal.SIGKILL)
        running.wait()
    (found,) = records(project)
    assert found.outcome is Outcome.CUT_OFF
    assert [line["record"] for line in lines_of(found.path)] == ["start", "note"]


def test_a_run_of_another_machine_without_an_end_is_not_known(project: Path) -> None:
    journal = Journal(project, "cardio", "up")
    (found,) = records(project)
    found.path.write_text(found.path.read_text().replace(f'"host": "{found.host}"', '"host": "elsewhere"'))
    (found,) = records(project)
    assert found.outcome is Outcome.UNKNOWN
    journal.end(0)


def test_a_line_that_was_cut_in_the_middle_is_left_out(project: Path) -> None:
    Journal(project, "cardio", "up")
    (found,) = records(project)
    with found.path.open("a") as file:
        file.write('{"record": "eve')
    assert len(lines_of(found.path)) == 1
    assert records(project)


def test_only_the_owner_can_read_it(project: Path) -> None:
    Journal(project, "cardio", "up")
    (found,) = records(project)
    for path, mode in ((found.path, 0o600), (found.path.parent, 0o700), (found.path.parent.parent, 0o700)):
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_no_canary_is_in_it_in_any_form(project: Path) -> None:
    encoded = base64.b64encode(CANARY.encode()).decode()
    journal = Journal(project, "cardio", f"up {CANARY}", message=f"x{CANARY}", redact=Redactor([CANARY]))
    journal.note(CANARY)
    journal.event(done(text=f"value {CANARY} and {encoded}"))
    journal.event(RunEvent(EventKind.MESSAGE, Progress(), text=json.dumps({"key": CANARY}), severity=CANARY))
    journal.end(1, f"failed with {CANARY}")
    (found,) = records(project)
    text = found.path.read_text()
    assert CANARY not in text
    assert encoded not in text
    assert text.count("[secret]") >= 6


def test_secrets_of_the_environment_are_not_in_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", CANARY)
    journal = Journal(project, "cardio", "up")
    journal.event(done(text=f"incorrect passphrase {CANARY}"))
    journal.end(3, CANARY)
    (found,) = records(project)
    assert CANARY not in found.path.read_text()


def test_the_newest_are_kept(project: Path) -> None:
    for number in range(KEPT + 5):
        Journal(project, "cardio", f"up {number}").end(0)
    Journal(project, "neuro", "up").end(0)
    kept = {each.command for each in records(project, "cardio")}
    assert len(records(project, "cardio")) == KEPT
    assert f"up {KEPT + 4}" in kept
    assert len(records(project)) == KEPT + 1


def test_what_runs_is_never_pruned(project: Path) -> None:
    running = Journal(project, "cardio", "running")
    for _ in range(KEPT + 5):
        Journal(project, "cardio", "up").end(0)
    assert find(project, running.id).outcome is Outcome.RUNNING


def test_a_log_grows_only_so_large_and_has_its_end(project: Path) -> None:
    journal = Journal(project, "cardio", "up")
    for _ in range(30):
        journal.event(done(text="x" * 100_000))
    journal.end(4, "y" * 100_000)
    (found,) = records(project)
    assert found.path.stat().st_size <= journal_module.LARGEST
    assert found.truncated
    assert found.exit_code == 4


def test_a_folder_that_cannot_be_written_is_a_problem_and_no_error(project: Path, folder: Path) -> None:
    folder.write_text("a file in its place")
    journal = Journal(project, "cardio", "up")
    journal.event(done())
    journal.end(0)
    assert journal.problem is not None
    assert "log of this run could not be written" in journal.problem


def test_a_disk_that_is_full_is_a_problem_and_no_error(project: Path) -> None:
    journal = Journal(project, "cardio", "up")
    assert journal._file is not None
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal._file)
    os.close(full)
    journal.event(done())
    journal.event(done())
    journal.end(0)
    assert journal.problem is not None


def test_a_part_of_an_id_will_do_where_only_one_is_meant(project: Path) -> None:
    one, other = (Journal(project, "cardio", "up") for _ in range(2))
    assert find(project, one.id).id == one.id
    with pytest.raises(ConfigurationError, match="may mean 2 runs"):
        find(project, "20")
    with pytest.raises(ConfigurationError, match="no run"):
        find(project, "x")
    assert find(project, other.id[:-1]).id == other.id


def test_projects_are_kept_apart(project: Path, tmp_path: Path) -> None:
    Journal(project, "cardio", "up").end(0)
    assert records(tmp_path / "another") == ()
    assert runs_folder(project) != runs_folder(tmp_path / "another")
