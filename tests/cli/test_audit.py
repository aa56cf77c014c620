"""`audit`: what was done, and whether somebody changed what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import open_store
from tests.cli.conftest import Run
from tests.store.values import entry, execute, without_triggers


@pytest.fixture(autouse=True)
def data(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("FEDML_INFRA_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def kept(data: Path) -> Path:
    with open_store(StorePlace(data)) as store:
        for number in range(1, 5):
            store.audit.append(entry(number, stack="cardio" if number % 2 else "neuro"))
    return data


def test_entries_are_listed_the_newest_last(kept: Path, run: Run) -> None:
    lines = run("audit").out.splitlines()
    assert len(lines) == 5
    assert "user4@host" in lines[-1] and "invite id4" in lines[-1]


def test_entries_of_a_stack_and_the_newest_of_them(kept: Path, run: Run) -> None:
    assert [each["number"] for each in run("audit", "cardio", "--json").json["entries"]] == [1, 3]
    assert [each["number"] for each in run("audit", "cardio", "--limit", "1", "--json").json["entries"]] == [3]


def test_nothing_is_told(run: Run) -> None:
    done = run("audit")
    assert (done.code, done.out) == (0, "")
    assert "Nothing" in done.err


def test_a_whole_audit_gives_its_head(kept: Path, run: Run) -> None:
    told = run("audit", "--verify", "--json").json
    assert (told["entries"], told["broken"]) == (4, None)
    assert run("audit", "--verify").out.strip() == told["head"]
    assert run("audit", "--json").json["entries"][-1]["hash"] == told["head"]


def test_a_changed_audit_ends_with_1_and_names_the_entry(kept: Path, run: Run) -> None:
    with open_store(StorePlace(kept)) as store:
        without_triggers(store)
        execute(store, "UPDATE audit SET actor = 'nobody' WHERE number = 2")
    done = run("audit", "--verify")
    assert (done.code, done.out) == (1, "")
    assert "Entry 2 of the audit was changed" in done.err


def test_a_changed_audit_in_json_is_an_error(kept: Path, run: Run) -> None:
    with open_store(StorePlace(kept)) as store:
        without_triggers(store)
        execute(store, "DELETE FROM audit WHERE number = 1")
    done = run("audit", "--verify", "--json")
    assert done.code == 1
    assert (done.json["error"]["kind"], done.json["error"]["exit_code"]) == ("BrokenAuditError", 1)
