"""`fedml-infra admit --listen`: the admin's door, served until somebody stops it."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from types import FrameType

    import uvicorn

    from fedml_infra.engine.protocol import Cancellation
    from fedml_infra.errors import FedmlError
    from fedml_infra.operations.hub_runs import Standing

CONCURRENT = 100
"""Requests at the same time; more are told to come later."""
STOP_SECONDS = 10
"""How long answers that are under way may take after a Ctrl-C."""


def listen(ctx: click.Context, name: str | None, given: Mapping[str, Any]) -> None:
    """Serve until Ctrl-C or SIGTERM; a run of the hub that is under way then is stopped cleanly."""
    from fedml_infra.engine.protocol import Cancellation, RunOptions
    from fedml_infra.operations.admitting import bring_up_hub
    from fedml_infra.operations.door import Door
    from fedml_infra.operations.hub_runs import SharedRuns
    from fedml_infra.operations.invites import hub_place
    from fedml_infra.operations.load import load_stack
    from fedml_infra.operations.settle import Recovery

    from .hub import RUN_PATIENCE, hub_target
    from .output import say, warn
    from .store_options import store_of

    on = hub_target(ctx, name, given["stack_option"], "Who is let in")
    _require_tls(given)
    topic = str(hub_place(on.stack, on.engine)[0])
    stopping = Cancellation()

    def bring_up() -> Standing:
        say(f"Bringing {on.name} up with those who wait …")
        recovery = Recovery(load_stack(on.project, on.name), on.engine, on.tools.aws, say, RUN_PATIENCE)
        run, standing = bring_up_hub(on.project, recovery, RunOptions(cancellation=stopping))
        took = f", {run.result.seconds:.1f} s" if run is not None else " already"
        say(f"{on.name} is up{took}.")
        return standing

    def told(error: FedmlError) -> None:
        warn(str(error))

    runs = SharedRuns(bring_up, on_error=told)
    with store_of(given) as store, _bound(given) as bound:
        store.audit.require_writable()
        url = given["public_url"] or _url(bound, tls=given["tls_cert"] is not None)
        door = Door(on.project, on.name, topic, on.engine, on.tools.aws, store, runs, on_error=told)
        server = _server(door, url, given)
        runs.start()
        try:
            path = f"{url.rstrip('/')}/fedml/{on.name}/createPolicies"
            if given["as_json"]:
                # One line, so that whoever started this can read it while it serves.
                import json

                click.echo(json.dumps({"stack": on.name, "url": path}))
            else:
                click.echo(path)
            say(f"Invites to {on.name} that joiners hand in here: `fedml-infra invite create {on.name} --rest-url URL`")
            say("with the address above. Ctrl-C ends it.")
            with _stopped_by_signals(server, stopping):
                server.run(sockets=[bound])
        finally:
            if not stopping.requested:
                stopping.request()
            runs.stop()
    say("Nobody is let in any more.")


def _require_tls(given: Mapping[str, Any]) -> None:
    """Raise ConfigurationError where tokens would travel in clear, or joiners would not know the server."""
    from fedml_infra.errors import ConfigurationError

    host = given["host"]
    if given["tls_key"] is not None and given["tls_cert"] is None:
        raise click.UsageError("--tls-key goes with --tls-cert.")
    if given["tls_cert"] is None and not _is_loopback(host):
        raise ConfigurationError(
            f"Without TLS, whoever listens on the way to {host} could use the invites.",
            fix="Give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that speaks TLS.",
        )
    public = given["public_url"]
    if public is None and host in {"0.0.0.0", "::", ""}:  # noqa: S104 - nothing is bound by it
        raise ConfigurationError(
            f"{host} is no address that a joiner could ask.", fix="Give --public-url https://NAME:PORT."
        )
    if public is not None:
        from urllib.parse import urlsplit

        parts = urlsplit(public)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
            raise ConfigurationError(
                f"--public-url {public!r} is not the address of a server.", fix="It looks like https://fed.example.org"
            )
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ConfigurationError(
                f"--public-url {public} is not https, and joiners ask nobody else.", fix="Put TLS before it."
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextlib.contextmanager
def _bound(given: Mapping[str, Any]) -> Iterator[socket.socket]:
    """The socket, bound before anything else is begun, so that its port is known."""
    from fedml_infra.errors import ConfigurationError

    host = given["host"]
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made = socket.create_server((host, given["port"]), family=family)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"Nothing can listen on {host} port {given['port']}: {error}.", fix="Choose another --host or --port."
        ) from None
    with made:
        yield made


def _url(bound: socket.socket, *, tls: bool) -> str:
    host, port = bound.getsockname()[:2]
    named = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{named}:{port}"


def _server(door: Any, url: str, given: Mapping[str, Any]) -> uvicorn.Server:
    import ssl

    import uvicorn

    from fedml_infra.errors import ConfigurationError
    from fedml_infra.rest.door_app import door_app

    certificate, key = given["tls_cert"], given["tls_key"]
    config = uvicorn.Config(
        door_app(door.create_policies, url),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONCURRENT,
        timeout_graceful_shutdown=STOP_SECONDS,
        lifespan="off",
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"The certificate cannot be used: {error.strerror or type(error).__name__}.",
            fix="Give PEM files: the certificate with its chain, and its key without a passphrase.",
        ) from None

    class Server(uvicorn.Server):
        """Leaves signals to us: uvicorn would raise them again once it has stopped."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Server(config)


@contextlib.contextmanager
def _stopped_by_signals(server: uvicorn.Server, runs: Cancellation) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the server and its runs, the second one at once."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        runs.request()
        server.force_exit = server.should_exit
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
