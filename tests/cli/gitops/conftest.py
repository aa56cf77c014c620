"""A project that is a git repository, with the shipped doubles behind the command line."""

from __future__ import annotations

import pytest

from tests.gitops.repositories import IDENTITY, Checkout, new_checkout
from tests.operations.worlds import World


@pytest.fixture
def checkout(here: World, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """The project's repository: one stack on main, everything committed."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    made = new_checkout(here.project)
    here.write()
    made.commit("the beginning")
    return made
