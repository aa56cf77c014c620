"""`fedml-infra gitops apply`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import options
from ..command import Command
from ..hub import RUN_PATIENCE
from ..store_options import store_options
from .summary_option import append_summary, summary_option

if TYPE_CHECKING:
    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.gitops.apply import Outcome
    from fedml_infra.operations.load import Stack


@click.command(
    cls=Command,
    short_help="Bring up the stacks that a merged change touches.",
    exits=[2, 3, 4, 5, 6, 7, 8, 9],
    examples=[
        ("what the last merge brought", "fedml-infra gitops apply --base HEAD~1"),
        (
            "in a pipeline, with a page of what was done",
            'fedml-infra gitops apply --base "$BEFORE" --summary "$GITHUB_STEP_SUMMARY"',
        ),
        ("exactly what was previewed", "fedml-infra gitops apply --base HEAD~1 --plan plans"),
    ],
)
@click.option("--base", metavar="REF", required=True, help="The commit before the change; all zeros for none.")
@click.option(
    "--plan",
    "plans",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Apply what `gitops preview --save-plans DIR` saved, and refuse whatever is not in it.",
)
@click.option(
    "--no-commit",
    is_flag=True,
    help="Take the stack files as they are, and leave a new key in them for you to commit.",
)
@click.option(
    "--no-refresh", is_flag=True, help="Do not look first at what really is in AWS: drift is then not put right."
)
@summary_option
@options.as_json
@options.timeout
@options.wait
@options.directory
@store_options
@click.pass_context
def apply(
    ctx: click.Context,
    /,
    base: str,
    plans: Path | None,
    no_commit: bool,
    no_refresh: bool,
    summary: Path | None,
    as_json: bool,
    timeout: int | None,
    wait: float,
    **_store: Any,
) -> None:
    """Bring up every stack whose file differs from `--base` to the commit that is checked out.

    Hubs first, then by name, each under its lock (waited for up to ten minutes, or as --wait says), and settled first
    where an earlier run was cut off. One that fails keeps no other from being applied. Nothing is asked: what is merged
    was reviewed, and files that differ from what is committed are refused. Cut off, the same command goes on.

    Where a member was taken out, the federation's key is rotated. The new key is written into the stack file,
    committed with `[skip ci]` and pushed before anything is brought up with it; where the branch takes no push, to
    fedml-infra/STACK-epoch-N, to be merged. With --plan the reviewed plan is applied first, and the rotation after it.

    A stack whose file is gone is not destroyed: what stays is told, and how to destroy it.

    Exits with the highest code of a stack that failed.
    """
    import os

    from fedml_infra.gitops.apply import Applying
    from fedml_infra.gitops.git import Repository
    from fedml_infra.gitops.hosting.environment import branch_from_environment, host_from_environment
    from fedml_infra.gitops.summary import exit_code, summary_json, summary_markdown

    from ..output import print_json, say
    from ..target import project_of, tools_of

    project, tools = project_of(ctx), tools_of(ctx)
    repository, engine = Repository.find(project), tools.engine(project)

    @contextmanager
    def watched(stack: Stack) -> Iterator[RunOptions]:
        from fedml_infra.engine.protocol import RunOptions

        from ..recorded import recorded
        from ..target import Target
        from ..up import progress

        on = Target(project, stack, engine, tools)
        with recorded(on) as doing, progress(f"Bringing {stack.name} up", on) as view:
            doing.topic_arn = stack.config.aws_topic_arn
            yield RunOptions(
                refresh=not no_refresh, message=f"gitops apply of {head[:12]}", timeout=timeout, on_event=view
            )

    head = repository.commit_of("HEAD")
    applying = Applying(
        project,
        repository,
        engine,
        tools.aws,
        say,
        wait if wait or ctx.params.get("wait_timeout") is not None else RUN_PATIENCE,
        commits=not no_commit,
        branch=repository.current_branch() or branch_from_environment(os.environ),
        host=host_from_environment(os.environ),
        plans=plans,
        watch=watched,
    )
    touched = applying.touched(base)
    if not touched:
        say("No stack is touched.")
    outcomes, left = applying.all(touched)
    if summary is not None:
        append_summary(summary, summary_markdown(base, outcomes, left=left))
    if as_json:
        print_json(summary_json(base, outcomes, left=left))
    else:
        for outcome in outcomes:
            _print(outcome)
        for name in left:
            click.echo(f"{name}: not applied, as the run was stopped.")
    ctx.exit(exit_code(outcomes))


def _print(outcome: Outcome) -> None:
    from fedml_infra.gitops.summary import counted

    if outcome.error is not None:
        click.secho(f"{outcome.stack}: failed", fg="red")
        for line in str(outcome.error).splitlines():
            click.echo(f"  {line}")
    elif outcome.run is not None:
        click.echo(f"{outcome.stack}: up, {counted(outcome)}.")
    if outcome.kept is not None:
        click.echo(f"  {outcome.kept.words}")
    for note in outcome.notes:
        click.echo(f"{outcome.stack}: {note}" if note is outcome.notes[0] else f"  {note}")
