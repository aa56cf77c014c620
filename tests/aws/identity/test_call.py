"""What is refused without a call of STS, and how the one call is made."""

from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.session import get_session

from fedml_infra.aws import identity_proof
from fedml_infra.aws.identity_proof import sign_proof
from fedml_infra.aws.sessions import Access
from fedml_infra.errors import AuthenticationError, NetworkError
from fedml_infra.model.proof import ProofRefusal
from fedml_infra.model.regions import partition_of, regions
from tests.aws.proofs import (
    KEYS,
    VICTIM,
    OddSts,
    answer,
    challenge,
    failure,
    refusal,
    signed,
    verify,
)


def test_the_call_is_of_our_own_making(sts: OddSts) -> None:
    proof, given = signed()
    assert verify(proof, given) == VICTIM
    (call,) = sts.calls
    assert call[""] == "Action=GetCallerIdentity&Version=2011-06-15"
    assert call["host"] == "sts.eu-west-1.amazonaws.com"
    assert call["x-fedml-challenge"] == given.text()
    assert "host;x-amz-date;x-amz-security-token;x-fedml-challenge" in call["authorization"]


@pytest.mark.parametrize("region", ["evil.example.org/", "us-east-9", "", "US_EAST_1", "localhost:1"])
def test_what_is_no_region_is_refused_before_any_call(sts: OddSts, region: str) -> None:
    proof, given = signed()
    assert refusal(lambda: verify(replace(proof, region=region), given)) == ProofRefusal.REGION
    assert sts.calls == []


def test_another_partition_is_refused_before_any_call(sts: OddSts) -> None:
    proof, given = signed()
    assert refusal(lambda: verify(replace(proof, region="cn-north-1"), given)) == ProofRefusal.REGION
    assert sts.calls == []


def test_nobody_signs_for_what_is_no_region_of_the_partition() -> None:
    assert refusal(lambda: sign_proof(KEYS, "cn-north-1", challenge())) == ProofRefusal.REGION


def test_who_has_no_credentials_is_told() -> None:
    with pytest.raises(AuthenticationError, match="no AWS credentials"):
        sign_proof(Access(), "eu-west-1", challenge())


def test_a_redirect_is_not_followed(sts: OddSts) -> None:
    sts.status, sts.headers = 307, {"Location": f"{sts.url}/elsewhere"}
    with pytest.raises(NetworkError):
        verify(*signed())
    assert len(sts.calls) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<Account>222222222222</Account><Account>333333333333</Account>"),
        (200, b"<Account>2222</Account>"),
        (200, answer(VICTIM) + b" " * identity_proof.LARGEST_ANSWER),
        (500, failure("InternalFailure")),
        (429, failure("Throttling")),
        (400, failure("Throttling")),
    ],
    ids=["empty", "two accounts", "no account", "too large", "fault", "throttled", "throttled too"],
)
def test_an_answer_that_is_none_is_no_refusal(sts: OddSts, status: int, body: bytes) -> None:
    sts.status, sts.body = status, body
    with pytest.raises(NetworkError):
        verify(*signed())
    assert len(sts.calls) == 1


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("SignatureDoesNotMatch", ProofRefusal.SIGNATURE),
        ("ExpiredToken", ProofRefusal.CREDENTIALS),
        ("InvalidClientTokenId", ProofRefusal.CREDENTIALS),
        ("RequestTimeTooSkewed", ProofRefusal.CLOCK),
        ("AccessDenied", ProofRefusal.SIGNATURE),
    ],
)
def test_aws_s_refusals_are_ours(sts: OddSts, code: str, why: ProofRefusal) -> None:
    sts.status, sts.body = 403, failure(code)
    assert refusal(lambda: verify(*signed())) == why


def test_an_sts_that_is_gone_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(NetworkError, match="could not be asked"):
        verify(*signed())


def test_an_endpoint_elsewhere_is_not_asked_whose_an_account_is(sts: OddSts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name does not even exist: the call goes to AWS's host, here through a proxy that is not there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "https://sts.example.invalid")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(NetworkError, match=r"sts\.eu-west-1\.amazonaws\.com gave no answer"):
        verify(*signed())


def test_the_hosts_are_aws_s_own() -> None:
    core = get_session()
    resolver = core.get_component("endpoint_resolver")
    for region in regions():
        topic = f"arn:{partition_of(region)}:sns:{region}:111111111111:cardio"
        known = resolver.construct_endpoint("sts", region)["hostname"]
        ours = identity_proof._host(region, challenge(topic_arn=topic))
        # Botocore's old table has the global endpoint for some regions; the regional one is named alike everywhere.
        assert known in (ours, "sts.amazonaws.com")
