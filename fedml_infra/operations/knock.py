"""Knock at the admin's door: ask to be let in, prove the account, wait for the hub, take what was granted.

The address comes from the invite and from nowhere else: no redirect is followed. What is sent is the invite's token,
who asks, and a proof; no AWS secret of any kind. What comes back is believed only where the hub has signed it.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fedml_infra.errors import (
    AuthenticationError,
    ConfigurationError,
    FedmlError,
    NetworkError,
    ProofRefusedError,
    ResourceError,
    TimedOutError,
    TokenRefusedError,
    UnreadableError,
)
from fedml_infra.model.hosts import is_loopback_host
from fedml_infra.model.proof import Challenge, Proof, ProofRefusal, claims
from fedml_infra.store.values import Reason
from fedml_infra.wire.answers import Answer
from fedml_infra.wire.tokens import digest, token_id
from fedml_infra.wire.v2.create_policies import REVIEW, Asked, Granted

if TYPE_CHECKING:
    import httpx

LARGEST_ANSWER = 2 * 1024 * 1024
"""Bytes; the roster of 600 members has about 400,000."""
SECONDS = 60.0
"""For one answer as a whole: the hub's side holds it for some seconds while the hub comes up."""
PATIENCE_SECONDS = 1800.0
"""How long the hub is waited for."""
PAUSES = (1, 60)
"""Seconds between two questions, whatever the answer says: at least, and at most."""
ANEW = frozenset({ProofRefusal.CHALLENGE, ProofRefusal.EXPIRED, ProofRefusal.REPEATED})
"""Refusals that another challenge mends, as where the server was started anew."""
ATTEMPTS = 3
LONGEST_SAID = 300
GOES_ON = "The same command goes on from here."
LET_IN = "has let this account in; its hub comes up with it"
REVIEWED = "knows this account now. A person reviews that it is let in, which may take a while: Ctrl-C breaks nothing"
STILL_WAITS = f"{GOES_ON} Once it is agreed to, so does `fedml-infra join --continue`, by the hub's roster."


