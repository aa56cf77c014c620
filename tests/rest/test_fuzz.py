"""Whatever is sent, the answer is one of the contract's: never a 500, never a trace, and always the envelope."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedml_infra.rest import strings
from tests.rest.fuzz import SECRETS, Fuzz
from tests.rest.in_process import Got, InProcess, Sent, in_process

EXAMPLES = max(300, settings().max_examples)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


@pytest.fixture(scope="module")
def fuzz(service: InProcess) -> Fuzz:
    return Fuzz(service.world)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_is_answered_by_an_error_of_ours(service: InProcess, fuzz: Fuzz, data: st.DataObject) -> None:
    sent = data.draw(fuzz.requests).sent()
    got = service.send(sent)
    assert not sent.whole or got.status is not None and got.status < 500, (sent, got)
    assert_contract(sent, got)


def assert_contract(sent: Sent, got: Got) -> None:
    """The answer's form, and that it tells nothing of the inside."""
    if not sent.whole:
        return
    for secret in SECRETS:
        assert secret not in got.body, (sent, got)
    if got.headers["content-type"].startswith("text/event-stream"):
        assert got.status == 200
        return
    assert got.headers["content-type"] == "application/json", (sent, got)
    envelope = got.envelope()
    assert isinstance(envelope["statusString"], str) and envelope["statusString"], envelope
    assert isinstance(envelope["values"], dict)
    assert envelope["statusString"] != strings.WRONG
