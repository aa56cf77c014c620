"""What a joiner believes of a server, and what it never does: tests of a server that is not what it should be."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from fedml_infra.aws.sessions import Access
from fedml_infra.errors import (
    AuthenticationError,
    ConfigurationError,
    FedmlError,
    NetworkError,
    ProofRefusedError,
    ResourceError,
    TimedOutError,
    TokenRefusedError,
)
from fedml_infra.model.proof import Challenge, Proof
from fedml_infra.operations.double import InMemoryCloud
from fedml_infra.operations.knock import GOES_ON, LARGEST_ANSWER, Knock, printable, require_private
from fedml_infra.wire.answers import Answer
from fedml_infra.wire.tokens import new_token
from fedml_infra.wire.v2.create_policies import Asked, Granted

TOPIC = "arn:aws:sns:us-east-1:111111111111:cardio"
URL = "https://fed.example.org/fedml/charite/createPolicies"
INSEL = "222222222222"
CLOUD = InMemoryCloud({Access(): INSEL})
GRANTED = Granted("cardio", TOPIC, INSEL, "insel", frozenset({"publish"}), b"roster")  # type: ignore[arg-type]
Handler = Callable[[httpx.Request], httpx.Response]


def challenge() -> dict[str, Any]:
    expires = (datetime.now(UTC) + timedelta(seconds=300)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"challenge": {"nonce": "n" * 48, "expires": expires}}


def answered(status: int, values: dict[str, Any] | None = None, said: str = "said", **headers: str) -> httpx.Response:
    return httpx.Response(status, headers=headers, content=Answer.of(status, said, values).write())


def knock(handler: Handler, url: str = URL, **others: Any) -> Knock:
    def sign(given: Challenge) -> Proof:
        return CLOUD.sign_proof(Access(), "us-east-1", given)

    asked = Asked(new_token(), INSEL, "insel", None)
    return Knock(url, TOPIC, asked, sign, transport=httpx.MockTransport(handler), wait=lambda _: None, **others)


def after_challenge(*answers: httpx.Response) -> Handler:
    """A server that challenges, and then answers so, one proof after the other."""
    left = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        return left.pop(0) if "proof" in json.loads(request.read()) else answered(401, challenge())

    return handle


def raised(handler: Handler, kind: type[FedmlError]) -> FedmlError:
    with pytest.raises(kind) as caught:
        knock(handler).granted()
    return caught.value


def test_what_was_granted_comes_back() -> None:
    assert knock(after_challenge(answered(200, GRANTED.to_map()))).granted() == GRANTED


def test_who_asks_too_often_waits_as_told_and_asks_again() -> None:
    pauses: list[float] = []
    left = [answered(429, **{"Retry-After": "4"}), answered(401, challenge()), answered(429, **{"Retry-After": "9"})]
    tail = after_challenge(answered(200, GRANTED.to_map()))
    asking = knock(lambda request: left.pop(0) if left else tail(request))
    assert replace(asking, wait=pauses.append).granted() == GRANTED
    assert pauses == [4, 9]


def test_who_is_told_so_time_and_again_gives_up_and_may_go_on_later() -> None:
    error = raised(lambda _: answered(429, said="Too many requests"), ResourceError)
    assert error.fix == GOES_ON


def test_202_is_waited_for_as_long_as_it_says_within_bounds() -> None:
    pauses: list[float] = []
    answers = [answered(202, **{"Retry-After": after}) for after in ("7", "0", "99999", "soon", "-1")]
    given = knock(after_challenge(*answers, answered(200, GRANTED.to_map())))
    assert Knock(**{**vars(given), "wait": pauses.append}).granted() == GRANTED
    assert pauses == [7, 1, 60, 1, 1]


def test_a_person_who_reviews_is_named_and_so_is_what_goes_on_later() -> None:
    said: list[str] = []
    waits = answered(202, {"waits_for": "review"}, **{"Retry-After": "30"})
    with pytest.raises(TimedOutError) as raised:
        knock(after_challenge(waits), say=said.append, patience=10.0).granted()
    assert "A person reviews" in said[0]
    assert "Nobody has agreed" in raised.value.what
    assert "join --continue" in str(raised.value.fix)


@pytest.mark.parametrize("url", ["http://fed.example.org/x", "http://127.0.0.1.example.org/x", "http://10.0.0.1/x"])
def test_only_https_but_on_this_machine(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not https"):
        require_private(url)
    for fine in ("https://fed.example.org/x", "http://127.0.0.1:1/x", "http://[::1]:1/x", "http://localhost/x"):
        require_private(fine)


def test_no_redirect_is_followed() -> None:
    asked: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(307, headers={"Location": "https://evil.example.org/"})

    assert "points elsewhere" in raised(redirect, AuthenticationError).what
    assert asked == [URL]


def test_only_so_much_of_an_answer_is_read() -> None:
    assert raised(lambda _: httpx.Response(401, content=b"x" * (LARGEST_ANSWER + 1)), NetworkError)


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b'{"statusCode": "OK"}', b'{"statusCode":"NO","statusString":"x","values":{}}']
)
def test_what_is_no_envelope_is_no_answer(content: bytes) -> None:
    assert "createPolicies does not give" in raised(lambda _: httpx.Response(200, content=content), NetworkError).what


def test_an_envelope_of_another_status_is_no_answer() -> None:
    body = Answer.of(200, "fine", GRANTED.to_map()).write()
    assert raised(lambda _: httpx.Response(404, content=body), NetworkError)


def test_a_server_that_asks_for_no_proof_is_none() -> None:
    error = raised(lambda _: answered(200, GRANTED.to_map()), AuthenticationError)
    assert "asked for no proof" in error.what


@pytest.mark.parametrize("values", [{}, {"challenge": "x"}, {"challenge": {"nonce": "n"}}])
def test_a_challenge_that_is_none_is_not_signed(values: dict[str, Any]) -> None:
    assert raised(lambda _: answered(401, values), AuthenticationError)


@pytest.mark.parametrize(
    "other", [{"aws_id": "333333333333"}, {"pid": "usz"}, {"aws_topic_arn": TOPIC.replace("cardio", "neuro")}]
)
def test_a_grant_of_something_else_is_not_used(other: dict[str, str]) -> None:
    error = raised(after_challenge(answered(200, {**GRANTED.to_map(), **other})), AuthenticationError)
    assert "something else than was asked for" in error.what


@pytest.mark.parametrize("values", [{}, {**GRANTED.to_map(), "roster": "!"}, {**GRANTED.to_map(), "rights": ["all"]}])
def test_a_grant_that_is_none_is_no_answer(values: dict[str, Any]) -> None:
    assert raised(after_challenge(answered(200, values)), NetworkError)


@pytest.mark.parametrize(
    ("reason", "what"),
    [
        ("unknown", "The invite is not known"),
        ("expired", "The invite has expired."),
        ("used", "The invite was used by another account."),
        ("other_account", "The invite is for another account."),
    ],
)
def test_a_refused_token_is_called_what_it_is(reason: str, what: str) -> None:
    error = raised(lambda _: answered(401, {"refused": "token", "reason": reason}), TokenRefusedError)
    assert error.what.startswith(what)


def test_a_refused_proof_is_made_anew_where_that_helps_and_only_so_often() -> None:
    stale = {"refused": "proof", "reason": "expired"}
    given = answered(200, GRANTED.to_map())
    assert knock(after_challenge(answered(401, stale), answered(401, stale), given)).granted() == GRANTED
    assert raised(after_challenge(*[answered(401, stale)] * 3), ProofRefusedError)
    other = answered(401, {"refused": "proof", "reason": "account"})
    assert raised(after_challenge(other), ProofRefusedError)


@pytest.mark.parametrize("refused", [{"refused": "token", "reason": "expired"}, {"refused": "request"}])
def test_who_was_let_in_is_not_refused_by_what_comes_then(refused: dict[str, str]) -> None:
    """Or the key that its admission was made with would be thrown away."""
    error = raised(after_challenge(answered(202), answered(401, refused)), ResourceError)
    assert "let this account in" in error.what and "join --continue" in str(error.fix)


def test_a_server_that_cannot_now_is_told_and_the_same_goes_on_later() -> None:
    error = raised(after_challenge(answered(503, said="Not now.")), ResourceError)
    assert ("Not now." in error.what, error.fix) == (True, "The same command goes on from here.")


def test_what_a_server_says_is_made_harmless() -> None:
    error = raised(lambda _: answered(403, said="\x1b[2Jgone\n\u202eevil" + "x" * 1000), AuthenticationError)
    assert all(sign.isprintable() for sign in error.what)
    assert len(error.what) < 400
    assert printable("a\x07b\u200b") == "a·b·"


def test_nothing_but_token_names_and_proof_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-mine")
    bodies: list[bytes] = []
    inner = after_challenge(answered(200, GRANTED.to_map()))

    def seen(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read() + repr(request.headers).encode())
        return inner(request)

    knock(seen).granted()
    first, second = (json.loads(each.partition(b"Headers")[0]) for each in bodies)
    assert set(first) == {"fed_req_token", "aws_id", "pid"}
    assert set(second) - set(first) == {"proof"}
    assert set(second["proof"]) <= {
        "region", "amz_date", "access_key_id", "session_token", "signature", "nonce", "expires"
    }  # fmt: skip
    assert b"a-secret-of-mine" not in b"".join(bodies)


def test_a_server_that_is_not_there_is_no_network() -> None:
    def nobody(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    error = raised(nobody, NetworkError)
    assert "fed.example.org gave no answer (ConnectError)" in error.what


def test_a_bundle_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="AWS_CA_BUNDLE"):
        knock(lambda _: answered(401)).granted()


def test_certificates_are_checked() -> None:
    from fedml_infra.operations.knock import _trusted

    assert (_trusted().verify_mode, _trusted().check_hostname) == (ssl.CERT_REQUIRED, True)
