"""`admit --listen --branch`: the same door, behind which a branch is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import cli
from fedml_infra.errors import TimedOutError
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import open_store
from tests.cli.test_listen import free_port, while_it_listens
from tests.gitops.proposals import host
from tests.gitops.repositories import IDENTITY
from tests.gitops.reviewing import BRANCH, Repo, opened
from tests.operations.joins import INSEL


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repo]:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    made = opened(tmp_path)
    made.gate.store.close()
    yield made


def test_it_proposes_who_proves_itself(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gh = host(tmp_path / "bin", repo.there.bare.root, monkeypatch)
    port = free_port()
    url = f"http://127.0.0.1:{port}/fedml/cardio/createPolicies"
    repo.gate.store = open_store(StorePlace(repo.there.checkout.root / "store", None))
    knock = replace(repo.gate.knock(repo.gate.invite(url=url), url=url), transport=None, patience=0.0)

    def knocking() -> None:
        with pytest.raises(TimedOutError, match="Nobody has agreed"):
            knock.granted()

    code = while_it_listens(repo.gate, port, knocking, "--branch")
    said = capsys.readouterr()
    assert code == 0, said.err
    assert INSEL in repo.there.of(BRANCH)
    assert f"Branch {BRANCH} has who waits: {gh.pulls[0]['url']}" in said.err
    assert repo.there.checkout.git("branch", "--list") == "* main"
    repo.gate.store.close()


@pytest.mark.parametrize("name", ["main", "a..b", "-x"])
def test_a_branch_that_cannot_be_is_said_before_anybody_knocks(
    repo: Repo, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.chdir(repo.there.checkout.root)
    given = ["admit", "--listen", f"--branch={name}", "--data-dir", str(repo.there.checkout.root / "store")]
    assert cli.main(given, tools=repo.there.party.world.tools) == 2
    assert name in capsys.readouterr().err
