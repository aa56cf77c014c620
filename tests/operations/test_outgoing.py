"""Calls to addresses that somebody else chose: what is refused before anything is sent, and what is cut off after."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedml_infra.errors import ConfigurationError
from fedml_infra.operations.outgoing import OutgoingTransport, Peer, RefusedAddressError, may_be_called
from fedml_infra.sandbox.local_aws.certificates import certificates

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[[socket.socket], None]


class Listening:
    """A server that answers each connection by `serve`, and counts them."""

    def __init__(self, serve: Serve, context: ssl.SSLContext | None = None) -> None:
        self._serve, self._context = serve, context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.requests: list[bytes] = []
        self.connections = 0
        self._ends = threading.Event()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            try:
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
                self.requests.append(_whole(connection))
                self._serve(connection)
            except OSError:
                pass
            finally:
                connection.close()

    def drip(self, connection: socket.socket, what: bytes) -> None:
        """A byte now and then, for ever."""
        while not self._ends.wait(0.02):
            connection.sendall(what)

    def close(self) -> None:
        self._ends.set()
        self._socket.close()


def _whole(connection: socket.socket) -> bytes:
    """A request with its body: what is closed with something unread in it is reset, and its answer lost."""
    read = b""
    while more := connection.recv(65536):
        read += more
        head, ended, body = read.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if ended and len(body) >= int(length[1] if length else 0):
            break
    return read


@pytest.fixture
def listening() -> Iterator[Callable[..., Listening]]:
    made: list[Listening] = []

    def make(
        serve: Serve = lambda connection: connection.sendall(OK), context: ssl.SSLContext | None = None
    ) -> Listening:
        made.append(Listening(serve, context))
        return made[-1]

    yield make
    for each in made:
        each.close()


def fetch(url: str, transport: OutgoingTransport) -> httpx.Response:
    """As `Knock` does it."""
    with httpx.Client(transport=transport, follow_redirects=False) as client:
        return client.post(url, content=b"{}")


def resolving(*addresses: str) -> OutgoingTransport:
    return OutgoingTransport(resolve=lambda _host, _port: addresses)


PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "169.254.170.2", "0.0.0.0",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1",
    "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:808:808::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "::127.0.0.1", "fec0::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_not_called(address: str) -> None:
    with pytest.raises(RefusedAddressError, match="not a public address"):
        fetch("https://fed.example.org/", resolving(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_one_bad_address_among_good_ones_is_enough(address: str) -> None:
    with pytest.raises(RefusedAddressError):
        fetch("https://fed.example.org/", resolving("93.184.215.14", address))


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://0x7f.1/", "https://localhost/"]
)
def test_an_address_as_a_name_is_looked_at_too(url: str) -> None:
    with pytest.raises((RefusedAddressError, httpx.ConnectError)):
        fetch(url, OutgoingTransport())


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_may_be_called(address: str) -> None:
    assert may_be_called(ipaddress.ip_address(address), allowed=False)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fe80::1", "0.0.0.0", "ff02::1"]
)
def test_no_list_of_peers_opens_metadata(address: str) -> None:
    assert not may_be_called(ipaddress.ip_address(address), allowed=True)


@given(st.ip_addresses(v=4))
def test_no_private_address_is_public_in_any_dress(address: ipaddress.IPv4Address) -> None:
    dressed = [
        ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(address) << shift)
        for prefix, shift in (("::ffff:0:0", 0), ("64:ff9b::", 0), ("2002::", 80), ("::", 0))
    ]
    assert not any(may_be_called(each, allowed=False) for each in dressed)
    if not address.is_global:
        assert not may_be_called(address, allowed=False)


def test_http_is_not_called() -> None:
    with pytest.raises(RefusedAddressError, match="without https"):
        fetch("http://fed.example.org/", resolving("93.184.215.14"))


def test_user_and_password_are_not_sent(listening: Callable[..., Listening]) -> None:
    server = listening()
    with pytest.raises(RefusedAddressError, match="user and password"):
        fetch(f"http://user:secret@127.0.0.1:{server.port}/", OutgoingTransport(("127.0.0.1",)))
    assert server.connections == 0


def test_a_peer_may_be_called(listening: Callable[..., Listening]) -> None:
    server = listening()
    assert fetch(f"http://127.0.0.1:{server.port}/x?y", OutgoingTransport(("127.0.0.1",))).text == "ok"
    assert server.requests[0].startswith(b"POST /x?y HTTP/1.1\r\n")


def test_a_peer_of_one_port_is_not_called_at_another(listening: Callable[..., Listening]) -> None:
    server = listening()
    peers = (f"127.0.0.1:{server.port + 1}",)
    with pytest.raises(RefusedAddressError):
        fetch(f"https://127.0.0.1:{server.port}/", OutgoingTransport(peers))
    assert server.connections == 0


def test_a_name_is_looked_up_once_and_what_was_looked_at_is_called(listening: Callable[..., Listening]) -> None:
    """DNS rebinding: the second answer leads elsewhere, and nobody asks for it."""
    server, asked = listening(), []
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return next(answers)

    transport = OutgoingTransport(("fed.test",), resolve=resolve)
    assert fetch(f"http://fed.test:{server.port}/", transport).status_code == 200
    assert asked == [("fed.test", server.port)]
    assert f"Host: fed.test:{server.port}".encode() in server.requests[0]


def test_a_name_that_turns_private_is_refused_the_next_time(listening: Callable[..., Listening]) -> None:
    server = listening()
    answers = iter([["93.184.215.14"], ["127.0.0.1"]])
    transport = OutgoingTransport(resolve=lambda *_: next(answers), seconds=0.0)
    with pytest.raises(httpx.TransportError):
        fetch(f"https://fed.test:{server.port}/", transport)
    with pytest.raises(RefusedAddressError):
        fetch(f"https://fed.test:{server.port}/", transport)
    assert server.connections == 0


def test_a_redirect_is_not_followed(listening: Callable[..., Listening]) -> None:
    inside = listening()
    answer = f"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:{inside.port}/\r\nContent-Length: 0\r\n\r\n"
    server = listening(lambda connection: connection.sendall(answer.encode()))
    assert fetch(f"http://127.0.0.1:{server.port}/", OutgoingTransport(("127.0.0.1",))).status_code == 307
    assert inside.connections == 0


def test_a_proxy_of_the_environment_is_not_asked(
    listening: Callable[..., Listening], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, proxy = listening(), listening()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    transport = OutgoingTransport(("127.0.0.1",))
    # As a joiner's own client is made, which is told to heed the environment.
    with httpx.Client(transport=transport, trust_env=False) as client:
        assert client.get(f"http://127.0.0.1:{server.port}/").status_code == 200
    assert (server.connections, proxy.connections) == (1, 0)


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"]
)
def test_an_answer_that_drips_is_cut_off(listening: Callable[..., Listening], beginning: bytes) -> None:
    """In its head or in its body; each byte comes in time, and all of it would last for ever."""
    made: list[Listening] = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(beginning)
        made[0].drip(connection, b"x")

    made.append(listening(serve))
    with pytest.raises(httpx.TransportError):
        fetch(f"http://127.0.0.1:{made[0].port}/", OutgoingTransport(("127.0.0.1",), seconds=0.5))


def test_an_answer_that_is_too_large_is_cut_off(listening: Callable[..., Listening]) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")

    server = listening(serve)
    with pytest.raises(httpx.ReadError, match="too large"):
        fetch(f"http://127.0.0.1:{server.port}/", OutgoingTransport(("127.0.0.1",), largest=100_000))


def test_who_does_not_listen_is_told_as_httpx_does() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(httpx.ConnectError):
        fetch(f"http://127.0.0.1:{port}/", OutgoingTransport(("127.0.0.1",)))


def test_a_name_without_an_address_is_told_as_httpx_does() -> None:
    def nowhere(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    with pytest.raises(httpx.ConnectError):
        fetch("https://fed.example.org/", OutgoingTransport(resolve=nowhere))


@pytest.fixture
def tls(tmp_path: Path, listening: Callable[..., Listening]) -> tuple[Listening, OutgoingTransport]:
    """A server with a certificate for `localhost`, and a transport that believes who signed it."""
    made = certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    trusted = ssl.create_default_context(cafile=str(made.authority))
    to_loopback = OutgoingTransport(("localhost", "fed.test"), resolve=lambda *_: ["127.0.0.1"], trusted=trusted)
    return listening(context=context), to_loopback


def test_the_certificate_is_the_names_and_not_the_addresses(tls: tuple[Listening, OutgoingTransport]) -> None:
    server, transport = tls
    assert fetch(f"https://localhost:{server.port}/", transport).text == "ok"
    with pytest.raises(httpx.ConnectError, match=r"[Hh]ostname"):
        fetch(f"https://fed.test:{server.port}/", transport)


def test_a_certificate_that_nobody_believes_is_refused(tls: tuple[Listening, OutgoingTransport]) -> None:
    server, transport = tls
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(f"https://localhost:{server.port}/", replace(transport, trusted=ssl.create_default_context()))


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("fed.example.org", Peer("fed.example.org")),
        ("FED.example.org:8443", Peer("fed.example.org", 8443)),
        ("10.0.0.5:80", Peer("10.0.0.5", 80)),
        ("[::1]:8443", Peer("::1", 8443)),
    ],
)
def test_a_peer_is_a_host_and_maybe_a_port(text: str, peer: Peer) -> None:
    assert Peer.parse(text) == peer


@pytest.mark.parametrize(
    "text", ["", "https://fed.example.org", "fed.example.org/x", "a@b", "fed.example.org:", "x:99999", "[::1"]
)
def test_what_is_no_peer_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no peer"):
        Peer.parse(text)
