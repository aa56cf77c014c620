"""The proof that a joiner's account is its own: a signed call of STS that the verifier makes in its place.

The way of HashiCorp Vault's AWS auth method (https://developer.hashicorp.com/vault/docs/auth/aws) and of Teleport's IAM
join: GetCallerIdentity, signed by AWS Signature Version 4
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html) with the challenge in a
signed header. The verifier builds the call anew from its own knowledge, sends it to AWS, and reads the account in the
answer. Nothing secret travels: the secret access key stays where it is, and the signature is good for this one call.

The Host that is signed is always AWS's of the region, on both sides. Where AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL of
the verifier's own environment is a loopback endpoint (the sandbox), the call goes there, under that same Host; any
other value of them is no place to ask whose an account is, and is not heeded.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fedml_infra.aws.failures import BAD_SIGNATURE, CLOCK, EXPIRED, UNKNOWN_CREDENTIALS
from fedml_infra.aws.sessions import Access, is_loopback, keys_of
from fedml_infra.errors import NetworkError
from fedml_infra.errors import ProofRefusedError as ProofRefusedError
from fedml_infra.model.arns import Arn
from fedml_infra.model.proof import Challenge, Proof, ProofRefusal, amz_date, moment
from fedml_infra.model.regions import dns_suffix, partition_of, regions

if TYPE_CHECKING:
    import httpx

HEADER = "X-Fedml-Challenge"
BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
SKEW_SECONDS = 300
"""How far a proof's time may be from the verifier's."""
LARGEST_ANSWER = 64 * 1024
"""Bytes; STS answers with less than one thousand."""
SECONDS = 10.0
"""How long connecting, and each part of the answer, may take, and then the answer's body as a whole."""

_CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
_ACCOUNT = re.compile(r"<Account>([0-9]{12})</Account>")
_CODE = re.compile(r"<Code>([A-Za-z.]{1,64})</Code>")

UseOnce = Callable[[bytes, datetime], bool]
"""`store.challenges.use_once`: remembers a challenge until its expiry; False where it was known."""


