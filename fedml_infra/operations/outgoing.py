"""Calls to an address that somebody else chose: an invite's `fed_rest_url`, handed to a server that can reach more.

https only, to public addresses only: a name is looked up once, every address that it has is looked at, and the
connection goes to one of these, whatever the name means a moment later. No redirect is followed and no proxy of the
environment asked, and time and size are bounded. (OWASP, Server-Side Request Forgery Prevention Cheat Sheet.)
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from fedml_infra.errors import ConfigurationError

SECONDS = 60.0
"""For one call as a whole: the other side holds it for some seconds while its hub comes up."""
LARGEST = 4 * 1024 * 1024
"""Bytes that one call may bring."""

_NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            "169.254.0.0/16",  # link-local, and with it the metadata of EC2 and ECS
            "fe80::/10",
            "fec0::/10",  # site-local, of old
            "fd00:ec2::/32",  # the same over IPv6
            "0.0.0.0/8",
            "::/128",
            "224.0.0.0/4",
            "ff00::/8",
            "255.255.255.255/32",
        ),
    )
)
"""What no list of peers opens."""
_OTHERS_INSIDE = tuple(
    map(
        ipaddress.ip_network,
        (
            "::ffff:0:0/96",  # IPv4 as IPv6
            "::/96",  # the same of old
            "64:ff9b::/96",  # NAT64 (RFC 6052)
            "64:ff9b:1::/48",  # NAT64 (RFC 8215)
            "2002::/16",  # 6to4
            "2001::/32",  # Teredo
            "5f00::/16",  # segment routing (RFC 9602)
        ),
    )
)
"""IPv6 addresses that lead to others, an IPv4 address that is within them for instance."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Iterable[str]]


def resolve(host: str, port: int) -> Iterable[str]:
    """The addresses of a name, by the system's resolver. OSError where it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return dict.fromkeys(str(address[0]) for *_, address in found)


class RefusedAddressError(ConfigurationError):
    """An address that is not called, before anything was sent."""


@dataclass(frozen=True)
class Peer:
    """A host that may be called though it is not public; `port` of None: at every port."""

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Peer:
        """`host`, `host:port` or `[::1]:port`. ConfigurationError otherwise."""
        try:
            parts = urlsplit(f"//{text}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.netloc != text or parts.username is not None or text.endswith(":"):
            raise ConfigurationError(f"{text!r} is no peer.", fix="It looks like fed.example.org or 10.0.0.5:8443.")
        return cls(host, port)


@dataclass(frozen=True)
class OutgoingTransport(httpx.BaseTransport):
    """The transport of an `httpx.Client` for such calls. `peers` are as `Peer.parse` reads them.

    Raises RefusedAddressError for what is not called, httpx's errors for what does not answer.
    """

    peers: tuple[str, ...] = ()
    resolve: Resolve = resolve
    trusted: ssl.SSLContext | None = None
    """Whose certificates are believed; the system's where None."""
    seconds: float = SECONDS
    largest: int = LARGEST

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx, "Custom Transports"."""
        url = request.url
        if url.userinfo:
            raise RefusedAddressError(f"An address with user and password is not called: {url.host}.")
        host, port = url.host, url.port or (443 if url.scheme == "https" else 80)
        allowed = any(peer.host == host and peer.port in (None, port) for peer in map(Peer.parse, self.peers))
        if url.scheme != "https" and not (allowed and url.scheme == "http"):
            raise RefusedAddressError(f"{host} is not called without https.")
        limit = _Limit(time.monotonic() + self.seconds, self.largest)
        backend = _Backend(self._addresses(host, port, allowed), limit)
        pool = httpcore.ConnectionPool(
            ssl_context=self.trusted or ssl.create_default_context(),
            network_backend=backend,
            http1=True,
            http2=False,
            retries=0,
        )
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.read(),
            extensions=request.extensions,
        )
        try:
            with _told():
                answer = pool.handle_request(asked)
        except BaseException:
            pool.close()
            raise
        return httpx.Response(answer.status, headers=answer.headers, stream=_Stream(answer, pool))

    def _addresses(self, host: str, port: int, allowed: bool) -> tuple[str, ...]:
        try:
            found = tuple(self.resolve(host, port))
        except OSError as error:
            raise httpx.ConnectError(f"{host} has no address") from error
        for text in found:
            if not may_be_called(ipaddress.ip_address(text.partition("%")[0]), allowed=allowed):
                # Not which one: what a name means in here is nobody's business.
                raise RefusedAddressError(
                    f"{host} is not a public address, and is not called.",
                    fix="Whoever runs this service can allow it: `serve --allow-peer HOST[:PORT]`.",
                )
        return found


def may_be_called(address: Address, *, allowed: bool) -> bool:
    """Whether an address may be called; `allowed` of one whose name is on the list of peers. Pure."""
    if any(address in network for network in _NEVER):
        return False
    if address != ipaddress.IPv6Address("::1") and any(address in network for network in _OTHERS_INSIDE):
        return False
    return allowed or (address.is_global and not address.is_multicast and not address.is_reserved)


@dataclass
class _Limit:
    """What is left of one call."""

    until: float
    largest: int
    came: int = field(default=0, init=False)

    def left(self, asked: float | None, error: type[httpcore.TimeoutException]) -> float:
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise error("the call took too long")
        return seconds if asked is None else min(asked, seconds)

    def count(self, data: bytes) -> bytes:
        self.came += len(data)
        if self.came > self.largest:
            raise httpcore.ReadError("the answer is too large")
        return data


class _Backend(httpcore.NetworkBackend):
    """Connects to addresses that were looked at, whatever name it is asked for."""

    def __init__(self, addresses: tuple[str, ...], limit: _Limit) -> None:
        self._addresses, self._limit, self._inner = addresses, limit, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._addresses:
            try:
                left = self._limit.left(timeout, httpcore.ConnectTimeout)
                stream = self._inner.connect_tcp(address, port, left, local_address, socket_options)
                return _LimitedStream(stream, self._limit)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("no socket of this machine is called")


class _LimitedStream(httpcore.NetworkStream):
    """Reads within the limit of the call as a whole, however slowly it drips."""

    def __init__(self, stream: httpcore.NetworkStream, limit: _Limit) -> None:
        self._stream, self._limit = stream, limit

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._limit.count(self._stream.read(max_bytes, self._limit.left(timeout, httpcore.ReadTimeout)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._limit.left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._limit.left(timeout, httpcore.ConnectTimeout)
        return _LimitedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._limit)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Stream(httpx.SyncByteStream):
    """The answer's body; with it the connection is closed."""

    def __init__(self, answer: httpcore.Response, pool: httpcore.ConnectionPool) -> None:
        self._answer, self._pool = answer, pool

    def __iter__(self) -> Iterator[bytes]:
        with _told():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
        self._pool.close()


class _told:  # noqa: N801 - used as a word
    """Tells httpcore's errors as httpx's, which callers know."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, httpcore.ConnectTimeout):
            raise httpx.ConnectTimeout(str(error)) from error
        if isinstance(error, httpcore.TimeoutException):
            raise httpx.ReadTimeout(str(error)) from error
        if isinstance(error, httpcore.ConnectError):
            raise httpx.ConnectError(str(error)) from error
        if isinstance(error, (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol)):
            raise httpx.ReadError(str(error)) from error
