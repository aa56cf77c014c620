"""A hub with its door on a socket, and organisations that join it."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

from fedml_infra.aws.sessions import Access
from fedml_infra.rest.door_app import door_app
from tests.cli.conftest import Done
from tests.cli.joining.sides import (
    PASSPHRASE,
    Organisations,
    Side,
)
from tests.operations.joins import INSEL, Gate, gate, shut
from tests.operations.worlds import world


@pytest.fixture(autouse=True)
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "FEDML_INFRA_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FEDML_INFRA_DATA_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("FEDML_INFRA_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Gate]:
    made = gate(tmp_path / "hub")
    yield made
    shut(made)


@pytest.fixture
def url(hub: Gate) -> Iterator[str]:
    """The hub's door, on a socket."""
    bound = socket.create_server(("127.0.0.1", 0))
    public = f"http://127.0.0.1:{bound.getsockname()[1]}"
    app = door_app(hub.door.create_policies, public)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    serving.start()
    yield f"{public}/fedml/charite/createPolicies"
    server.should_exit = True
    serving.join()


@pytest.fixture
def side(hub: Gate, tmp_path: Path, called: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> Organisations:
    """`side(account)`: an organisation whose credentials are that account's."""

    def make(account: str) -> Side:
        folder = tmp_path / account
        folder.mkdir()
        made = world(folder, {Access(): account})
        made.aws.rosters = hub.party.world.aws.rosters

        def call(*arguments: str) -> Done:
            monkeypatch.chdir(folder)
            return called(made.tools, *arguments)

        return Side(made, call)

    return make


@pytest.fixture
def insel(side: Organisations) -> Side:
    return side(INSEL)


@pytest.fixture
def admit(
    hub: Gate, tmp_path: Path, called: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """The hub's command line."""

    def call(*arguments: str) -> Done:
        party = hub.party.world
        monkeypatch.chdir(party.project)
        return called(party.tools, "admit", *arguments, "--data-dir", str(tmp_path / "hub" / "store"))

    return call
