"""`fedml-infra doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import options
from .command import Command

if TYPE_CHECKING:
    from fedml_infra.operations.doctor import Report

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


@click.command(
    cls=Command,
    short_help="Look at everything that a run depends on, and say how to mend it.",
    exits=[2, 3, 4, 5, 6],
    examples=[
        ("before the first run, or when something is wrong", "fedml-infra doctor cardio"),
        ("this machine alone, before there is a stack", "fedml-infra doctor"),
        (
            "only what has to be mended",
            "fedml-infra doctor cardio --json | jq '.findings[] | select(.status==\"fail\")'",
        ),
    ],
)
@options.stack
@options.as_json
@click.pass_context
def doctor(ctx: click.Context, given: str | None, stack_option: str | None, as_json: bool) -> None:
    """Look at this machine, at STACK's state and at its accounts; change nothing.

    Engine, language host, aws plugin, SDK and cache folder; backend, secrets, lock and what a run left that was cut
    off; credentials, accounts, regions, clock, and the rights of whoever runs the stack (by IAM's simulator, where it
    may be asked); names that are taken, and quotas that are near. Everything is looked at, whatever fails, and each
    line says how to mend it. Exits with the highest code of what failed; a warning is no failure.
    """
    from .output import print_json

    report = _report(ctx, given, stack_option)
    if as_json:
        print_json(report.as_json())
    else:
        print_report(report)
    ctx.exit(report.exit_code)


def print_report(report: Report) -> None:
    """The report for people, on standard output."""
    from fedml_infra.operations.checks.finding import Status

    width = max(len(finding.check) for finding in report.findings)
    for finding in report.findings:
        mark, colour = MARKS[str(finding.status)]
        click.echo(f"{click.style(mark, fg=colour)} {finding.check.ljust(width)}  {finding.told}")
        if finding.fix and finding.status is not Status.OK:
            click.echo(f"  {'':{width}}  → {finding.fix}")
    failed, warned = report.count(Status.FAIL), report.count(Status.WARN)
    about = report.stack or "this machine"
    if failed or warned:
        click.echo(f"\n{about}: {failed} to mend, {warned} to look at, {report.count(Status.OK)} as they should be.")
    else:
        click.echo(f"\n{about}: all {report.count(Status.OK)} checks are as they should be.")


def _report(ctx: click.Context, given: str | None, stack_option: str | None) -> Report:
    from fedml_infra.errors import FedmlError
    from fedml_infra.operations import doctor as operation
    from fedml_infra.operations.checks.finding import warn
    from fedml_infra.operations.load import load_stack

    from .target import chosen, project_of, stack_names, tools_of

    tools, name = tools_of(ctx), chosen(ctx, given, stack_option)
    named = stack_names(ctx)
    if name is None and len(named) != 1:
        told = (
            f"There are {', '.join(named)}: none is named, so none is looked at."
            if named
            else "There is no stack here."
        )
        fix = f"fedml-infra doctor {named[0]}" if named else None
        return operation.examine_machine(tools, note=warn("stack file", told, fix))
    try:
        project = project_of(ctx)
        return operation.examine(project, load_stack(project, name), tools)
    except FedmlError as error:
        return operation.unloadable(name, error, tools)
