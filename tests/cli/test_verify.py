"""verify on the command line: what is printed, and the exit code of each outcome."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cli
from fedml_infra.engine.protocol import RunOptions
from tests.operations.test_verify import HUB_FILE, Standing, cut


@pytest.fixture
def standing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Standing:
    monkeypatch.chdir(tmp_path)
    return Standing(tmp_path, HUB_FILE)


def verify(standing: Standing, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
    code = cli.main(["verify", "--timeout", "0", *more], tools=standing.world.tools)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_all_is_well(standing: Standing, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = verify(standing, capsys)
    assert code == 0
    assert "charite  account 111111111111, us-east-1" in out
    assert "cardio: all 9 links are as they should be" in out
    assert "Verifying cardio" in err


def test_what_is_broken_is_marked_and_mended(standing: Standing, capsys: pytest.CaptureFixture[str]) -> None:
    cut("no queue policy")(standing)
    code, out, _ = verify(standing, capsys)
    assert code == 5
    assert "✗ queue policy" in out
    assert "→ `fedml-infra drift --fix`" in out
    assert "cardio: 1 of 9 links not as they should be." in out


def test_for_a_program_each_link_has_its_verdict(standing: Standing, capsys: pytest.CaptureFixture[str]) -> None:
    cut("no parameter")(standing)
    code, out, _ = verify(standing, capsys, "--json")
    said = json.loads(out)
    assert code == 4
    assert (said["stack"], said["verified"]) == ("cardio", False)
    (node,) = said["nodes"]
    assert {link["link"]: link["verdict"] for link in node["links"]}["parameter"] == "broken"
    assert set(node["links"][0]) == {"link", "verdict", "resource", "told", "fix"}


def test_a_stack_that_is_not_up_exits_with_6(standing: Standing, capsys: pytest.CaptureFixture[str]) -> None:
    standing.world.engine.destroy("cardio", RunOptions())
    code, _, err = verify(standing, capsys)
    assert code == 6
    assert "not up" in err
