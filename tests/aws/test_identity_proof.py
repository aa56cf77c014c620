"""Whose account it is, by AWS's word: against a moto that checks signatures, and against an STS that is none.

Each attack is refused, and succeeds against a verifier from which the line that refuses it has been taken out.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.session import get_session

from fedml_infra.aws import identity_proof
from fedml_infra.aws.identity_proof import proven_account, require_account, sign_proof
from fedml_infra.aws.sessions import Access, Keys, forget
from fedml_infra.errors import AuthenticationError, NetworkError, ProofRefusedError
from fedml_infra.model.proof import Challenge, Proof, ProofRefusal, amz_date, claims
from fedml_infra.model.regions import partition_of, regions
from fedml_infra.wire.v2.proof import Challenger

TOPIC = "arn:aws:sns:us-east-1:111111111111:cardio"
URL = "https://fed.example.org/symetry/rest/c1/fedml/charite/createPolicies"
VICTIM, OTHER = "222222222222", "333333333333"
CHALLENGER = Challenger()
ABOUT = {
    "topic_arn": TOPIC,
    "verifier": URL,
    "token_id": "00ff00ff00ff00ff",
    "claims": claims(aws_id=VICTIM, pid="insel", public_key=None),
}


def now() -> datetime:
    return datetime.now(UTC)


def challenge(**about: Any) -> Challenge:
    return CHALLENGER.challenge(**ABOUT | about, now=now())


class Once:
    """The store's memory of challenges."""

    def __init__(self) -> None:
        self.known: dict[bytes, datetime] = {}

    def __call__(self, digest: bytes, expires: datetime) -> bool:
        first = digest not in self.known
        self.known[digest] = expires
        return first


def verify(proof: Proof, given: Challenge, *, at: datetime | None = None, once: Once | None = None) -> str:
    return proven_account(proof, given, now=at or now(), use_once=once or Once())


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ProofRefusedError) as refused:
        call()
    assert refused.value.fix
    return refused.value.reason


@dataclass(frozen=True)
class Joiners:
    """Users of two accounts, a role's session of the first, and a user of the account in another partition that has
    the digits of the first.
    """

    user: Access
    other: Access
    session: Access
    namesake: Access


@pytest.fixture(scope="module")
def strict_moto() -> Iterator[tuple[str, Joiners]]:
    """moto on loopback, which checks the signature of every call once the users are there."""
    from moto.core.authorization import enable_iam_authentication
    from moto.iam.models import iam_backends
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer
    from moto.sts.models import sts_backends

    def user(account: str, partition: str = "aws") -> Access:
        backend = iam_backends[account][partition]
        backend.create_user("us-east-1", "joiner")
        made = backend.create_access_key("joiner")
        return Access(keys=Keys(made.access_key_id, made.secret_access_key))

    def session(account: str) -> Access:
        role = iam_backends[account]["aws"].create_role("node", "{}", "/", None, "", [], "3600")
        made = sts_backends[account]["aws"].assume_role("us-east-1", "s", role.arn, None, 3600, None)
        return Access(keys=Keys(made.access_key_id, made.secret_access_key, made.session_token))

    joiners = Joiners(user(VICTIM), user(OTHER), session(VICTIM), user(VICTIM, "aws-us-gov"))
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with enable_iam_authentication():
        yield f"http://{host}:{port}", joiners
    server.stop()
    for account, partition in ((VICTIM, "aws"), (OTHER, "aws"), (VICTIM, "aws-us-gov")):
        iam_backends[account][partition].reset()


