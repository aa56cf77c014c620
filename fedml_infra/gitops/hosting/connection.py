"""HTTP to a code host: retried within bounds, never redirected, and its token in no message."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from fedml_infra.engine.redaction import Redactor
from fedml_infra.errors import AuthenticationError, ConfigurationError, FedmlError, NetworkError
from fedml_infra.model.hosts import is_loopback_host

if TYPE_CHECKING:
    import httpx

SECONDS = 30.0
TRIES = 4
"""How often a request is sent at most."""
LONGEST_WAIT = 60.0
"""Seconds that are waited between two tries, whatever the host asks for."""
PAGE = 100
PAGES = 100
"""Pages of a list that are read at most."""
SAID = 300
"""Characters of what a host says that are told on."""
TRY_LATER = (429, 502, 503, 504)


class UnansweredError(NetworkError):
    """A request that may have been carried out or not."""


@dataclass(frozen=True)
class Connection:
    """Requests below `base`, with `headers` and the token in the header `token_header`, after `token_prefix`."""

    base: str
    token: SecretStr
    token_header: str
    token_prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        parts = urlsplit(self.base)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_host(parts.hostname or "")):
            raise ConfigurationError(
                f"The code host's address {parts.scheme}://{parts.hostname} is not https, so its token could be read "
                "on the way.",
                fix="Have it served over https.",
            )

    def get(self, path: str, **query: str) -> Any:
        """What is there."""
        return self._sent("GET", path, query=query)

    def pages(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """The rows of a list, page by page."""
        for page in range(1, PAGES + 1):
            rows = self.get(path, **query, per_page=str(PAGE), page=str(page))
            if not isinstance(rows, list):
                raise self._unusable(path)
            yield from (row for row in rows if isinstance(row, dict))
            if len(rows) < PAGE:
                return

    def create(self, path: str, **values: str) -> dict[str, Any]:
        """Make something. UnansweredError where it may have been made all the same."""
        return self._row(path, self._sent("POST", path, values=values))

    def change(self, method: str, path: str, **values: str) -> dict[str, Any]:
        """Change something; done twice it is the same."""
        return self._row(path, self._sent(method, path, values=values))

    def _sent(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, values: Mapping[str, str] | None = None
    ) -> Any:
        import httpx

        with self._client() as client:
            for tried in range(1, TRIES + 1):
                try:
                    answer = client.request(method, self.base.rstrip("/") + path, params=query or None, json=values)
                except httpx.HTTPError as error:
                    kind = NetworkError if isinstance(error, httpx.ConnectError) else UnansweredError
                    if tried == TRIES or (kind is UnansweredError and method == "POST"):
                        raise kind(
                            f"{self._host} gave no answer ({type(error).__name__}).", fix="Run the same command again."
                        ) from None
                    self.wait(_pause(None, tried))
                    continue
                if answer.is_success:
                    return self._read(path, answer)
                later = _tells_to_wait(answer)
                # 429 was not carried out; behind a 5xx something may have been.
                if tried < TRIES and later and (method != "POST" or answer.status_code < 500):
                    self.wait(_pause(answer.headers.get("retry-after"), tried))
                    continue
                raise self._refusal(method, path, answer)
        raise AssertionError("the last try answers or raises")

    def _client(self) -> httpx.Client:
        import httpx

        loopback = is_loopback_host(urlsplit(self.base).hostname or "")
        return httpx.Client(
            verify=ssl.create_default_context(),
            timeout=SECONDS,
            # A redirect would carry the token to wherever it points.
            follow_redirects=False,
            trust_env=not loopback,
            headers={**self.headers, self.token_header: self.token_prefix + self.token.get_secret_value()},
        )

    @property
    def _host(self) -> str:
        return urlsplit(self.base).hostname or self.base

    def _read(self, path: str, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise self._unusable(path) from None

    def _row(self, path: str, found: Any) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise self._unusable(path)
        return found

    def _unusable(self, path: str) -> NetworkError:
        return NetworkError(
            f"{self._host} answered {path} with something else than its API does.",
            fix="Is the address that of the API, and is no proxy in between?",
        )

    def _refusal(self, method: str, path: str, answer: httpx.Response) -> FedmlError:
        status = answer.status_code
        what = f"{self._host} answered {method} {path} with HTTP {status}{self._said(answer)}"
        if status in (401, 403):
            return AuthenticationError(
                what,
                fix="The token lacks a right: on GitHub `permissions:` of the job (pull-requests, issues, contents: "
                "write); on GitLab a project access token with the scope `api`.",
            )
        if status >= 500:
            return UnansweredError(what, fix="Run the same command again.")
        if status == 429:
            return NetworkError(what, fix="Run the same command again later.")
        if answer.is_redirect:
            return ConfigurationError(what, fix="Name the repository and the host as they are called now.")
        return ConfigurationError(what, fix="Is the repository's name right, and may the token see it?")

    def _said(self, answer: httpx.Response) -> str:
        try:
            found = answer.json()
        except ValueError:
            return ""
        said = (found.get("message") or found.get("error")) if isinstance(found, dict) else None
        if not said:
            return ""
        text = "".join(each if each.isprintable() else " " for each in str(said))[:SAID]
        return f": {Redactor([self.token.get_secret_value()])(text)}"


def _tells_to_wait(answer: httpx.Response) -> bool:
    """GitHub's second rate limit is a 403 with Retry-After, or without anything left
    (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api)."""
    limited = "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
    return answer.status_code in TRY_LATER or (answer.status_code == 403 and limited)


def _pause(asked: str | None, tried: int) -> float:
    seconds = float(asked) if asked is not None and asked.isdecimal() else 2.0 ** (tried - 1)
    return min(seconds, LONGEST_WAIT)
