"""The frame: help, version, exit codes, errors, JSON."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

import cli
from cli.describe import describe
from cli.lazy import Entry, LazyGroup
from cli.root import SECTIONS
from fedml_infra import errors
from tests.cli.conftest import Run
from tests.operations.worlds import World

ROOT = Path(__file__).parent.parent.parent


def test_help_imports_no_command_and_nothing_heavy() -> None:
    code = (
        "import sys, cli; cli.main(['--help']); "
        "heavy = {'pulumi', 'boto3', 'pydantic', 'rich', 'ruamel', 'fedml_infra.errors', 'cli.up', 'cli.create'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_command_s_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, cli; cli.main(['create', '--help']); "
        "heavy = {'pulumi', 'boto3', 'pydantic', 'rich', 'ruamel'}; sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_command_of_the_table_can_be_imported_and_has_help() -> None:
    named = {name for commands in SECTIONS.values() for name in commands}
    found = {each.path.split()[0]: each for each in describe() if each.path}
    assert set(found) == named
    assert all(each.short and each.text[0] for each in describe())


def test_every_command_that_acts_says_its_exit_codes_and_has_an_example() -> None:
    described = list(describe())
    groups = {"", *(each.path.rpartition(" ")[0] for each in described)}
    bare = [each.path for each in described if each.path not in groups and not (each.exits and each.examples)]
    assert bare == ["completion"]


@pytest.mark.parametrize("path", [each.path for each in describe() if each.path])
def test_every_command_answers_help(path: str, run: Run) -> None:
    done = run(*path.split(), "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: fedml-infra {path}")


def test_the_root_s_help_names_every_command_and_exit_code(run: Run) -> None:
    done = run("--help")
    assert all(name in done.out for commands in SECTIONS.values() for name in commands)
    assert "9 timed out" in " ".join(done.out.split())


def test_a_misspelt_command_is_told_the_nearest(run: Run) -> None:
    done = run("destory")
    assert done.code == 2
    assert "Did you mean 'destroy'?" in done.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.FedmlError("x"), 1),
        (errors.ConfigurationError("x"), 2),
        (errors.AuthenticationError("x"), 3),
        (errors.NetworkError("x"), 4),
        (errors.StackLockedError("x"), 4),
        (errors.PolicyError("x"), 5),
        (errors.StackNotFoundError("x"), 6),
        (errors.ChangesFoundError("x"), 7),
        (errors.CancelledError("x"), 8),
        (errors.TimedOutError("x"), 9),
    ],
)
def test_each_error_has_its_exit_code(error: errors.FedmlError, code: int, here: World, run: Run) -> None:
    here.write()
    here.engine.failing["outputs"] = error
    here.engine.outputs = lambda *_, **__: here.engine._fail("outputs") or {}  # type: ignore[method-assign]
    done = run("outputs", "--json")
    assert done.code == code
    assert done.json["error"]["exit_code"] == code
    assert "Error: x" in done.err


def test_an_unexpected_error_is_one_line_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise RuntimeError("the key is hunter2")
    except RuntimeError as error:
        code = cli._tell(error)
    said = capsys.readouterr().err
    assert code == 1
    assert len(said.splitlines()) == 1
    assert "RuntimeError" in said
    assert "FEDML_INFRA_TRACEBACK=1" in said
    assert "hunter2" not in said


def test_the_traceback_is_shown_where_it_was_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEDML_INFRA_TRACEBACK", "1")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "correct horse")
    try:
        raise RuntimeError("a defect; the passphrase is correct horse")
    except RuntimeError as error:
        cli._tell(error)
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "a defect" in said
    assert "correct horse" not in said


def test_ctrl_c_ends_with_8(here: World, run: Run) -> None:
    here.write()

    def interrupted(*_: object, **__: object) -> dict[str, object]:
        raise KeyboardInterrupt

    here.engine.outputs = interrupted  # type: ignore[method-assign]
    done = run("outputs")
    assert done.code == 8
    assert "The same command goes on" in done.err


def test_a_reader_that_goes_away_is_no_error_to_read() -> None:
    code = "import sys, cli; sys.exit(cli.main(['man']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as man:
        assert man.stdout is not None
        assert man.stderr is not None
        man.stdout.close()  # before anything can be written
        said = man.stderr.read()
    assert said == b""
    assert man.returncode == 1


def test_dash_c_holds_before_and_after_the_command(here: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    here.write()
    monkeypatch.chdir("/")
    assert run("-C", str(here.project), "check").code == 0
    assert run("check", "-C", str(here.project)).code == 0
    assert run("check").code == 2


def test_no_project_says_where_to_go(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    done = run("-C", str(tmp_path_factory.mktemp("empty")), "up")
    assert done.code == 2
    assert "There is no Pulumi.yaml" in done.err


def test_the_only_stack_needs_no_name(here: World, run: Run) -> None:
    here.write()
    assert run("info", "--json").json["stack"]["name"] == "cardio"


def test_several_stacks_are_listed_where_none_is_named(here: World, run: Run) -> None:
    here.write()
    here.write(name="neuro")
    done = run("info")
    assert done.code == 2
    assert "cardio, neuro" in done.err


def test_an_unknown_stack_is_told_the_nearest(here: World, run: Run) -> None:
    here.write()
    done = run("info", "cardoi")
    assert done.code == 6
    assert "Did you mean cardio?" in done.err


def test_two_different_names_are_refused(here: World, run: Run) -> None:
    here.write()
    assert run("info", "cardio", "-s", "neuro").code == 2
    assert run("info", "cardio", "-s", "cardio").code == 0


def test_completion_is_printed_for_each_shell(run: Run) -> None:
    for shell in ("bash", "zsh", "fish"):
        done = run("completion", shell)
        assert done.code == 0
        assert "_FEDML_INFRA_COMPLETE" in done.out


def test_completing_a_command_imports_none() -> None:
    group = LazyGroup("x", sections={"All": {"absent": Entry("no_such_module", "absent", "Help.")}})
    found = group.shell_complete(click.Context(group), "ab")
    assert [(each.value, each.help) for each in found] == [("absent", "Help.")]


def test_a_plain_error_is_not_coloured_without_a_terminal(here: World) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, cli; sys.exit(cli.main(sys.argv[1:]))", "-C", str(here.project), "up"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 6
    assert "\x1b" not in done.stderr