@pytest.fixture
def joiners(strict_moto: tuple[str, Joiners], monkeypatch: pytest.MonkeyPatch) -> Joiners:
    """The users; the verifier's environment names that moto."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", strict_moto[0])
    return strict_moto[1]


def test_the_account_is_that_of_who_signed(joiners: Joiners) -> None:
    given = challenge()
    assert verify(sign_proof(joiners.user, "eu-west-1", given), given) == VICTIM


def test_a_role_s_session_proves_its_account(joiners: Joiners) -> None:
    given = challenge()
    proof = sign_proof(joiners.session, "eu-west-1", given)
    assert proof.session_token
    assert verify(proof, given) == VICTIM


def test_it_goes_over_the_wire(joiners: Joiners) -> None:
    given = challenge()
    sent = sign_proof(joiners.user, "us-east-1", Challenge.from_map(given.to_map(), **ABOUT)).to_map()
    received = Proof.from_map(sent)
    assert verify(received, CHALLENGER.recall(received, **ABOUT)) == VICTIM


def test_another_account_s_signature_proves_the_other_account(joiners: Joiners) -> None:
    given = challenge()
    proven = verify(sign_proof(joiners.other, "eu-west-1", given), given)
    assert proven == OTHER
    assert refusal(lambda: require_account(proven, VICTIM)) == ProofRefusal.ACCOUNT


@pytest.mark.parametrize(
    "about",
    [
        {"topic_arn": "arn:aws:sns:us-east-1:111111111111:neuro"},
        {"verifier": URL.replace("charite", "insel")},
        {"token_id": "11ff00ff00ff00ff"},
        {"claims": claims(aws_id=VICTIM, pid="insel", public_key="AA==")},
    ],
    ids=lambda about: next(iter(about)),
)
def test_a_signature_for_something_else_is_none_for_this(joiners: Joiners, about: dict[str, str]) -> None:
    """Even where the verifier did not look at its own challenges: what was signed is another text."""
    given = challenge()
    elsewhere = Challenge(**ABOUT | about, nonce=given.nonce, expires=given.expires)
    assert refusal(lambda: verify(sign_proof(joiners.user, "eu-west-1", elsewhere), given)) == ProofRefusal.SIGNATURE


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"region": "eu-west-2"}, ProofRefusal.SIGNATURE),
        ({"signature": "0a" * 32}, ProofRefusal.SIGNATURE),
        ({"access_key_id": "AKIANOBODYNOBODY0000"}, ProofRefusal.CREDENTIALS),
        ({"session_token": "another"}, ProofRefusal.CREDENTIALS),
        ({"nonce": "0123456789abcdef"}, ProofRefusal.CHALLENGE),
        ({"expires": datetime(2099, 1, 1, tzinfo=UTC)}, ProofRefusal.CHALLENGE),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else str(value),
)
def test_whatever_is_changed_is_refused(joiners: Joiners, changed: dict[str, Any], why: ProofRefusal) -> None:
    given = challenge()
    proof = replace(sign_proof(joiners.user, "eu-west-1", given), **changed)
    assert refusal(lambda: verify(proof, given)) == why


def test_another_time_than_the_one_signed_is_refused(joiners: Joiners) -> None:
    given = challenge()
    proof = sign_proof(joiners.user, "eu-west-1", given, now=now() - timedelta(seconds=30))
    assert refusal(lambda: verify(replace(proof, amz_date=amz_date(now())), given)) == ProofRefusal.SIGNATURE


def test_another_secret_is_refused(joiners: Joiners) -> None:
    assert joiners.user.keys is not None
    given = challenge()
    proof = sign_proof(Access(keys=replace(joiners.user.keys, secret_access_key="x")), "eu-west-1", given)
    assert refusal(lambda: verify(proof, given)) == ProofRefusal.SIGNATURE


def test_an_expired_challenge_is_refused(joiners: Joiners) -> None:
    given = challenge()
    proof = sign_proof(joiners.user, "eu-west-1", given)
    assert refusal(lambda: verify(proof, given, at=given.expires)) == ProofRefusal.EXPIRED


def test_a_proof_counts_once(joiners: Joiners) -> None:
    given, once = challenge(), Once()
    proof = sign_proof(joiners.user, "eu-west-1", given)
    verify(proof, given, once=once)
    assert refusal(lambda: verify(proof, given, once=once)) == ProofRefusal.REPEATED
    assert once.known == {given.once(): given.expires}


def test_a_challenge_is_used_up_by_a_proof_that_failed(joiners: Joiners) -> None:
    given, once = challenge(), Once()
    proof = sign_proof(joiners.user, "eu-west-1", given)
    assert refusal(lambda: verify(replace(proof, signature="0" * 64), given, once=once)) == ProofRefusal.SIGNATURE
    assert refusal(lambda: verify(proof, given, once=once)) == ProofRefusal.REPEATED


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_clock_that_is_off_by_more_than_five_minutes_is_refused(joiners: Joiners, seconds: int) -> None:
    given = challenge()
    proof = sign_proof(joiners.user, "eu-west-1", given, now=now() + timedelta(seconds=seconds + (2 * (seconds > 0))))
    assert refusal(lambda: verify(proof, given)) == ProofRefusal.CLOCK


def test_a_clock_that_is_off_by_four_minutes_is_not(joiners: Joiners) -> None:
    given = challenge()
    proof = sign_proof(joiners.user, "eu-west-1", given, now=now() - timedelta(minutes=4))
    assert verify(proof, given) == VICTIM


# What is refused without a call, and how the one call is made.


@dataclass
class OddSts:
    """An STS that answers whatever it is told to, and keeps the calls."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    calls: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddSts]:
    odd = OddSts(body=answer(VICTIM))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            odd.calls.append({name.lower(): value for name, value in self.headers.items()} | {"": sent.decode()})
            self.send_response(odd.status)
            for name, value in {"Content-Length": str(len(odd.body)), **odd.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(odd.body)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    odd.url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", odd.url)
    yield odd
    server.shutdown()
    server.server_close()
    thread.join()


KEYS = Access(keys=Keys("AKIAGIVENGIVENGIVEN1", "given-secret", "given-token"))


def answer(account: str) -> bytes:
    return (
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>a</Arn><UserId>u</UserId>"
        f"<Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    ).encode()


def failure(code: str) -> bytes:
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>".encode()


def signed() -> tuple[Proof, Challenge]:
    given = challenge()
    return sign_proof(KEYS, "eu-west-1", given), given


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


# Verifiers from which one line is missing.


def mutant(old: str, new: str) -> ModuleType:
    """`identity_proof` with one text replaced."""
    source = Path(identity_proof.__file__).read_text()
    assert source.count(old) == 1, old
    made = ModuleType("mutant")
    made.__file__ = identity_proof.__file__
    sys.modules["mutant"] = made
    exec(compile(source.replace(old, new), "mutant", "exec"), made.__dict__)
    return made


def foreign(module: Any, joiners: Joiners) -> None:
    given = challenge()
    proof = module.sign_proof(joiners.other, "eu-west-1", given)
    module.require_account(module.proven_account(proof, given, now=now(), use_once=Once()), VICTIM)


def of_another_federation(module: Any, joiners: Joiners) -> None:
    given = challenge()
    elsewhere = replace(given, topic_arn="arn:aws:sns:us-east-1:444444444444:cardio")
    proof = module.sign_proof(joiners.user, "eu-west-1", elsewhere)
    module.proven_account(proof, given, now=now(), use_once=Once())


def repeated(module: Any, joiners: Joiners) -> None:
    given, once = challenge(), Once()
    proof = module.sign_proof(joiners.user, "eu-west-1", given)
    for _ in range(2):
        module.proven_account(proof, given, now=now(), use_once=once)


def expired(module: Any, joiners: Joiners) -> None:
    given = replace(challenge(), expires=now().replace(microsecond=0) - timedelta(seconds=1))
    proof = module.sign_proof(joiners.user, "eu-west-1", given)
    module.proven_account(proof, given, now=now(), use_once=Once())


def signed_long_before(module: Any, joiners: Joiners) -> None:
    given = challenge()
    proof = module.sign_proof(joiners.user, "eu-west-1", given, now=now() - timedelta(minutes=10))
    module.proven_account(proof, given, now=now(), use_once=Once())


def from_another_partition(module: Any, joiners: Joiners) -> None:
    given = challenge()
    proof = module.sign_proof(joiners.namesake, "us-gov-west-1", given)
    module.proven_account(proof, given, now=now(), use_once=Once())


def for_another_challenge(module: Any, joiners: Joiners) -> None:
    given = challenge()
    proof = module.sign_proof(joiners.user, "eu-west-1", given)
    module.proven_account(replace(proof, nonce="0123456789abcdef"), given, now=now(), use_once=Once())


Attack = Callable[[Any, Joiners], None]
MUTATIONS: dict[str, tuple[Attack, str, str]] = {
    "trusts the account that was claimed": (foreign, "if proven != claimed:", "if False:"),
    "does not sign the challenge": (of_another_federation, ", HEADER: challenge.text()}", "}"),
    "remembers nothing": (repeated, "if not use_once(challenge.once(), challenge.expires):", "if False:"),
    "never expires": (expired, "if now >= challenge.expires:", "if False:"),
    "has no clock": (signed_long_before, "SKEW_SECONDS = 300", "SKEW_SECONDS = 10**6"),
    "asks any partition": (from_another_partition, "if partition_of(region) != partition:", "if False:"),
    "takes the proof of another challenge": (
        for_another_challenge,
        "if (proof.nonce, proof.expires) != (challenge.nonce, challenge.expires):",
        "if False:",
    ),
}


@pytest.mark.parametrize(("attack", "old", "new"), MUTATIONS.values(), ids=MUTATIONS)
def test_the_line_that_refuses_an_attack_is_needed(joiners: Joiners, attack: Attack, old: str, new: str) -> None:
    with pytest.raises(ProofRefusedError):
        attack(identity_proof, joiners)
    attack(mutant(old, new), joiners)


def test_a_verifier_that_follows_redirects_would_be_led_away(sts: OddSts) -> None:
    sts.status, sts.headers = 307, {"Location": f"{sts.url}/elsewhere"}
    proof, given = signed()
    with pytest.raises(NetworkError):
        mutant("follow_redirects=False", "follow_redirects=True").proven_account(
            proof, given, now=now(), use_once=Once()
        )
    assert len(sts.calls) > 1


def test_a_profile_s_keys_are_those_that_sign(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "[profile insel]\naws_access_key_id = AKIAINSELINSEL000000\naws_secret_access_key = s\n"
    )
    forget()
    assert sign_proof(Access(profile="insel"), "eu-west-1", challenge()).access_key_id == "AKIAINSELINSEL000000"
