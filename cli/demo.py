"""`fedml-infra demo`: a whole federation on this machine, from nothing to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .command import Command

if TYPE_CHECKING:
    from fedml_infra.operations.demo.report import Report


@click.command(
    cls=Command,
    exits=(2, 4, 8),
    examples=(
        ("the whole story, about twenty seconds", "fedml-infra demo"),
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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output, all else on error.")
def demo(kind: str, keep: bool, as_json: bool) -> int:
    """Show a federation's whole life on this machine, without an AWS account.

    Three hospitals, each with an AWS account, a checkout and a state of its own, in two regions, on the real Pulumi
    engine and a local AWS: the administrator brings up the hub, the others join, every node sends a model update and
    reads the others', an outsider is denied, a change by hand is found, everything is destroyed, and every account
    and region is looked through for what is left.

    Anything that is not as it should be is said, and the exit code is 1.
    """
    from fedml_infra.operations.demo.run import run_demo

    from .output import print_json, say

    report, kept = run_demo(kind, keep=keep, say=lambda line: say(f"  {line}"))
    if as_json:
        print_json(report.to_json())
    else:
        _print(report)
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
    messages, outsider, drift = report.messages, report.outsider, report.drift
    denied = (
        f"{outsider.denied} of {outsider.tried} attempts denied, by the local AWS itself"
        if outsider.enforced
        else "not tried: this local AWS enforces no policies"
    )
    print_facts(
        (
            ("engine", f"Pulumi {report.engine}"),
            (
                "federation",
                f"{counted(report.organisations, 'organisation')} in {counted(report.accounts, 'account')} and "
                f"{counted(report.regions, 'region')}, {counted(report.resources, 'resource')}",
            ),
            (
                "messages",
                f"{messages.sent} sent, {messages.received} received, {counted(messages.echoes, 'echo', 'echoes')}",
            ),
            ("payloads", f"{report.payloads_read} read, each with credentials for that one object"),
            ("outsider", denied),
            ("drift", f"{drift.made} made by hand, {drift.found} found"),
            ("left behind", "kept" if report.kept else str(report.left_behind)),
            ("seconds", ", ".join(f"{name} {seconds}" for name, seconds in report.seconds.items())),
        )
    )
