"""`fedml-infra create`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .branch_options import branch_options, refuse_beside, way_of
from .command import Command
from .create_map import map_options
from .create_options import stack_options
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.engine.protocol import Engine
    from fedml_infra.operations.create import CreatePlan
    from fedml_infra.operations.load import Stack
    from fedml_infra.operations.recover import RecoverPlan
    from fedml_infra.operations.tools import Tools


@click.command(
    cls=Command,
    short_help="Write a stack file from options and bring the federation up.",
    exits=[2, 3, 4, 5, 8, 9],
    examples=[
        (
            "a federation with one node of one's own",
            "fedml-infra create cardio --region us-east-1 --sync-sched m30 --pid charite --s3-bucket cardio-charite",
        ),
        (
            "with two members from the start",
            "fedml-infra create cardio … --member 222222222222 --member 333333333333:publish:insel",
        ),
        (
            "only show what it would write and make",
            "fedml-infra create cardio … --preview",
        ),
        (
            "propose it: a pull request with the stack file",
            "fedml-infra create cardio … --branch create-cardio",
        ),
        (
            "a joiner's stack by hand, the federation's key from a file",
            "fedml-infra create cardio … --topic-arn arn:aws:sns:us-east-1:111111111111:cardio "
            "--fed-secret-key-stdin < key",
        ),
        (
            "what a client of the REST API asks for",
            "fedml-infra create --from-encrypted-map body --key-file key --pid charite",
        ),
    ],
)
@click.argument("fed_name", metavar="[FED_NAME]", required=False)
@options.directory
@map_options
@stack_options
@click.option(
    "--protect/--no-protect",
    default=None,
    help="Keep the stack from being deleted by accident. On AWS unless told; not in the sandbox.",
)
@click.option(
    "--no-persist",
    is_flag=True,
    help="An ephemeral stack: nothing of it is protected, and `stacks prune` destroys it.",
)
@click.option("--secrets-provider", metavar="URL", help="awskms://… and the like, instead of a passphrase.")
@click.option(
    "--import",
    "imports",
    is_flag=True,
    help="Take over what is there under these names, made by hand or with another tool; buckets are adopted.",
)
@click.option(
    "--import-buckets",
    is_flag=True,
    help="With --import: buckets become the stack's too, with its policy and its expiry of all that is in them.",
)
@click.option("--preview", "only_preview", is_flag=True, help="Show what would be written and made, and stop there.")
@branch_options
@options.yes
@options.message
@options.as_json
@options.timeout
@options.wait
@store_options
@click.pass_context
def create(ctx: click.Context, /, **given: Any) -> None:
    """Create the federation FED_NAME: write stacks/Pulumi.FED_NAME.yaml and bring it up.

    Everything is validated before anything is written. The federation's key is made here and encrypted into the stack
    file. Cut off, the same command goes on; with other values it says what differs. Every option is one key of the
    stack file, which can be edited afterwards: `fedml-infra up` then makes it so.

    With --branch or --no-apply the stack file is made and no more; without AWS credentials that works too, and says
    what was not looked up.

    With --from-map or --from-encrypted-map, all that is asked for comes from a request map of the REST API instead.
    """
    from fedml_infra.operations.create import CreateRequest, check_key, existing, plan_create, write_stack
    from fedml_infra.operations.load import Stack, load_stack
    from fedml_infra.operations.settle import Recovery
    from fedml_infra.operations.up import look_before, look_new

    from .ask import require
    from .create_map import asked_of
    from .create_options import key_of, values_of
    from .output import beside, say
    from .target import Target, start_of, tools_of
    from .up import bring_up, recovered

    way = way_of(ctx)
    refuse_beside(
        ctx,
        way,
        imports="--import",
        import_buckets="--import-buckets",
        message="-m",
        timeout="--timeout",
        wait="--wait",
    )
    asked = asked_of(ctx, given)
    tools = tools_of(ctx) if asked is None else asked.tools(tools_of(ctx))
    if asked is not None:
        asked.require_account(tools.aws)
    request = CreateRequest(
        values=_laid_over(values_of(given) if asked is None else asked.request.values, given),
        key=key_of(given) if asked is None else asked.request.fed_secret_key,
        protect=_protect(ctx, given["protect"], given["no_persist"]),
        local=is_local(),
        take_buckets=given["imports"] and given["import_buckets"],
    )
    if way.writes_only:
        from .create_written import create_written

        create_written(ctx, given, request, tools, way, asked.notes if asked else ())
        return
    project, is_there = project_there(start_of(ctx))
    name = str(request.values.get("fedml-infra:fed_name", ""))
    path = stack_path_in(project, is_there, name)
    plan = plan_create(request, tools.aws, existing(path))
    engine = tools.engine(project)
    planned = Stack(plan.stack, path, plan.config, {})
    importing = _planned_import(given, planned, engine, tools, is_new=not is_there)
    before = None
    if importing is None:
        if plan.resumes and not given["only_preview"]:
            before = recovered(Recovery(planned, engine, tools.aws, say, given["wait"]))
        else:
            before = look_before(planned, engine, tools.aws) if is_there else look_new(planned, tools.aws)
    for note in (*(asked.notes if asked else ()), *plan.notes):
        say(note)
    if given["only_preview"]:
        show_plan(plan, path, as_json=given["as_json"], importing=importing)
        return
    if importing is not None or not given["yes"]:
        with beside(given["as_json"]):
            show_plan(plan, path, as_json=False, importing=importing)
    require(f"Write {path} and make all this in AWS?", yes=given["yes"])
    if not is_there:
        make_project(project)
    write_stack(plan, path, engine, secrets_provider=given["secrets_provider"])
    check_key(request, plan, engine)
    say(f"{path} is written." if not plan.resumes else f"{path} stays as it is.")
    on = Target(project, load_stack(project, plan.stack), engine, tools)
    recovery = on.recovery(given["wait"])
    if importing is not None:
        from fedml_infra.operations.recover import recover

        recover(importing, recovery)
    if before is None:
        before = recovered(recovery)
    bring_up(
        on, before, as_json=given["as_json"], message=given["message"], timeout=given["timeout"], recovery=recovery
    )


def _planned_import(
    given: dict[str, Any], planned: Stack, engine: Engine, tools: Tools, *, is_new: bool
) -> RecoverPlan | None:
    """What --import takes over; None without it. Errors as `operations.recover.plan_import`."""
    if not given["imports"]:
        if given["import_buckets"]:
            raise click.UsageError("--import-buckets goes with --import.")
        return None
    from fedml_infra.operations.recover import plan_import, require_ours
    from fedml_infra.operations.settle import Recovery

    from .output import say

    importing = plan_import(Recovery(planned, engine, tools.aws, say), is_new=is_new)
    require_ours(importing)
    return importing


def _protect(ctx: click.Context, protect: bool | None, ephemeral: bool) -> bool | None:
    if ephemeral and protect:
        raise click.UsageError(
            "--protect and --no-persist exclude each other: an ephemeral stack is not protected.", ctx
        )
    return False if ephemeral else protect


def _laid_over(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values as --no-protect and --no-persist change them: those of a map may say otherwise."""
    from fedml_infra.operations.create import ephemeral

    if given["no_persist"]:
        return ephemeral(values)
    left_out = {"fedml-infra:protect"} if given["protect"] is False else set()
    return {key: value for key, value in values.items() if key not in left_out}


