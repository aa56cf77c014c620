"""`fedml-infra sandbox`: a local AWS to try every command against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Group

if TYPE_CHECKING:
    from fedml_infra.sandbox.sandbox import Running

KINDS = ("ministack", "moto")


def _account(_ctx: click.Context, _parameter: click.Parameter, given: Any) -> Any:
    for value in given if isinstance(given, tuple) else (given,):
        if value is not None and not (len(value) == 12 and value.isascii() and value.isdecimal()):
            raise click.BadParameter(f"{value!r} is no AWS account id: it has twelve digits.")
    return given


@click.group(cls=Group)
def sandbox() -> None:
    """A local AWS to try every command against.

    It runs on this machine, answers on loopback only, and has every account that is asked for: an account id is its
    own access key. Policies are enforced across accounts as on AWS. Nothing in it is kept: when it is taken down or
    ends, all that was in it is gone, the states of stacks in it included.

    \b
    A first federation, without an AWS account:
      fedml-infra sandbox up
      eval "$(fedml-infra sandbox env --account 111111111111)"
      fedml-infra create cardio --pid charite --s3-bucket cardio-charite --sync-sched m30
    """


@sandbox.command(
    short_help="Start it, and return when it answers.",
    exits=(2, 4),
    examples=[
        ("MiniStack, which enforces policies", "fedml-infra sandbox up"),
        ("The other local AWS, which enforces no policies", "fedml-infra sandbox up --aws moto"),
        ("With AWS's faults, as a file says", "fedml-infra sandbox up --faults faults.yaml"),
    ],
)
@click.option(
    "--aws",
    "kind",
    type=click.Choice(KINDS),
    help="Which local AWS: MiniStack enforces policies (the default); moto does not.",
)
@click.option(
    "--port",
    type=click.IntRange(1024, 65535),
    help="The port on 127.0.0.1. Kept over restarts; the first time a free one is taken.",
)
@click.option(
    "--faults",
    "plan_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PLAN",
    help="A YAML or JSON file that says which calls are throttled, fail, lose their answer and so on.",
)
@options.as_json
def up(kind: str | None, port: int | None, plan_file: Path | None, as_json: bool) -> None:
    """Start the sandbox, and return when it answers.

    Where it runs already, that is said, and nothing else happens but that it takes the faults, where some are given.
    It starts empty, and without faults.
    """
    from fedml_infra.sandbox.local_aws import Kind
    from fedml_infra.sandbox.local_aws.faults import Faults, read_plan
    from fedml_infra.sandbox.place import sandbox_directory
    from fedml_infra.sandbox.sandbox import up as start

    from .output import counted, print_json, say

    plan = read_plan(plan_file) if plan_file else None
    done = start(sandbox_directory(), Kind(kind) if kind else None, port)
    if plan is not None:
        Faults(done.running.local_aws).set(plan)
    if as_json:
        faulty = {} if plan is None else {"faults": len(plan.rules)}
        print_json({**_facts(done.running), "started": done.started, "seconds": round(done.seconds, 3), **faulty})
        return
    name = done.running.kind.label
    if done.started:
        say(f"{name} is ready at {done.running.local_aws.url} after {done.seconds:.1f} s, and empty.")
        if not done.running.local_aws.enforces_policies:
            say(f"{name} enforces no policies: whoever asks may.")
    else:
        say(f"{name} runs already at {done.running.local_aws.url}.")
    if plan is not None:
        size = counted(len(plan.rules), "rule")
        say(f"It has the faults of {plan_file} ({size}); `fedml-infra sandbox faults` shows what they did.")
    say(f"Log: {done.running.local_aws.log}")
    say('Use it: eval "$(fedml-infra sandbox env --account 111111111111)"')


@sandbox.command(
    short_help="Take it down, with all in it.",
    exits=(2,),
    examples=[("Take it down, with all that is in it", "fedml-infra sandbox down")],
)
@options.as_json
def down(as_json: bool) -> None:
    """Take the sandbox down, with all that is in it.

    The port stays the same for the next `up`, so that what shells have set holds again.
    """
    from fedml_infra.sandbox.place import sandbox_directory
    from fedml_infra.sandbox.sandbox import down as stop

    from .output import print_json, say

    ended = stop(sandbox_directory())
    if as_json:
        print_json({"stopped": ended is not None})
    else:
        say(f"{ended.kind.label} is down." if ended else "The sandbox did not run.")


@sandbox.command(
    short_help="What runs, where, and its log.",
    examples=[("What runs, and where its log is", "fedml-infra sandbox status")],
)
@options.as_json
def status(as_json: bool) -> None:
    """What runs: which local AWS, where, since when, and where its log is."""
    from fedml_infra.sandbox.place import sandbox_directory
    from fedml_infra.sandbox.sandbox import remembered_port
    from fedml_infra.sandbox.sandbox import status as look

    from .output import print_facts, print_json

    directory = sandbox_directory()
    running = look(directory)
    if running is None:
        facts: dict[str, Any] = {"running": False, "port": remembered_port(directory), "directory": str(directory)}
    else:
        facts = _facts(running)
    if as_json:
        print_json(facts)
        return
    print_facts((name.replace("_", " "), _shown(value)) for name, value in facts.items())


@sandbox.command(
    short_help="What the faults did, or have others or none.",
    exits=(2, 4),
    examples=[
        ("Which calls there were, and what they met", "fedml-infra sandbox faults"),
        ("Have other faults from now on", "fedml-infra sandbox faults --set faults.yaml"),
        ("Have none any more", "fedml-infra sandbox faults --clear"),
    ],
)
@click.option(
    "--set",
    "plan_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PLAN",
    help="Have the faults of this file from now on; calls are counted anew.",
)
@click.option("--clear", is_flag=True, help="Have no faults any more, and count no calls.")
@options.as_json
def faults(plan_file: Path | None, clear: bool, as_json: bool) -> None:
    """What the sandbox's faults did: the calls since they were set, and which of them met one.

    The plan is that of `sandbox up --faults`, or of the last `--set`.
    """
    from dataclasses import asdict

    from fedml_infra.sandbox.local_aws.faults import Faults, read_plan
    from fedml_infra.sandbox.place import sandbox_directory
    from fedml_infra.sandbox.sandbox import require

    from .output import counted, print_json, say

    if plan_file and clear:
        raise click.UsageError("--set and --clear exclude each other.")
    control = Faults(require(sandbox_directory()).local_aws)
    if plan_file:
        control.set(read_plan(plan_file))
    elif clear:
        control.clear()
    plan, calls = control.plan(), control.calls()
    met = [call for call in calls if call.outcome != "answered"]
    if as_json:
        rules = None if plan is None else plan.model_dump(mode="json", exclude_defaults=True)
        print_json({"plan": rules, "calls": [asdict(call) for call in calls]})
    elif plan is None:
        say("There are no faults.")
    else:
        size, made = counted(len(plan.rules), "rule"), counted(len(calls), "call")
        say(f"{size}; {made}, {len(met)} of them met a fault.")
        for call in met:
            say(f"  call {call.index}: {call.service} {call.operation} of {call.account}: {call.outcome}")


@sandbox.command(
    short_help="Print what a shell needs to use it.",
    exits=(2,),
    examples=[
        ("Act as one account", 'eval "$(fedml-infra sandbox env --account 222222222222)"'),
        ("With a profile sandbox-333333333333 too", 'eval "$(fedml-infra sandbox env --profile 333333333333)"'),
        ("For a program", "fedml-infra sandbox env --json"),
    ],
)
@click.option(
    "--account",
    default="111111111111",
    metavar="ID",
    show_default=True,
    callback=_account,
    help="Whose credentials to export. Any twelve digits are an account.",
)
@click.option("--region", default="us-east-1", metavar="REGION", show_default=True, help="The region to export.")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="ID",
    callback=_account,
    help="Another account that has a profile sandbox-ID. Those that stack files here name have one anyway. Repeatable.",
)
@click.option(
    "--official-provider",
    is_flag=True,
    help="Let the engine use the official aws plugin, which it downloads, and not the emulated one.",
)
@options.directory
@options.as_json
@click.pass_context
def env(
    ctx: click.Context, account: str, region: str, profiles: tuple[str, ...], official_provider: bool, as_json: bool
) -> None:
    """Print what a shell needs to act on the sandbox as one account of it.

    It is meant for `eval`, and sets the endpoint and its certificate, the account's credentials and region, the engine
    with the emulated aws provider, and a state backend for each account. Whatever is set afterwards wins. Real AWS
    cannot be reached with it: no credential in it means anything there.
    """
    from fedml_infra.sandbox.environment import engine_folder, environment
    from fedml_infra.sandbox.place import sandbox_directory
    from fedml_infra.sandbox.sandbox import require

    from .output import print_json, warn

    made = environment(
        require(sandbox_directory()),
        account=account,
        region=_region(region),
        profile_accounts=profiles,
        official_provider=official_provider,
        project=ctx.ensure_object(dict).get("directory") or Path.cwd(),
    )
    if not (engine_folder() / "pulumi").exists():
        warn("The Pulumi engine is not installed yet: `make setup` or the first `fedml-infra up` does it.")
    if as_json:
        print_json(made.json())
    else:
        click.echo(made.lines())


def _region(given: str) -> str:
    from fedml_infra.model.regions import normalise_region

    try:
        return normalise_region(given)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--region") from error


def _facts(running: Running) -> dict[str, Any]:
    import datetime

    since = datetime.datetime.fromtimestamp(running.since, datetime.UTC)
    return {
        "running": True,
        "aws": str(running.kind),
        "enforces_policies": running.local_aws.enforces_policies,
        "url": running.local_aws.url,
        "port": running.port,
        "pid": running.process.pid,
        "since": since.isoformat(timespec="seconds"),
        "ca_bundle": str(running.local_aws.ca_bundle),
        "log": str(running.local_aws.log),
        "directory": str(running.directory),
    }


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
