"""`fedml-infra demo`: a whole federation on this machine, from nothing to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .command import Command

if TYPE_CHECKING:
    from fedml_infra.operations.demo.report import Report


@click.command(
    cls=Command,
    exits=(2, 4, 8),
    examples=(
        ("the whole story, about half a minute", "fedml-infra demo"),
        ("and a picture of the federation", "fedml-infra demo --picture cardio.svg"),
        ("on the other local AWS, which enforces no policies", "fedml-infra demo --aws moto"),
        ("leave everything up, to look around in", "fedml-infra demo --keep"),
    ),
)
@click.option(
    "--aws",
    "kind",
    type=click.Choice(["ministack", "moto"]),
    default="ministack",
    show_default=True,
    help="The local AWS; only ministack enforces policies.",
)
@click.option("--keep", is_flag=True, help="Destroy nothing, and say where everything is.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write a picture of the federation into FILE, as SVG.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output, all else on error.")
def demo(kind: str, keep: bool, picture: Path | None, as_json: bool) -> int:
    """Show a federation's whole life on this machine, without an AWS account.

    Three hospitals, each with an AWS account, a checkout and a state of its own, in two regions, on the real Pulumi
    engine and a local AWS. The administrator creates the federation and invites the others: one proves its account to
    a small server, the other joins by a file. Every node sends a model update and reads the others', an outsider is
    denied, a member is removed and the key rotated, a change by hand is found, everything is destroyed, and every
    account and region is looked through for what is left.

    Anything that is not as it should be is said, and the exit code is 1.
    """
    from fedml_infra.operations.demo.run import run_demo

    from .output import print_json, say

    report, kept = run_demo(kind, keep=keep, say=lambda line: say(f"  {line}"))
    if as_json:
        print_json(report.to_json())
    else:
        _print(report)
    if picture is not None:
        picture.write_text(report.picture, encoding="utf-8")
        say(f"The picture of the federation: {picture.absolute()}")
    for fault in report.faults():
        say(f"{click.style('Not as it should be:', fg='red', bold=True)} {fault}")
    if kept is not None:
        say(f"Kept in {kept.directory}. To look around:\n{kept.entrance}\nTo remove it all:\n{kept.removal}")
    return 1 if report.faults() else 0


def _print(report: Report) -> None:
    from .output import counted, print_facts
    from .picture import federation_picture

    click.echo()
    click.echo(federation_picture())
    click.echo()
    messages, outsider, removed, drift = report.messages, report.outsider, report.removed, report.drift
    denied = (
        f"{outsider.denied} of {outsider.tried} attempts denied, by the local AWS itself"
        if outsider.enforced
        else "not tried: this local AWS enforces no policies"
    )
    gone = "" if removed.denied is None else f"{removed.denied} attempts denied, "
    print_facts(
        (
            ("engine", f"Pulumi {report.engine}"),
            (
                "federation",
                f"{counted(report.organisations, 'organisation')} in {counted(report.accounts, 'account')} and "
                f"{counted(report.regions, 'region')}, {counted(report.resources, 'resource')}",
            ),
            ("joined", f"{report.joins} of {counted(report.invites, 'invite')}: one online, one by a file"),
            (
                "messages",
                f"{messages.sent} sent, {messages.received} received, {counted(messages.echoes, 'echo', 'echoes')}",
            ),
            ("payloads", f"{report.payloads_read} read, each with credentials for that one object"),
            ("outsider", denied),
            (
                "removed",
                f"1 member: {gone}{removed.received_after} messages received afterwards; "
                f"the key was rotated {'once' if report.rotations == 1 else f'{report.rotations} times'}",
            ),
            ("drift", f"{drift.made} made by hand, {drift.found} found"),
            ("left behind", "kept" if report.kept else str(report.left_behind)),
            ("seconds", ", ".join(f"{name} {seconds}" for name, seconds in report.seconds.items())),
        )
    )
