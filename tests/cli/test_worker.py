"""`worker`: what it refuses before it begins."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


def test_a_file_is_no_store_of_workers(run: Run, tmp_path: Path) -> None:
    refused = run("worker", "--data-dir", str(tmp_path / "data"))
    assert refused.code == 2
    assert "`fedml-infra serve` runs the jobs itself" in refused.err and "--database-url" in refused.err
    assert not (tmp_path / "data").exists()


def test_a_password_is_no_argument(run: Run) -> None:
    refused = run("worker", "--database-url", "postgresql://u:hidden@127.0.0.1/d")
    assert refused.code == 2 and "--database-url-file" in refused.err and "hidden" not in refused.err
