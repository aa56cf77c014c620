"""`fedml-infra create`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command

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
            "a joiner's stack by hand, the federation's key from a file",
            "fedml-infra create cardio … --topic-arn arn:aws:sns:us-east-1:111111111111:cardio "
            "--fed-secret-key-stdin < key",
        ),
    ],
)
@click.argument("fed_name", metavar="FED_NAME")
@options.directory
@click.option("--region", metavar="REGION", help="Where the topic and the nodes are; AWS_REGION where not given.")
@click.option("--sync-sched", metavar="SCHED", help="How often nodes synchronise: m30, h3, d7 (minutes, hours, days).")
@click.option("--topology", metavar="WORD", help="decentralized (default), centralized or hybrid.")
@click.option("--pid", metavar="PID", help="A node of your own, with --s3-bucket; its name in the federation.")
@click.option(
    "--s3-bucket", metavar="BUCKET[/PREFIX]", help="Its bucket: adopted where it is yours already, else made."
)
@click.option("--rights", metavar="RIGHTS", help="What it does: publish, receive or publish,receive.")
@click.option("--node-region", metavar="REGION", help="Where it is, if not in --region.")
@click.option("--local-type", metavar="WORD", help="What it trains on: cpu (default) or gpu.")
@click.option("--profile", metavar="NAME", help="The AWS profile of its account, if that is another one.")
@click.option("--assume-role", metavar="ARN", help="Or a role to assume in its account.")
@click.option("--external-id", metavar="ID", help="The external id that this role asks for.")
@click.option("--node-role", metavar="NAME", help="An existing role that the node's policy is attached to.")
@click.option(
    "--node",
    "more_nodes",
    multiple=True,
    metavar="YAML",
    help="A further node, as in a stack file: '{pid: insel, s3_bucket: insel-fed, account: {profile: insel}}'.",
)
@click.option(
    "--member",
    "members",
    multiple=True,
    metavar="ID[:RIGHTS[:PIDS]]",
    help="Another organisation's account, as 222222222222:publish,receive:insel,usz.",
)
@click.option("--topic-arn", metavar="ARN", help="Join this topic by hand; the stack then declares no hub.")
@click.option("--encrypt/--no-encrypt", default=None, help="Nodes encrypt the payload itself too.")
@click.option("--sharing", metavar="WAY", help="How payloads are read: sts (default) or bucket_policy.")
@click.option("--message-filter", metavar="WORD", help="sender (default), or none where nodes set no sender.")
@click.option("--retention", metavar="TIME", help="How long queues and buckets keep things; d14 (default) is the most.")
@click.option("--kms-key-arn", metavar="ARN", help="An own KMS key for queue, bucket, parameter and topic.")
@click.option("--permissions-boundary", metavar="ARN", help="A managed policy that bounds every role made.")
@click.option("--iam-path", metavar="PATH", help="Path of every role and policy made, as /fedml/.")
@click.option("--roster-bucket", metavar="NAME", help="The hub's bucket for the roster, if not the derived name.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag on everything made.")
@click.option(
    "--protect/--no-protect",
    default=None,
    help="Keep the stack from being deleted by accident. On AWS unless told; not in the sandbox.",
)
@click.option("--no-persist", is_flag=True, help="An ephemeral stack: nothing of it is protected.")
@click.option(
    "--fed-secret-key-stdin", is_flag=True, help="Read the federation's key (base64 of 16 bytes) from standard input."
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
@options.yes
@options.message
@options.as_json
@options.timeout
@click.pass_context
def create(ctx: click.Context, /, **given: Any) -> None:
    """Create the federation FED_NAME: write stacks/Pulumi.FED_NAME.yaml and bring it up.

    Everything is validated before anything is written. The federation's key is made here and encrypted into the stack
    file. Cut off, the same command goes on; with other values it says what differs. Every option is one key of the
    stack file, which can be edited afterwards: `fedml-infra up` then makes it so.
    """
    from fedml_infra.operations.create import CreateRequest, check_key, existing, plan_create, write_stack
    from fedml_infra.operations.load import Stack, load_stack
    from fedml_infra.operations.settle import Recovery
    from fedml_infra.operations.up import look_before, look_new

    from .ask import require
    from .output import beside, say
    from .target import Target, start_of, tools_of
    from .up import bring_up, recovered

    tools = tools_of(ctx)
    project, is_there = _project(start_of(ctx))
    request = CreateRequest(
        values=_values(given),
        key=_key(given["fed_secret_key_stdin"]),
        protect=_protect(ctx, given["protect"], given["no_persist"]),
        local=_is_local(),
        take_buckets=given["imports"] and given["import_buckets"],
    )
    path = _stack_path(project, is_there, given["fed_name"])
    plan = plan_create(request, tools.aws, existing(path))
    engine = tools.engine(project)
    planned = Stack(plan.stack, path, plan.config, {})
    importing = _planned_import(given, planned, engine, tools, is_new=not is_there)
    before = None
    if importing is None:
        if plan.resumes and not given["only_preview"]:
            before = recovered(Recovery(planned, engine, tools.aws, say))
        else:
            before = look_before(planned, engine, tools.aws) if is_there else look_new(planned, tools.aws)
    for note in plan.notes:
        say(note)
    if given["only_preview"]:
        _show(plan, path, as_json=given["as_json"], importing=importing)
        return
    if importing is not None or not given["yes"]:
        with beside(given["as_json"]):
            _show(plan, path, as_json=False, importing=importing)
    require(f"Write {path} and make all this in AWS?", yes=given["yes"])
    if not is_there:
        _write_project(project)
    write_stack(plan, path, engine, secrets_provider=given["secrets_provider"])
    check_key(request, plan, engine)
    say(f"{path} is written." if not plan.resumes else f"{path} stays as it is.")
    on = Target(project, load_stack(project, plan.stack), engine, tools)
    if importing is not None:
        from fedml_infra.operations.recover import recover

        recover(importing, on.recovery())
    if before is None:
        before = recovered(on.recovery())
    bring_up(on, before, as_json=given["as_json"], message=given["message"], timeout=given["timeout"])


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


def _values(given: dict[str, Any]) -> dict[str, Any]:
    """The options as values of a stack file by full key; validation is left to the model."""
    import os

    region = given["region"] or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    nodes = _nodes(given)
    ours = {
        "fed_name": given["fed_name"],
        "sync_sched": given["sync_sched"],
        "topology": given["topology"],
        "aws_topic_arn": given["topic_arn"],
        "members": [_member(text) for text in given["members"]] or None,
        "nodes": nodes or None,
        "fed_encrypt": given["encrypt"] or None,
        "sharing": given["sharing"],
        "message_filter": given["message_filter"],
        "retention": given["retention"],
        "kms_key_arn": given["kms_key_arn"],
        "permissions_boundary": given["permissions_boundary"],
        "iam_path": given["iam_path"],
        "roster_bucket": given["roster_bucket"],
        "tags": dict(_tag(text) for text in given["tags"]) or None,
    }
    values: dict[str, Any] = {"aws:region": region} if region else {}
    return values | {f"fedml-infra:{name}": value for name, value in ours.items() if value is not None}


def _nodes(given: dict[str, Any]) -> list[Any]:
    """The node of the options, then those given as YAML."""
    account = {name: given[name] for name in ("profile", "assume_role", "external_id") if given[name]}
    node = {
        "pid": given["pid"],
        "s3_bucket": given["s3_bucket"],
        "rights": _rights(given["rights"]),
        "aws_region": given["node_region"],
        "fed_local_type": given["local_type"],
        "account": account or None,
        "node_role": given["node_role"],
    }
    told = {name: value for name, value in node.items() if value}
    return ([told] if told else []) + [_yaml(text) for text in given["more_nodes"]]


def _yaml(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise click.BadParameter(f"{text!r} is not YAML: {str(error).splitlines()[0]}", param_hint="--node") from None
    if not isinstance(found, dict):
        raise click.BadParameter(
            f"{text!r} is no mapping; write {{pid: insel, s3_bucket: insel-fed}}", param_hint="--node"
        )
    return found


def _member(text: str) -> dict[str, Any]:
    account, _, rest = text.partition(":")
    rights, _, pids = rest.partition(":")
    member = {"aws_id": account, "rights": _rights(rights), "nodes": _several(pids)}
    return {name: value for name, value in member.items() if value}


def _rights(text: str | None) -> list[str]:
    return _several(text or "")


def _several(text: str) -> list[str]:
    return [word.strip() for word in text.replace("+", ",").split(",") if word.strip()]


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE.", param_hint="--tag")
    return key, value


def _key(from_stdin: bool) -> Any:
    """The federation's key from standard input, where it was asked to be read; it never is an argument."""
    if not from_stdin:
        return None
    import sys

    from pydantic import SecretStr

    from fedml_infra.errors import ConfigurationError

    if sys.stdin.isatty():
        text = click.prompt("The federation's key", hide_input=True, err=True)
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise ConfigurationError(
            "Standard input holds no federation key.", fix="Give it like this: --fed-secret-key-stdin < FILE"
        )
    return SecretStr(text.strip())


