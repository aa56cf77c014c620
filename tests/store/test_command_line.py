"""The commands keep what they keep in PostgreSQL too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

import cli
from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import open_store
from tests.store.values import new_token


@pytest.mark.postgresql
def test_invites_and_audit_are_kept_in_postgresql(
    new_schema: Callable[[], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = new_schema()
    (tmp_path / "url").write_text(url)
    where = ["--database-url-file", str(tmp_path / "url"), "--json"]
    token = new_token()
    with open_store(StorePlace(None, SecretStr(url))) as store:
        store.tokens.add(token)
    assert cli.main(["invite", "revoke", token.id, *where]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "revoked"
    assert cli.main(["audit", *where]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert (entry["action"], entry["details"]) == ("invite revoke", {"invite": token.id})