@dataclass(frozen=True)
class Knock:
    """Who asks where. `sign` answers a challenge with the joiner's credentials."""

    url: str
    """The invite's fed_rest_url, whole."""
    topic_arn: str
    asked: Asked
    sign: Callable[[Challenge], Proof]
    say: Callable[[str], None] = lambda _: None
    patience: float = PATIENCE_SECONDS
    transport: httpx.BaseTransport | None = field(default=None, repr=False)
    wait: Callable[[float], None] = time.sleep

    def granted(self) -> Granted:
        """What the account was given, once the hub is up with it.

        Raises TokenRefusedError, ProofRefusedError, ConfigurationError (a pid that is taken) or AuthenticationError for
        a refusal; NetworkError where there is no answer, ResourceError where the hub's side cannot, TimedOutError: the
        same knock goes on later.
        """
        with self._connection() as connection:
            return self._granted(connection)

    def look(self) -> None:
        """Ask without a proof, by which nothing is used up. Raises what `granted` would, as far as that shows it."""
        with self._connection() as connection:
            self._challenged(connection)

    def _connection(self) -> httpx.Client:
        import httpx

        require_private(self.url)
        return httpx.Client(
            verify=_trusted(),
            timeout=httpx.Timeout(SECONDS, connect=10.0),
            follow_redirects=False,
            # A proxy of the environment is none of a server on this machine's business.
            trust_env=not _is_loopback(self.url),
            transport=self.transport,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    def _granted(self, connection: httpx.Client) -> Granted:
        end, refused, told = time.monotonic() + self.patience, 0, False
        while True:
            try:
                answer, retry_after = self._proved(connection)
            except ProofRefusedError as error:
                refused += 1
                if error.reason not in ANEW or refused == ATTEMPTS:
                    raise
                continue
            except (TokenRefusedError, ConfigurationError) as error:
                if not told:
                    raise
                # As where the invite expires meanwhile. What was let in must not be taken for refused.
                raise ResourceError(
                    f"{_host(self.url)} let this account in, and answers otherwise by now: {error.what}",
                    fix="Once the hub is up, `fedml-infra join --continue` goes on by its roster.",
                ) from None
            if answer.http_status == 200:
                return self._of(answer)
            reviewed = answer.values.get("waits_for") == REVIEW
            if not told:
                self.say(f"{_host(self.url)} {REVIEWED if reviewed else LET_IN} …")
                told = True
            pause = _pause(retry_after)
            if time.monotonic() + pause > end:
                what = "Nobody has agreed to it, or the hub did not come up," if reviewed else "The hub did not come up"
                raise TimedOutError(f"{what} in {self.patience:.0f} s.", fix=STILL_WAITS if reviewed else GOES_ON)
            self.wait(pause)

    def _proved(self, connection: httpx.Client) -> tuple[Answer, int | None]:
        """An answer 200 or 202 to a proof; every other one is an error."""
        proof = self.sign(self._challenged(connection))
        answer, retry_after = self._post(connection, replace(self.asked, proof=proof.to_map()))
        if answer.http_status not in (200, 202):
            raise refusal(answer, self.url)
        return answer, retry_after

    def _challenged(self, connection: httpx.Client) -> Challenge:
        answer, _ = self._post(connection, self.asked)
        given = answer.values.get("challenge")
        if answer.http_status != 401 or given is None:
            if answer.http_status in (200, 202):
                raise AuthenticationError(
                    f"{_host(self.url)} asked for no proof, as createPolicies does.", fix="Ask the administrator."
                )
            raise refusal(answer, self.url)
        said = claims(aws_id=self.asked.aws_id, pid=self.asked.pid, public_key=self.asked.public_key)
        return Challenge.from_map(
            given,
            topic_arn=self.topic_arn,
            verifier=self.url,
            token_id=token_id(digest(self.asked.token)),
            claims=said,
        )

    def _of(self, answer: Answer) -> Granted:
        try:
            found = Granted.from_map(answer.values)
        except UnreadableError:
            raise _no_answer(self.url) from None
        if (found.aws_topic_arn, found.aws_id, found.pid) != (self.topic_arn, self.asked.aws_id, self.asked.pid):
            raise AuthenticationError(
                f"{_host(self.url)} granted something else than was asked for: node {printable(found.pid)} of account "
                f"{printable(found.aws_id)}.",
                fix="Nothing of it was used. Ask the administrator.",
            )
        return found

    def _post(self, connection: httpx.Client, asked: Asked) -> tuple[Answer, int | None]:
        """An answer, and after how many seconds to ask again. Told that it asks too often, it waits as told."""
        for _ in range(ATTEMPTS - 1):
            answer, retry_after = self._sent(connection, asked)
            if answer.http_status != 429:
                return answer, retry_after
            self.wait(_pause(retry_after))
        return self._sent(connection, asked)

    def _sent(self, connection: httpx.Client, asked: Asked) -> tuple[Answer, int | None]:
        import httpx

        end = time.monotonic() + SECONDS
        try:
            with connection.stream(
                "POST", self.url, content=asked.write(), headers={"Content-Type": "application/json"}
            ) as got:
                raw = b""
                for chunk in got.iter_bytes():
                    raw += chunk
                    if len(raw) > LARGEST_ANSWER or time.monotonic() > end:
                        raise _no_answer(self.url)
                status, retry_after = got.status_code, got.headers.get("Retry-After", "")
        except httpx.HTTPError as error:
            raise NetworkError(
                f"{_host(self.url)} gave no answer ({type(error).__name__}).",
                fix=f"Check the network (HTTPS_PROXY, SSL_CERT_FILE), or ask the administrator. {GOES_ON}",
            ) from None
        if 300 <= status < 400:
            raise AuthenticationError(
                f"{_host(self.url)} points elsewhere (HTTP {status}), where an invite is never handed in.",
                fix="Ask the administrator for an invite with the right address.",
            )
        try:
            answer = Answer.read(raw)
            known = answer.http_status
        except ValueError:
            raise _no_answer(self.url, status) from None
        if known != status:
            raise _no_answer(self.url, status)
        return answer, int(retry_after) if retry_after.isdecimal() and len(retry_after) < 6 else None


def require_private(url: str) -> None:
    """Raise ConfigurationError for an address at which others could read the token on its way."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(url)):
        raise ConfigurationError(
            f"The invite is to be handed in at {printable(url)}, which is not https.",
            fix="Ask the administrator for an invite with an https address, or for one that needs no server.",
        )


def refusal(answer: Answer, url: str) -> FedmlError:
    """The error that an answer means. What the server says is quoted, and made harmless to a terminal."""
    what, reason = answer.values.get("refused"), str(answer.values.get("reason"))
    said = f"{_host(url)} says: {printable(answer.status_string)}"
    if what == "token" and reason in set(Reason):
        return TokenRefusedError(reason, _TOKEN[Reason(reason)], fix=said)
    if what == "proof" and reason in set(ProofRefusal):
        return ProofRefusedError(reason, f"The proof of the account was refused ({reason}).", fix=said)
    if what == "request":
        return ConfigurationError(said, fix="Nothing was admitted.")
    if answer.http_status >= 500 or answer.http_status == 429:
        return ResourceError(said, fix=GOES_ON)
    return AuthenticationError(f"{said} (HTTP {answer.http_status})", fix="Ask the administrator.")


_TOKEN: Mapping[Reason, str] = {
    Reason.UNKNOWN: "The invite is not known to whoever made it: it was revoked, or is of another server.",
    Reason.REVOKED: "The invite was revoked.",
    Reason.EXPIRED: "The invite has expired.",
    Reason.USED: "The invite was used by another account.",
    Reason.OTHER_ACCOUNT: "The invite is for another account.",
}


def printable(text: str) -> str:
    """Text of somebody else: on one line, short, and without anything that a terminal obeys."""
    short = text if len(text) <= LONGEST_SAID else text[:LONGEST_SAID] + "…"
    return "".join(sign if sign.isprintable() else "·" for sign in short)


def _no_answer(url: str, status: int | None = None) -> NetworkError:
    told = f" (HTTP {status})" if status is not None else ""
    return NetworkError(
        f"{_host(url)} gave an answer{told} that createPolicies does not give.",
        fix="Ask the administrator whether the invite's address is right, and what stands before the server.",
    )


def _pause(retry_after: int | None) -> int:
    return min(max(retry_after or PAUSES[0], PAUSES[0]), PAUSES[1])


def _host(url: str) -> str:
    return printable(urlsplit(url).netloc)


def _is_loopback(url: str) -> bool:
    return is_loopback_host(urlsplit(url).hostname or "")


def _trusted() -> ssl.SSLContext:
    """The system's certificates, or SSL_CERT_FILE's (OpenSSL reads it), and AWS_CA_BUNDLE's beside them."""
    context = ssl.create_default_context()
    bundle = os.environ.get("AWS_CA_BUNDLE")
    if bundle:
        try:
            context.load_verify_locations(bundle)
        except OSError as error:
            raise ConfigurationError(f"AWS_CA_BUNDLE {bundle} cannot be read: {error.strerror}.") from None
    return context