def is_local() -> bool:
    """Whether the environment's AWS is one of this machine."""
    import os

    from fedml_infra.aws.sessions import is_loopback

    return is_loopback(os.environ.get("AWS_ENDPOINT_URL"))


def project_there(start: Path) -> tuple[Path, bool]:
    """The project's folder, and whether it is there; where there is none, the starting folder is to become one."""
    from fedml_infra.engine.project import find_project
    from fedml_infra.errors import ConfigurationError

    try:
        return find_project(start), True
    except ConfigurationError:
        return start.absolute(), False


def stack_path_in(project: Path, is_there: bool, name: str) -> Path:
    """Where the file of a stack is, or will be."""
    from fedml_infra.engine.project import stack_path

    if is_there:
        return stack_path(project, name)
    return project / "stacks" / f"Pulumi.{name}.yaml"


def make_project(project: Path) -> None:
    """Make the folder a project, and say so."""
    from fedml_infra.engine.project import write_project

    from .output import say

    written = write_project(project)
    say(f"{project} is a project now: {', '.join(path.name for path in written)}.")


def show_plan(plan: CreatePlan, path: Path, *, as_json: bool, importing: RecoverPlan | None = None) -> None:
    """What would be written and made, on standard output."""
    from fedml_infra.operations.compare_rights import compare_rights
    from fedml_infra.operations.create import preview_text

    from .changes import print_rights
    from .output import print_json

    rights = compare_rights({}, plan.config)
    if as_json:
        print_json(
            {
                "stack": plan.stack,
                "file": str(path),
                "resumes": plan.resumes,
                "values": dict(plan.values),
                "rights": [change.as_json() for change in rights],
                "notes": list(plan.notes),
                "import": importing.as_json()["adopt"] if importing else [],
            }
        )
        return
    click.secho(str(path), bold=True)
    click.echo(preview_text(plan, path))
    print_rights(rights)
    if importing is not None:
        from .recover import print_imported

        print_imported(importing)
