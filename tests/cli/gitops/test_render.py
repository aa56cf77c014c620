"""`fedml-infra gitops render operator`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.operations.worlds import HUB_FILE, World

COMMAND = ("gitops", "render", "operator", "--repo", "https://github.com/charite/federations")


def test_every_stack_has_a_resource(here: World, run: Run) -> None:
    here.write()
    here.write(HUB_FILE.replace("fed_name: cardio", "fed_name: neuro"), "neuro")
    resources = run(*COMMAND, "--json").json["resources"]
    assert [each["metadata"]["name"] for each in resources if each["kind"] == "Stack"] == ["cardio", "neuro"]


def test_a_file_says_what_encrypts_its_stack(here: World, run: Run) -> None:
    here.write("secretsprovider: awskms://alias/fedml\n" + HUB_FILE)
    (stack,) = [each for each in run(*COMMAND, "--json").json["resources"] if each["kind"] == "Stack"]
    assert stack["spec"]["secretsProvider"] == "awskms://alias/fedml"


def test_a_file_for_each(here: World, run: Run, tmp_path: Path) -> None:
    here.write()
    assert run(*COMMAND, "--out", "kubernetes").code == 0
    written = {path.name for path in (tmp_path / "kubernetes").iterdir()}
    assert written == {"service.account.yaml", "cardio.yaml"}


def test_credentials_in_the_address_are_refused(run: Run) -> None:
    done = run("gitops", "render", "operator", "--repo", "https://me:secret@example.org/x")
    assert done.code == 2
    assert "secret@" not in done.err


def test_help_says_what_the_operator_does_not_do(run: Run) -> None:
    assert "does not rotate" in run("gitops", "render", "operator", "--help").out