def sign_proof(access: Access, region: str, challenge: Challenge, *, now: datetime | None = None) -> Proof:
    """Signs the challenge with these credentials, for STS in that region; no call is made, but roles are assumed.

    The region is one of the topic's partition that the account has enabled. Raises AuthenticationError where there are
    no credentials, ProofRefusedError (region) where AWS has no such region there.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    host = _host(region, challenge)
    keys = keys_of(access)
    date = amz_date(now or datetime.now(UTC))
    headers = _signed_headers(host, date, keys.session_token, challenge)
    request = AWSRequest("POST", f"https://{host}/", data=BODY, headers=headers)
    request.context["timestamp"] = date
    credentials = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    signer = SigV4Auth(credentials, "sts", region)
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return Proof(
        region,
        date,
        keys.access_key_id,
        keys.session_token,
        signature,
        nonce=challenge.nonce,
        expires=challenge.expires,
    )


def proven_account(proof: Proof, challenge: Challenge, *, now: datetime, use_once: UseOnce) -> str:
    """The twelve-digit account whose credentials signed the challenge, by AWS's own word.

    `challenge` is the verifier's (`Challenger.recall`), never the joiner's. It is used up by the one call that this
    makes, whatever AWS answers. Raises ProofRefusedError, whose `reason` is a ProofRefusal, or NetworkError where AWS
    gave no answer: the joiner then asks for a new challenge.
    """
    if (proof.nonce, proof.expires) != (challenge.nonce, challenge.expires):
        raise _refused(ProofRefusal.CHALLENGE, "this proof answers another challenge")
    host = _host(proof.region, challenge)
    if now >= challenge.expires:
        raise _refused(ProofRefusal.EXPIRED, f"the challenge of this proof has expired at {challenge.expires:%H:%M:%S}")
    if abs(now - proof.signed_at()) > timedelta(seconds=SKEW_SECONDS):
        raise ProofRefusedError(
            ProofRefusal.CLOCK,
            f"this proof was signed at {moment(proof.signed_at())}, and here it is {moment(now)}",
            fix="Set the joiner's clock (NTP), and join again.",
        )
    if not use_once(challenge.once(), challenge.expires):
        raise _refused(ProofRefusal.REPEATED, "this proof has been used before")
    return _account(*_ask(host, _headers(host, proof, challenge)))


def require_account(proven: str, claimed: str) -> None:
    """Raises ProofRefusedError (account) where another account was claimed than the one that signed."""
    if proven != claimed:
        raise ProofRefusedError(
            ProofRefusal.ACCOUNT,
            f"account {claimed} asked to join, and the proof was signed by account {proven}",
            fix=f"Use credentials of account {claimed} (`--profile`), and join again.",
        )


def _host(region: str, challenge: Challenge) -> str:
    """STS's in a region of the topic's partition: in another one the same twelve digits are another account."""
    partition = Arn.parse(challenge.topic_arn).partition
    if region not in regions():
        raise _refused(ProofRefusal.REGION, f"AWS has no region {region!r}")
    if partition_of(region) != partition:
        raise _refused(ProofRefusal.REGION, f"{region} is not in the partition {partition} of the federation's topic")
    return f"sts.{region}.{dns_suffix(partition)}"


def _signed_headers(host: str, date: str, token: str | None, challenge: Challenge) -> dict[str, str]:
    headers = {"Content-Type": _CONTENT_TYPE, "Host": host, "X-Amz-Date": date, HEADER: challenge.text()}
    return headers if token is None else headers | {"X-Amz-Security-Token": token}


def _headers(host: str, proof: Proof, challenge: Challenge) -> dict[str, str]:
    """Those of the call: the signed ones, and the signature."""
    headers = _signed_headers(host, proof.amz_date, proof.session_token, challenge)
    names = ";".join(sorted(name.lower() for name in headers))
    scope = f"{proof.access_key_id}/{proof.amz_date[:8]}/{proof.region}/sts/aws4_request"
    said = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={proof.signature}"
    return headers | {"Authorization": said, "Accept-Encoding": "identity"}


def _ask(host: str, headers: Mapping[str, str]) -> tuple[int, str]:
    """Status and body of one call: no redirect followed, no second attempt. NetworkError where there is no answer."""
    import httpx

    local = _local_endpoint()
    try:
        with (
            httpx.Client(
                verify=_trusted(), timeout=SECONDS, follow_redirects=False, trust_env=local is None
            ) as connection,
            connection.stream("POST", local or f"https://{host}/", content=BODY, headers=dict(headers)) as answer,
        ):
            return answer.status_code, _body(answer)
    except httpx.HTTPError as error:
        raise NetworkError(
            f"AWS could not be asked whose the joiner's account is: {host} gave no answer ({type(error).__name__})",
            fix="Check the network of whoever admits (HTTPS_PROXY, NO_PROXY); then the joiner runs its command again.",
        ) from None


def _local_endpoint() -> str | None:
    for name in ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"):
        endpoint = os.environ.get(name)
        if endpoint:
            return endpoint if is_loopback(endpoint) else None
    return None


def _trusted() -> Any:
    """Certificates as the AWS clients trust them: AWS_CA_BUNDLE's where it is set."""
    import ssl

    bundle = os.environ.get("AWS_CA_BUNDLE")
    return ssl.create_default_context(cafile=bundle) if bundle else True


def _body(answer: httpx.Response) -> str:
    end = time.monotonic() + SECONDS
    raw = b""
    for chunk in answer.iter_bytes():
        raw += chunk
        if len(raw) > LARGEST_ANSWER or time.monotonic() > end:
            raise NetworkError(f"{answer.url.host} gave an answer that STS does not give", fix="Join again.")
    return raw.decode("utf-8", "replace")


def _account(status: int, body: str) -> str:
    """The account in STS's answer (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html)."""
    if status == 200:
        found = _ACCOUNT.findall(body)
        if len(found) == 1:
            return str(found[0])
        raise NetworkError("STS gave an answer without an account", fix="Join again.")
    code = next(iter(_CODE.findall(body)), "")
    if code in BAD_SIGNATURE:
        raise _refused(ProofRefusal.SIGNATURE, "AWS does not accept the signature of this proof")
    if code in EXPIRED | UNKNOWN_CREDENTIALS:
        raise ProofRefusedError(
            ProofRefusal.CREDENTIALS,
            f"AWS does not know the credentials of this proof, or they have expired ({code})",
            fix="Log in again on the joiner's side, and join again.",
        )
    if code in CLOCK:
        raise _refused(ProofRefusal.CLOCK, "AWS says that this proof was not signed now")
    if 400 <= status < 500 and status != 429 and "Throttl" not in code:
        raise _refused(ProofRefusal.SIGNATURE, f"AWS refused this proof with {code or status}")
    raise NetworkError(f"STS answered {code or status} instead of an account", fix="Wait a minute, and join again.")


def _refused(reason: ProofRefusal, what: str) -> ProofRefusedError:
    return ProofRefusedError(reason, what, fix="Join again: that makes a new proof.")
