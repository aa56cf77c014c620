"""`fedml-infra serve`: the REST service."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command
from .job_options import job_options
from .master_key_option import master_key_option
from .server import tls_options
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.operations.jobs.dispatch import Dispatcher
    from fedml_infra.operations.jobs.worker import Worker
    from fedml_infra.operations.tools import Cloud
    from fedml_infra.rest.service import Service
    from fedml_infra.store.store import Store


def _network(_ctx: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses and networks. Anything else uvicorn would take for a name that never fits."""
    import ipaddress

    for each in given:
        try:
            ipaddress.ip_network(each)
        except ValueError as error:
            raise click.BadParameter(f"{error}: give an address, as 10.0.0.5, or a network, as 10.0.0.0/24.") from None
    return given


@click.command(
    cls=Command,
    short_help="The REST service: what clients create, invite, join and look at over HTTP.",
    exits=[2],
    examples=[
        ("try it on this machine", "fedml-infra serve --data-dir ./service"),
        (
            "one server",
            "fedml-infra serve --host 0.0.0.0 --port 8443 --tls-cert cert.pem --tls-key key.pem "
            "--public-url https://fed.example.org:8443",
        ),
    ],
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    metavar="PORT",
    help="On which port; a free one if 0.",
)
@tls_options()
@click.option(
    "--public-url",
    "public_urls",
    multiple=True,
    metavar="URL",
    help="By what joiners know this server, where that is not its address: a name, a proxy. May be repeated.",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    callback=_network,
    metavar="ADDRESS",
    help="A proxy before this server, by address or network, whose X-Forwarded-For is believed: who calls through it "
    "is counted and logged by its own address. May be repeated.",
)
@click.option(
    "--sync-timeout",
    type=click.FloatRange(min=0),
    default=55.0,
    show_default=True,
    metavar="SECONDS",
    help="For how long create and createJoin hold their answers; then they answer 202, with a job.",
)
@master_key_option
@job_options
@store_options
@options.as_json
@click.pass_context
def serve(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Serve the REST API under /symetry/rest until Ctrl-C or SIGTERM; its documentation is at /docs.

    `fedml-infra customers add` says who may call it. Jobs run beside it, and go on with the next start where they were
    cut off. With a --data-dir (the user's data folder if none is given) one service has that folder to itself; with a
    --database-url any number of them share the jobs, and `fedml-infra worker` adds processes that only run them.
    """
    from fedml_infra.rest.app import create_app

    from .output import log_to_stderr, say
    from .server import bound_to, require_public, require_tls, server_of, stopped_by_signals, url_of
    from .target import tools_of

    require_tls(given, "what they read")
    require_public(given["public_urls"], given["host"])
    log_to_stderr()
    with bound_to(given["host"], given["port"]) as bound:
        own = url_of(bound, tls=given["tls_cert"] is not None)
        with _service(given, own, tools_of(ctx).aws) as service:
            server = server_of(create_app(service), given, lifespan="on")
            with stopped_by_signals(server, service.stopping.set):
                _tell(service.urls[0], as_json=as_json)
                server.run(sockets=[bound])
    say("Stopped. Jobs that were under way go on with the next start.")


@contextlib.contextmanager
def _service(given: Mapping[str, Any], own: str, aws: Cloud) -> Iterator[Service]:
    """The service as the options say; `own` is its address."""
    from fedml_infra.operations.jobs.worker import Worker
    from fedml_infra.rest.service import Service
    from fedml_infra.store.sealing import Sealer
    from fedml_infra.wire.v2.kdf import derive
    from fedml_infra.wire.v2.proof import Challenger

    from .job_options import settings_of
    from .master_key_option import master_key_of
    from .store_options import store_of

    with store_of(given) as store:
        settings = settings_of(given, store.place)
        key = master_key_of(given, store)
        worker = Worker(store, key, settings)
        with _dispatcher(store, worker, given) as dispatcher:
            yield Service(
                store,
                Sealer(key),
                dispatcher,
                aws,
                tuple(url.rstrip("/") for url in given["public_urls"]) or (own,),
                sync_timeout=given["sync_timeout"],
                # The same in every process of the service.
                challenger=Challenger(derive(key.get_secret_value(), "challenges")),
            )


@contextlib.contextmanager
def _dispatcher(store: Store, worker: Worker, given: Mapping[str, Any]) -> Iterator[Dispatcher]:
    """What starts the jobs."""
    from datetime import timedelta

    from fedml_infra.operations.jobs.embedded import EmbeddedDispatcher, owned

    slots, keep = given["slots"], timedelta(days=given["keep_jobs"])
    if store.place.data_dir is None:
        from fedml_infra.operations.jobs.postgres import PostgresDispatcher

        yield PostgresDispatcher(worker, slots=slots, keep=keep)
        return
    with owned(store.place.data_dir):
        yield EmbeddedDispatcher(worker, slots=slots, keep=keep)


def _tell(url: str, *, as_json: bool) -> None:
    from .output import say

    if as_json:
        # One line, so that whoever started this can read it while it serves.
        import json

        click.echo(json.dumps({"url": url}))
    else:
        click.echo(url)
    say(f"Documentation: {url}/docs. Ctrl-C ends it.")
