"""`fedml-infra preview` and `fedml-infra up`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.engine.protocol import RunOptions, RunResult
    from fedml_infra.operations.settle import Recovery
    from fedml_infra.operations.up import Before, Run

    from .progress import ProgressView
    from .target import Target

refresh_option = click.option("--refresh", is_flag=True, help="Look first at what really is in AWS.")
expect_option = click.option(
    "--expect-no-changes", is_flag=True, help="Exit with 7 where anything would change, as a nightly job wants it."
)
policy_pack_option = click.option(
    "--policy-pack",
    "policy_packs",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="A policy pack that the run must satisfy, as `gitops policy-pack` prints; may be given more than once.",
)


@click.command(
    cls=Command,
    short_help="Show what `up` would change, and who gains or loses which right.",
    exits=[2, 3, 4, 5, 6, 7, 8, 9],
    examples=[
        ("before a change is merged", "fedml-infra preview cardio"),
        ("every property, before and after", "fedml-infra preview cardio --diff"),
        ("fail if AWS is not as the stack file says", "fedml-infra preview cardio --refresh --expect-no-changes"),
    ],
)
@options.stack
@click.option("--diff", is_flag=True, help="Show every property before and after.")
@refresh_option
@expect_option
@policy_pack_option
@options.as_json
@options.timeout
@click.pass_context
def preview(
    ctx: click.Context,
    given: str | None,
    stack_option: str | None,
    diff: bool,
    refresh: bool,
    expect_no_changes: bool,
    policy_packs: tuple[Path, ...],
    as_json: bool,
    timeout: int | None,
) -> None:
    """Show what `up` would do to STACK, and change nothing.

    First who gains and who loses which right, in plain words; then the resources. The policies are shown in full
    even where nothing is made yet.
    """
    from .target import target

    on = target(ctx, given, stack_option)
    before = foreseen(on)
    run = previewed(on, before, refresh=refresh, timeout=timeout, policy_packs=policy_packs)
    if as_json:
        print_run_json(on, run)
    else:
        show_plan(run, details=diff)
        foretell_rotation(on, before)
    if expect_no_changes:
        require_no_changes(ctx, run)


@click.command(
    cls=Command,
    short_help="Make AWS as the stack file says.",
    exits=[2, 3, 4, 5, 6, 7, 8, 9],
    examples=[
        ("see what would change, agree, bring it up", "fedml-infra up cardio"),
        ("in a pipeline", "fedml-infra up cardio --yes --json"),
        ("only show what would change", "fedml-infra up cardio --preview"),
    ],
)
@options.stack
@options.yes
@click.option("--preview", "only_preview", is_flag=True, help="Show what would change, and stop there.")
@click.option("--diff", is_flag=True, help="Show every property before and after.")
@refresh_option
@expect_option
@policy_pack_option
@options.message
@options.as_json
@options.timeout
@options.wait
@store_options
@click.pass_context
def up(
    ctx: click.Context,
    /,
    given: str | None,
    stack_option: str | None,
    yes: bool,
    only_preview: bool,
    diff: bool,
    refresh: bool,
    expect_no_changes: bool,
    policy_packs: tuple[Path, ...],
    message: str | None,
    as_json: bool,
    timeout: int | None,
    wait: float,
    **_store: Any,
) -> None:
    """Make AWS as the file of STACK says.

    Shows the plan and asks, unless --yes is given. Every run also takes off the topic what is subscribed and is no
    member's, so a removal that was cut off is made good; where a member was taken out of the file, the key is rotated
    too. Stopped with Ctrl-C, or cut off, the same command goes on.
    """
    from .output import beside
    from .target import target

    on = target(ctx, given, stack_option)
    recovery = on.recovery(wait)
    before = foreseen(on) if only_preview else recovered(recovery)
    expected = before.state.counted or None
    # A rule about the whole stack is judged when all has been made: so that nothing is, a preview is judged first.
    if only_preview or expect_no_changes or policy_packs or not yes:
        run = previewed(on, before, refresh=refresh, timeout=timeout, policy_packs=policy_packs)
        with beside(as_json):
            show_plan(run, details=diff)
            foretell_rotation(on, before)
        if expect_no_changes:
            if as_json and run.result.changed:
                print_run_json(on, run)
            require_no_changes(ctx, run)
        if only_preview:
            if as_json:
                print_run_json(on, run)
            return
        if run.result.changed or run.before.rights:
            from .ask import require

            require(f"Bring {on.name} up like this?", yes=yes)
        expected = len(run.result.changes)
    bring_up(
        on, before, as_json=as_json, refresh=refresh, message=message, timeout=timeout, expected=expected,
        recovery=recovery, policy_packs=policy_packs,
    )  # fmt: skip


def bring_up(
    on: Target,
    before: Before,
    *,
    as_json: bool,
    refresh: bool = False,
    message: str | None = None,
    timeout: int | None = None,
    expected: int | None = None,
    recovery: Recovery | None = None,
    policy_packs: tuple[Path, ...] = (),
) -> Run:
    """Run `up` with progress, and print at the end what there is."""
    run = brought_up(
        on, before, refresh=refresh, message=message, timeout=timeout, expected=expected, recovery=recovery,
        policy_packs=policy_packs,
    )  # fmt: skip
    if as_json:
        print_run_json(on, run)
    else:
        from .outputs import print_outputs

        print_outputs(run.result.outputs)
    return run


def brought_up(
    on: Target,
    before: Before,
    *,
    refresh: bool = False,
    message: str | None = None,
    timeout: int | None = None,
    expected: int | None = None,
    recovery: Recovery | None = None,
    policy_packs: tuple[Path, ...] = (),
) -> Run:
    """The same, with nothing on standard output."""
    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.operations.up import up as run_up

    from .changes import in_aws
    from .output import counted, say
    from .recorded import recorded

    with recorded(on) as doing, progress(f"Bringing {on.name} up", on) as view:
        wanted = RunOptions(
            refresh=refresh, message=message, timeout=timeout, expected=expected, on_event=view,
            policy_packs=policy_packs,
        )  # fmt: skip
        run = run_up(recovery or on.recovery(), before, wanted)
        made = run.result.outputs.get("federation") or {}
        doing.topic_arn, doing.account = made.get("topic_arn"), before.accounts.own
        doing.details["changed"] = str(len(in_aws(run.result.changed)))
    result = run.result
    say_diagnostics(result)
    changed = len(in_aws(run.result.changed))
    done = f"{counted(changed, 'resource')} changed" if changed else "nothing had to change"
    say(f"{on.name} is up: {done}, {result.seconds:.1f} s.")
    return run


def recovered(recovery: Recovery) -> Before:
    """The same as `looked`, once an earlier run that was cut off is settled in the state."""
    from fedml_infra.operations.up import recovered_before

    return recovered_before(recovery)


def foreseen(on: Target) -> Before:
    """The same as `looked`, and says what `up` would settle first."""
    from fedml_infra.operations.up import look_at

    from .output import say

    exported, lines = on.recovery().foreseen()
    if lines:
        say(f"An earlier run of {on.name} was cut off. `up` settles first what it left:")
    for line in lines:
        say(f"  {line}")
    return look_at(on.stack, on.tools.aws, exported)


def looked(on: Target) -> Before:
    """What the stack is, and whether a run can work. Errors as `operations.preflight`."""
    from fedml_infra.operations.up import look_before

    return look_before(on.stack, on.engine, on.tools.aws)


def previewed(
    on: Target, before: Before, *, refresh: bool, timeout: int | None, policy_packs: tuple[Path, ...] = ()
) -> Run:
    """The preview, with progress."""
    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.operations.up import preview as run_preview

    with progress(f"Previewing {on.name}", on) as view:
        wanted: RunOptions = RunOptions(
            refresh=refresh, timeout=timeout, expected=before.state.counted or None, on_event=_quiet(view),
            policy_packs=policy_packs,
        )  # fmt: skip
        run = run_preview(on.stack, before, on.engine, wanted)
    say_diagnostics(run.result)
    return run


def progress(title: str, on: Target) -> ProgressView:
    """The picture of a run, which is also kept in the log of this command."""
    from .journal import journal_of
    from .progress import ProgressView

    return ProgressView(title, journal_of(on.project, on.name))


def show_plan(run: Run, *, details: bool) -> None:
    """Rights, then resources, on standard output."""
    from .changes import print_changes, print_rights

    print_rights(run.before.rights)
    print_changes(run.result.changed, details=details)


def foretell_rotation(on: Target, before: Before) -> None:
    """Say that `up` will rotate the key as well, where somebody was taken out of the file by hand."""
    from fedml_infra.operations.rotate import cut_off_by_rotation, overdue, told_of_cut_off

    from .output import warn

    gone = overdue(before.outputs, on.stack.config)
    if not gone:
        return
    click.echo(f"The key will be rotated to epoch {on.stack.config.fed_epoch + 1}, as {', '.join(gone)} had it.")
    shut_out = cut_off_by_rotation(on.stack.config)
    if shut_out:
        warn(told_of_cut_off(shut_out))


def say_diagnostics(result: RunResult) -> None:
    """What the run had to say that its progress did not show."""
    from .output import warn

    for said in result.diagnostics:
        if said.severity == "warning" and said.message.startswith("Progress is not shown"):
            warn(said.message)


def require_no_changes(ctx: click.Context, run: Run) -> None:
    """Exit with 7 where there are any."""
    from .output import counted, say

    changed = len(run.result.changed)
    if changed:
        say(f"{counted(changed, 'resource')} would change, and no change was expected.")
        ctx.exit(7)


def print_run_json(on: Target, run: Run) -> None:
    """A run as one JSON document."""
    from .changes import changes_json
    from .output import print_json

    result = run.result
    document: dict[str, Any] = {
        "stack": on.name,
        "summary": dict(result.summary),
        "rights": [change.as_json() for change in run.before.rights],
        "changes": changes_json(run.result.changed),
        "diagnostics": [{"severity": said.severity, "message": said.message} for said in result.diagnostics],
        "outputs": result.outputs,
        "seconds": round(result.seconds, 3),
    }
    print_json(document)


def _quiet(view: ProgressView) -> Callable[[Any], None]:
    """Of a preview only the counter and what went wrong is shown on the way: the plan comes afterwards."""
    from fedml_infra.engine.events import EventKind

    def tell(event: Any) -> None:
        view(event, silent=event.kind is EventKind.RESOURCE_DONE)

    return tell
