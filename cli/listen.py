"""`fedml-infra admit --listen`: the admin's door, served until somebody stops it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fedml_infra.errors import FedmlError
    from fedml_infra.operations.hub_runs import Standing

CONCURRENT = 100
"""Requests at the same time; more are told to come later."""


def listen(ctx: click.Context, name: str | None, given: Mapping[str, Any]) -> None:
    """Serve until Ctrl-C or SIGTERM; a run of the hub that is under way then is stopped cleanly."""
    from fedml_infra.engine.protocol import Cancellation, RunOptions
    from fedml_infra.operations.admitting import bring_up_hub
    from fedml_infra.operations.door import Door
    from fedml_infra.operations.hub_runs import SharedRuns
    from fedml_infra.operations.invites import hub_place
    from fedml_infra.operations.load import load_stack
    from fedml_infra.operations.settle import Recovery
    from fedml_infra.rest.door_app import door_app

    from .hub import RUN_PATIENCE, hub_target
    from .output import say, warn
    from .server import bound_to, require_public, require_tls, server_of, stopped_by_signals, url_of
    from .store_options import store_of

    on = hub_target(ctx, name, given["stack_option"], "Who is let in")
    require_tls(given, "the invites")
    require_public((given["public_url"],) if given["public_url"] is not None else (), given["host"])
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
    with store_of(given) as store, bound_to(given["host"], given["port"]) as bound:
        store.audit.require_writable()
        url = given["public_url"] or url_of(bound, tls=given["tls_cert"] is not None)
        door = Door(on.project, on.name, topic, on.engine, on.tools.aws, store, runs, on_error=told)
        app = door_app(door.create_policies, url)
        server = server_of(app, given, limit_concurrency=CONCURRENT, lifespan="off")
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
            with stopped_by_signals(server, stopping.request):
                server.run(sockets=[bound])
        finally:
            if not stopping.requested:
                stopping.request()
            runs.stop()
    say("Nobody is let in any more.")
