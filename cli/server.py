"""What every server of ours needs: a socket, TLS where others could listen, signals, and uvicorn in between."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from types import FrameType

    import uvicorn

F = TypeVar("F", bound=Callable[..., Any])

PEM_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
STOP_SECONDS = 10
"""How long answers that are under way may take after a Ctrl-C."""


def tls_options(when: str = "") -> Callable[[F], F]:
    """`--tls-cert` and `--tls-key`, which go to `require_tls`. `when` is what their help begins with."""

    def add(command: F) -> F:
        certificate = f"{when}the certificate with its chain, PEM. Needed but on a loopback address."
        help_text = certificate[:1].upper() + certificate[1:]
        key = "Its private key, if not in the same file."
        command = click.option("--tls-key", type=PEM_FILE, metavar="FILE", help=key)(command)
        return click.option("--tls-cert", type=PEM_FILE, metavar="FILE", help=help_text)(command)

    return add


def require_tls(given: Mapping[str, Any], what: str) -> None:
    """Raise ConfigurationError where `what` would travel in clear. `given`: host, tls_cert, tls_key of the options."""
    from fedml_infra.errors import ConfigurationError
    from fedml_infra.model.hosts import is_loopback_host

    if given["tls_key"] is not None and given["tls_cert"] is None:
        raise click.UsageError("--tls-key goes with --tls-cert.")
    if given["tls_cert"] is None and not is_loopback_host(given["host"]):
        raise ConfigurationError(
            f"Without TLS, whoever listens on the way to {given['host']} could use {what}.",
            fix="Give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that speaks TLS.",
        )


def require_public(urls: tuple[str, ...], host: str) -> None:
    """Raise ConfigurationError for public URLs at which joiners ask nobody, or where none is given that is needed."""
    from fedml_infra.errors import ConfigurationError
    from fedml_infra.model.hosts import is_loopback_host

    if not urls and host in {"0.0.0.0", "::", ""}:  # noqa: S104 - nothing is bound by it
        raise ConfigurationError(
            f"{host} is no address that a joiner could ask.", fix="Give --public-url https://NAME:PORT."
        )
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
            raise ConfigurationError(
                f"--public-url {url!r} is not the address of a server.", fix="It looks like https://fed.example.org"
            )
        if parts.scheme == "http" and not is_loopback_host(parts.hostname):
            raise ConfigurationError(
                f"--public-url {url} is not https, and joiners ask nobody else.", fix="Put TLS before it."
            )


@contextlib.contextmanager
def bound_to(host: str, port: int) -> Iterator[socket.socket]:
    """The socket, bound before anything else is begun, so that its port is known."""
    from fedml_infra.errors import ConfigurationError

    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"Nothing can listen on {host} port {port}: {error}.", fix="Choose another --host or --port."
        ) from None
    with made:
        yield made


def url_of(bound: socket.socket, *, tls: bool) -> str:
    """Its address."""
    host, port = bound.getsockname()[:2]
    named = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{named}:{port}"


def server_of(app: Any, given: Mapping[str, Any], **more: Any) -> uvicorn.Server:
    """uvicorn, which leaves signals to us. ConfigurationError where the certificate cannot be used."""
    import ssl

    import uvicorn

    from fedml_infra.errors import ConfigurationError

    config = uvicorn.Config(
        app,
        ssl_certfile=given["tls_cert"],
        ssl_keyfile=given["tls_key"],
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(given.get("trusted_proxies")),
        forwarded_allow_ips=list(given.get("trusted_proxies") or ()),
        timeout_graceful_shutdown=STOP_SECONDS,
        **more,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"The certificate cannot be used: {error.strerror or type(error).__name__}.",
            fix="Give PEM files: the certificate with its chain, and its key without a passphrase.",
        ) from None

    class Server(uvicorn.Server):
        """uvicorn would raise signals again once it has stopped."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Server(config)


@contextlib.contextmanager
def stopped_by_signals(server: uvicorn.Server, stopping: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the server, and call `stopping`; the second one ends it at once."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping()
        server.force_exit = server.should_exit
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