def _protect(ctx: click.Context, protect: bool | None, ephemeral: bool) -> bool | None:
    if ephemeral and protect:
        raise click.UsageError(
            "--protect and --no-persist exclude each other: an ephemeral stack is not protected.", ctx
        )
    return False if ephemeral else protect


def _is_local() -> bool:
    import os

    from fedml_infra.aws.sessions import is_loopback

    return is_loopback(os.environ.get("AWS_ENDPOINT_URL"))


def _project(start: Path) -> tuple[Path, bool]:
    """The project's folder, and whether it is there; where there is none, the starting folder is to become one."""
    from fedml_infra.engine.project import find_project
    from fedml_infra.errors import ConfigurationError

    try:
        return find_project(start), True
    except ConfigurationError:
        return start.absolute(), False


def _stack_path(project: Path, is_there: bool, name: str) -> Path:
    from fedml_infra.engine.project import stack_path

    if is_there:
        return stack_path(project, name)
    return project / "stacks" / f"Pulumi.{name}.yaml"


def _write_project(project: Path) -> None:
    from fedml_infra.engine.project import write_project

    from .output import say

    written = write_project(project)
    say(f"{project} is a project now: {', '.join(path.name for path in written)}.")


def _show(plan: CreatePlan, path: Path, *, as_json: bool, importing: RecoverPlan | None = None) -> None:
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
