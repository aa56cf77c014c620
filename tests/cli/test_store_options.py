"""Where the store is, said on the command line: once, and without a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedml_infra.store.place import FILE
from tests.cli.conftest import Run


def test_a_folder_is_taken(run: Run, tmp_path: Path) -> None:
    assert run("invite", "list", "--data-dir", str(tmp_path / "data")).code == 0
    assert (tmp_path / "data" / FILE).exists()


def test_a_password_is_no_argument_and_not_repeated(run: Run) -> None:
    done = run("invite", "list", "--database-url", "postgresql://fed:hunter2@h/d")
    assert done.code == 2
    assert "--database-url-file" in done.err and "hunter2" not in done.err


@pytest.mark.parametrize(
    "two", [("--data-dir", "x", "--database-url", "postgresql:///d"), ("--data-dir", "x", "--database-url-file", "f")]
)
def test_two_places_are_refused(run: Run, tmp_path: Path, two: tuple[str, ...]) -> None:
    Path("f").write_text("postgresql:///d")
    done = run("invite", "list", *two)
    assert done.code == 2
    assert "one of" in done.err


def test_a_url_is_read_from_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"postgresql://fed:hunter2@/fedml?host={tmp_path}\n")
    done = run("invite", "list", "--database-url-file", str(tmp_path / "url"))
    assert done.code == 1
    assert "postgresql://localhost/fedml cannot be used" in done.err and "hunter2" not in done.err


def test_a_url_is_read_from_the_environment(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDML_INFRA_DATABASE_URL", f"postgresql:///fedml?host={tmp_path}")
    assert "postgresql://localhost/fedml" in run("invite", "list").err


def test_another_kind_of_database_is_refused(run: Run) -> None:
    done = run("invite", "list", "--database-url", "mysql://h/d")
    assert done.code == 2
    assert "--data-dir" in done.err
