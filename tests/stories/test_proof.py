"""The proof of an account on the sandbox, whose own certificate and address are the verifier's environment."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fedml_infra.aws.identity_proof import proven_account, sign_proof
from fedml_infra.aws.sessions import Access, Keys
from fedml_infra.errors import ProofRefusedError
from fedml_infra.model.proof import Challenge, ProofRefusal
from fedml_infra.sandbox.sandbox import Running
from fedml_infra.wire.v2.proof import Challenger

pytestmark = pytest.mark.story

ACCOUNT = "272727272727"


@pytest.fixture
def challenge() -> Challenge:
    """One of now: it lives five minutes, and other stories may take longer."""
    return Challenger().challenge(
        topic_arn="arn:aws:sns:us-east-1:111111111111:cardio",
        verifier="https://127.0.0.1:8443/createPolicies",
        token_id="00ff00ff00ff00ff",
        claims="",
        now=datetime.now(UTC),
    )


@pytest.fixture
def keys(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """A user's of the account: the sandbox checks its signatures, which it does not do for a root."""
    iam = sandbox.local_aws.session(ACCOUNT).client("iam")
    name = f"joiner-{len(iam.list_users()['Users'])}"
    iam.create_user(UserName=name)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.local_aws.url)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(sandbox.local_aws.ca_bundle))
    return Keys(made["AccessKeyId"], made["SecretAccessKey"])


def test_the_sandbox_says_whose_the_signature_is(keys: Keys, challenge: Challenge) -> None:
    proof = sign_proof(Access(keys=keys), "eu-west-1", challenge)
    proven = proven_account(proof, challenge, now=datetime.now(UTC), use_once=lambda _digest, _expires: True)
    assert proven == ACCOUNT


def test_the_sandbox_refuses_another_secret(keys: Keys, challenge: Challenge) -> None:
    proof = sign_proof(Access(keys=Keys(keys.access_key_id, "x")), "eu-west-1", challenge)
    with pytest.raises(ProofRefusedError) as refused:
        proven_account(proof, challenge, now=datetime.now(UTC), use_once=lambda _digest, _expires: True)
    assert refused.value.reason == ProofRefusal.SIGNATURE
