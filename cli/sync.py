"""`fedml-infra sync`."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from . import options
from .command import Command
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.engine.events import RunEvent
    from fedml_infra.operations.sync import Synced

    from .progress import ProgressView
    from .target import Target


@click.command(
    cls=Command,
    short_help="Bring a member's stack to what its hub has published.",
    exits=[2, 3, 4, 5, 6, 9],
    examples=[
        ("by hand, or from a timer", "fedml-infra sync cardio"),
        ("wait for another run of the stack first", "fedml-infra sync cardio --wait"),
    ],
)
@options.stack
@click.option(
    "-y",
    "--yes",
    is_flag=True,
    help="Let a queue go whose node may receive no more, with what is in it, even where `protect` is true.",
)
@click.option("--keep-rights", is_flag=True, help="Give no node more rights than it has, where its account gets more.")
@click.option("--announce", is_flag=True, help="Tell the hub that this member has the key, even where nothing changed.")
@store_options
@options.as_json
@options.timeout
@options.wait
@click.pass_context
def sync(
    ctx: click.Context,
    /,
    given: str | None,
    stack_option: str | None,
    yes: bool,
    keep_rights: bool,
    announce: bool,
    as_json: bool,
    timeout: int | None,
    wait: float,
    **_store: Any,
) -> None:
    """Read the roster of the hub, and bring STACK to it: key, schedule, topology and rights.

    Where nothing changed nothing is printed, and the exit code is 0, so that a timer may run it. It asks nothing: what
    the hub takes goes, but for a protected queue, which stays until somebody agrees. The old key stays for one
    retention. A roster of an earlier epoch, of another federation, or not signed by the hub is refused.
    """
    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.errors import FedmlError
    from fedml_infra.operations.sync import sync as operation

    from .ask import agreed
    from .output import print_json, say, warn
    from .recorded import recorded
    from .target import target
    from .up import say_diagnostics

    on = target(ctx, given, stack_option)

    def may_drop(pids: tuple[str, ...]) -> bool:
        if not yes and not sys.stdin.isatty():
            return False
        return agreed(f"Let the queue of {' and '.join(pids)} go, with what is in it?", yes=yes)

    try:
        with _OnceItRuns(on) as view:
            done = operation(
                on.project,
                on.recovery(wait),
                RunOptions(timeout=timeout, on_event=view),
                keep_rights=keep_rights,
                may_drop_queues=may_drop,
                announce=announce,
            )
    except FedmlError:
        with recorded(on):
            raise
    if done.run is not None:
        with recorded(on, epoch=str(done.plan.epoch)):
            pass  # it is done; a run of a timer that did nothing is not recorded
        say_diagnostics(done.run.result)
        for line in done.plan.changes or (f"{on.name} is as the roster says again.",):
            say(line)
    for line in done.plan.warnings:
        warn(line)
    if done.plan.held_back:
        warn(
            f"Node {' and '.join(done.plan.held_back)} may receive no more. Its queue is protected, and stays until "
            f"somebody runs `fedml-infra sync {on.name} --yes`."
        )
    if as_json:
        print_json(as_document(on.name, done))


class _OnceItRuns:
    """The picture of a run that may never begin: nothing is shown, and no log begun, before its first event."""

    def __init__(self, on: Target) -> None:
        self._on = on
        self._view: ProgressView | None = None

    def __enter__(self) -> Self:
        return self

    def __call__(self, event: RunEvent) -> None:
        if self._view is None:
            from .up import progress

            self._view = progress(f"Synchronising {self._on.name}", self._on)
            self._view.__enter__()
        self._view(event)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._view is not None:
            self._view.__exit__(kind, error, trace)


def as_document(stack: str, done: Synced) -> dict[str, Any]:
    """What a synchronisation came to, for machines."""
    return {
        "stack": stack,
        "changed": done.changed,
        "epoch": done.plan.epoch,
        "changes": list(done.plan.changes),
        "warnings": list(done.plan.warnings),
        "held_back": list(done.plan.held_back),
        "announced": list(done.announced),
        "seconds": round(done.run.result.seconds, 3) if done.run else 0.0,
    }
