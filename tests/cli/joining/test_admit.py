"""admit: a request that comes as a file, and what is refused of it and of a door; usage of both sides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tests.cli.joining.sides import (
    CONFIGURATION,
    OK,
    REFUSED,
    Side,
    untouched,
)
from tests.operations.joins import INSEL, Gate


def test_without_a_server_a_request_is_written_admitted_and_gone_on_with(
    hub: Gate, insel: Side, admit: Callable[..., Done]
) -> None:
    invite = hub.invite(INSEL, url=None)
    assert "Give --request-out" in insel.join(invite, "--yes").err
    assert untouched(insel)

    insel.world.aws.roster_readers = set()
    asked = insel.join(invite, "--request-out", "request", "--yes", "--json")
    assert (asked.code, asked.json["waits"], asked.json["request"]) == (OK, True, "request"), asked.err
    for command in (("up", "--yes"), ("info",), ("sync",)):
        waits = insel.call(*command)
        assert (waits.code, "join --continue" in waits.err) == (CONFIGURATION, True)
    early = insel.call("join", "--continue")
    assert (early.code, "not admitted" in early.err) == (REFUSED, True)

    request = str(insel.world.project / "request")
    seen = admit(request, "--preview", "--json")
    assert (seen.code, seen.json["aws_id"], seen.json["pid"], seen.json["admitted"]) == (OK, INSEL, "insel", False)
    asks = admit(request)
    assert (asks.code, "Give --yes" in asks.err) == (CONFIGURATION, True)
    assert INSEL in asks.out and "publish and receive" in asks.out
    assert hub.members == {}
    assert admit(request, "--yes", "--json").json["admitted"] is True
    assert admit(request, "--yes", "--json").json["changed"] is False

    insel.world.aws.roster_readers = {INSEL}
    done = insel.call("join", "--continue", "cardio", "--no-verify", "--json")
    assert (done.code, done.json["nodes"]["insel"]["epoch"]) == (OK, 1), done.err
    assert [row.action for row in hub.store.audit.entries()] == ["admit", "admit"]


def test_an_offline_request_needs_an_invite_for_one_account(hub: Gate, url: str, insel: Side) -> None:
    done = insel.join(hub.invite(url=url), "--request-out", "request", "--yes")
    assert (done.code, "a file proves none" in done.err) == (CONFIGURATION, True)
    assert untouched(insel)


@pytest.mark.parametrize(
    "arguments",
    [
        ("join", "--continue", "--pid", "x"),
        ("join", "x", "--wait-admitted", "1", "--request-out", "y"),
        ("join", "x", "-s", "cardio"),
        ("admit",),
        ("admit", "a", "b", "c"),
        ("admit", "a", "--port", "1"),
        ("admit", "--listen", "--yes"),
        ("admit", "a", "b", "--listen"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(insel: Side, arguments: tuple[str, ...]) -> None:
    done = insel.call(*arguments)
    assert (done.code, "Usage:" in done.err) == (CONFIGURATION, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "--tls-cert"),
        (("--public-url", "http://fed.example.org"), "is not https"),
        (("--public-url", "fed.example.org"), "is not the address"),
        (("--host", "127.0.0.1", "--port", "1", "--public-url", "ftp://x"), "is not the address"),
    ],
)
def test_a_door_that_joiners_could_not_trust_is_not_opened(
    hub: Gate, admit: Callable[..., Done], options: tuple[str, ...], said: str
) -> None:
    done = admit("--listen", *options)
    assert (done.code, said in done.err) == (CONFIGURATION, True), done.err


def test_a_file_that_is_no_request_is_told(hub: Gate, admit: Callable[..., Done], tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * 10_000)
    assert "larger than one can be" in admit(str(large)).err
    assert "cannot be read" in admit(str(tmp_path / "none")).err
    large.write_text("{}")
    assert admit(str(large)).code == CONFIGURATION
