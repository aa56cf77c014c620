"""`fedml-infra admit --listen`: the admin's door, served until somebody stops it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fedml_infra.engine.protocol import Cancellation
    from fedml_infra.errors import FedmlError
    from fedml_infra.gitops.propose import Proposal
    from fedml_infra.operations.hub_runs import Standing
    from fedml_infra.rest.create_policies import Knocked
    from fedml_infra.store.store import Store
    from fedml_infra.wire.v2.roster import Roster

    from .target import Target

CONCURRENT = 100
"""Requests at the same time; more are told to come later."""


def listen(ctx: click.Context, name: str | None, given: Mapping[str, Any]) -> None:
    """Serve until Ctrl-C or SIGTERM; a run of the hub that is under way then is stopped cleanly."""
    from fedml_infra.engine.protocol import Cancellation
    from fedml_infra.operations.hub_change import require_hub
    from fedml_infra.operations.invites import hub_place
    from fedml_infra.rest.door_app import door_app

    from .output import say, warn
    from .server import bound_to, require_public, require_tls, server_of, stopped_by_signals, url_of
    from .store_options import store_of
    from .target import target

    # What is checked out is only begun from: with --branch, what is merged counts.
    on = target(ctx, name, given["stack_option"])
    require_hub(on.stack.config, "Who is let in")
    require_tls(given, "the invites")
    require_public((given["public_url"],) if given["public_url"] is not None else (), given["host"])
    topic = str(hub_place(on.stack, on.engine)[0])
    stopping = Cancellation()

    def told(error: FedmlError) -> None:
        warn(str(error))

    with store_of(given) as store, bound_to(given["host"], given["port"]) as bound:
        store.audit.require_writable()
        url = given["public_url"] or url_of(bound, tls=given["tls_cert"] is not None)
        making = reviewed_door if given["branch"] is not None else own_door
        answer, stop = making(on, topic, store, given, stopping, told)
        server = server_of(door_app(answer, url), given, limit_concurrency=CONCURRENT, lifespan="off")
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
            stop()
    say("Nobody is let in any more.")


def own_door(
    on: Target,
    topic: str,
    store: Store,
    _given: Mapping[str, Any],
    stopping: Cancellation,
    told: Callable[[FedmlError], None],
) -> tuple[Knocked, Callable[[], None]]:
    """The door behind which this process brings the hub up; and how that ends."""
    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.operations.admitting import bring_up_hub
    from fedml_infra.operations.door import Door
    from fedml_infra.operations.hub_runs import SharedRuns
    from fedml_infra.operations.load import load_stack
    from fedml_infra.operations.settle import Recovery

    from .hub import RUN_PATIENCE
    from .output import say

    def bring_up() -> Standing:
        say(f"Bringing {on.name} up with those who wait …")
        recovery = Recovery(load_stack(on.project, on.name), on.engine, on.tools.aws, say, RUN_PATIENCE)
        run, standing = bring_up_hub(on.project, recovery, RunOptions(cancellation=stopping))
        took = f", {run.result.seconds:.1f} s" if run is not None else " already"
        say(f"{on.name} is up{took}.")
        return standing

    runs = SharedRuns(bring_up, on_error=told)
    door = Door(on.project, on.name, topic, on.engine, on.tools.aws, store, runs, on_error=told)
    runs.start()
    return door.create_policies, runs.stop


def reviewed_door(
    on: Target,
    topic: str,
    store: Store,
    given: Mapping[str, Any],
    _stopping: Cancellation,
    told: Callable[[FedmlError], None],
) -> tuple[Knocked, Callable[[], None]]:
    """The door behind which a branch is written; nothing is left to end."""
    from fedml_infra.gitops.admitting import GitOpsRuns, require_hub_key_in
    from fedml_infra.gitops.door import GitOpsDoor
    from fedml_infra.gitops.file_secrets import FileSecrets
    from fedml_infra.model.validation import HUB_KEY
    from fedml_infra.operations.roster import published_roster
    from fedml_infra.wire.v2.keypairs import hub_public_key

    from .output import say

    def proposed(done: Proposal) -> None:
        if done.commit is not None:
            where = done.pull_request or done.address or "which nothing pushes, as there is no remote"
            say(f"Branch {done.branch} has who waits: {where}")
        for note in done.notes:
            say(note)

    require_hub_key_in(on.stack)
    with FileSecrets(on.engine, on.stack.path) as secrets:
        public_key = hub_public_key(secrets.get_secrets(on.name, (HUB_KEY,))[HUB_KEY])
    runs = GitOpsRuns(on.project, on.name, topic, on.engine, store, given["branch"], told=proposed, on_error=told)
    runs.check()

    def published() -> tuple[Roster, bytes] | None:
        return published_roster(on.stack, on.tools.aws, topic, public_key)

    door = GitOpsDoor(runs, published, on.tools.aws, store, on_error=told)
    return door.create_policies, lambda: None
