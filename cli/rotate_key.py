"""`fedml-infra rotate-key`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from . import options
from .branch_options import branch_options, refuse_beside, way_of
from .command import Command
from .hub import preview_option
from .store_options import store_options

if TYPE_CHECKING:
    from .target import Target


@click.command(
    "rotate-key",
    cls=Command,
    short_help="Give the federation a new key, and see who has it.",
    exits=[2, 3, 4, 5, 6, 8, 9],
    examples=[
        ("a new key, once a person agrees", "fedml-infra rotate-key cardio"),
        ("and hear for ten minutes who has picked it up", "fedml-infra rotate-key cardio --yes --listen 600"),
        ("only hear", "fedml-infra rotate-key cardio --only-listen --listen 60"),
    ],
)
@options.stack
@options.yes
@preview_option
@branch_options
@click.option(
    "--listen",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Hear afterwards, so long at most, which members say that they have the new key.",
)
@click.option("--only-listen", is_flag=True, help="Rotate nothing: hear who has the current key.")
@store_options
@options.as_json
@click.pass_context
def rotate_key(
    ctx: click.Context,
    /,
    given: str | None,
    stack_option: str | None,
    yes: bool,
    only_preview: bool,
    listen: float | None,
    only_listen: bool,
    as_json: bool,
    **store: Any,
) -> None:
    """Give the federation of STACK a new key.

    The stack file gets the new key, its epoch, and the old key for one retention more; all of it in one step. `up`
    brings it to the own nodes, the roster to the members, who pick it up with `fedml-infra sync`. A member without a
    public key (v1) cannot open it: it is named before anything is done. A rotation that was cut off goes on, and no
    other one is begun. With --branch or --no-apply it ends with the file; the passphrase or key that the file's secrets
    are under is needed all the same.
    """
    from .hub import change_hub, hub_target
    from .output import print_json, say

    if only_listen and listen is None:
        raise click.UsageError("--only-listen needs --listen SECONDS.", ctx)
    refuse_beside(ctx, way_of(ctx), listen="--listen")
    on = hub_target(ctx, given, stack_option, "The key")
    document: dict[str, Any] = {"stack": on.name}
    if not only_listen:
        done = change_hub(
            on,
            lambda _: lambda _: None,
            question=f"Rotate the key of {on.name}?",
            yes=yes,
            only_preview=only_preview,
            as_json=as_json,
            rotate=True,
        )
        document = {**done.document, "without_key": list(done.plan.cut_off)}
        if done.applied is not None:
            say(f"The key of {on.name} is that of epoch {done.document['epoch']}. Members pick it up with `sync`.")
    if listen is not None and not only_preview:
        document |= _listened(ctx, on, listen, store)
        if not as_json:
            _print_heard(document)
    if as_json:
        print_json(document)


def _listened(ctx: click.Context, on: Target, seconds: float, store: Mapping[str, Any]) -> dict[str, Any]:
    """Who said within the time that it has the current key, for `--json`; kept in the store."""
    from fedml_infra.errors import StoreError
    from fedml_infra.operations.listen import awaited, listen
    from fedml_infra.operations.up import exported_or_empty, outputs_of

    from .output import say, warn
    from .store_options import store_of
    from .target import target

    # The file has another epoch than when the command began.
    now = target(ctx, on.name, None)
    outputs = outputs_of(exported_or_empty(now.engine, now.name))
    expected = awaited(now.stack.config)
    epoch = now.stack.config.fed_epoch
    heard: tuple[str, ...] = ()
    if expected.can_tell:
        say(f"Listening for {seconds:g} s who has the key of epoch {epoch} …")
        heard = listen(
            now.stack,
            outputs,
            now.engine,
            now.tools.aws,
            expected.can_tell,
            seconds=seconds,
            heard=lambda account: say(f"Account {account} has it."),
        )
    try:
        with store_of(store) as opened:
            for account in heard:
                opened.members.synchronised(outputs["federation"]["topic_arn"], account, epoch)
    except StoreError as error:
        warn(f"Who was heard is not kept. {error}")
    return {
        "epoch": epoch,
        "heard": list(heard),
        "not_heard": [account for account in expected.can_tell if account not in heard],
        "cannot_tell": list(expected.silent),
    }


def _print_heard(document: Mapping[str, Any]) -> None:
    epoch = document["epoch"]
    for key, told in (
        ("heard", f"have the key of epoch {epoch}"),
        ("not_heard", "did not say so yet, and may still use the old key"),
        ("cannot_tell", "cannot tell: they may not publish, or have no public key"),
    ):
        if document[key]:
            click.echo(f"{', '.join(document[key])}: {told}.")
