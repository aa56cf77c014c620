"""A git repository for each test, and git's settings those of nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gitops.repositories import IDENTITY, Checkout, new_checkout


@pytest.fixture(autouse=True)
def identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who commits, and no settings of this machine's."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """An empty repository, in a folder with a blank and an umlaut."""
    return new_checkout(tmp_path / "a répo")
