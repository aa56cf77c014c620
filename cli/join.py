"""`fedml-infra join`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .command import Command
from .create_options import own_options
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.engine.protocol import Engine
    from fedml_infra.operations.create import Existing
    from fedml_infra.operations.join import JoinPlan
    from fedml_infra.operations.join_words import JoinWords
    from fedml_infra.operations.tools import Tools
    from fedml_infra.wire.invites import Invite, InviteV1

HEADINGS = {
    "creates": "What is made",
    "able": "What this account will be able to do",
    "others": "What others will be able to do",
    "costs": "What costs money at rest",
}


@click.command(
    cls=Command,
    short_help="Join a federation by an invite: see what it makes and grants, then do it.",
    exits=[2, 3, 4, 5, 8, 9],
    examples=[
        ("with the invite in a file; all else is asked for", "fedml-infra join invite"),
        (
            "in a script",
            "fedml-infra join invite --pid insel --s3-bucket insel-fed --passphrase-file pass --yes --json",
        ),
        (
            "only see what it would make and grant",
            "fedml-infra join invite --pid insel --s3-bucket insel-fed --preview",
        ),
        (
            "without a server on the other side: a request to send to the administrator …",
            "fedml-infra join invite --pid insel --s3-bucket insel-fed --request-out request.json",
        ),
        ("… and on, once it is admitted", "fedml-infra join --continue cardio"),
    ],
)
@click.argument("text", metavar="[INVITE]", required=False)
@options.stack_option
@click.option("--region", metavar="REGION", help="Where the node is; AWS_REGION where not given.")
@own_options
@click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The invite's passphrase, one line; or in FEDML_INFRA_PASSPHRASE; or asked for.",
)
@click.option(
    "--request-out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Hand nothing in: write a request there, for the administrator's `admit`.",
)
@click.option("--continue", "goes_on", is_flag=True, help="Go on with a join that waits: the argument is the STACK.")
@click.option(
    "--wait-admitted",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Wait so long to be admitted: half an hour at the administrator's server unless told, as a person may have to "
    "agree there; not at all with --continue.",
)
@click.option(
    "--protect/--no-protect",
    default=None,
    help="Keep the stack from being deleted by accident. On AWS unless told; not in the sandbox.",
)
@click.option("--secrets-provider", metavar="URL", help="awskms://… and the like, instead of a passphrase.")
@click.option("--verify/--no-verify", "verifies", default=True, help="Try every link of the node in the end.")
@click.option("--preview", "only_preview", is_flag=True, help="Show what would be written and made, and stop there.")
@options.yes
@store_options
@options.as_json
@options.timeout
@click.pass_context
def join(ctx: click.Context, /, **given: Any) -> None:
    """Join the federation of an INVITE: its text, a file that has it, or - for standard input.

    Nothing is touched before the invite has been read, everything was validated, and it was shown and agreed to what
    this account will create, what it will be able to do, what others will be able to do to it, and what of it costs
    money at rest.

    Then the account is proved to the administrator's server, if the invite names one; it gets a signature that is good
    for this one purpose, and no credentials. The stack file is written and brought up, every link is tried, and what
    the node's process needs is printed. Done again, it goes on where it was cut off.
    """
    _check(ctx, given)
    if given["goes_on"]:
        _go_on(ctx, given)
    else:
        _begin(ctx, given)


def _check(ctx: click.Context, given: Mapping[str, Any]) -> None:
    """Raise UsageError for what does not go together."""
    from click.core import ParameterSource

    spelt = {parameter.name: parameter.opts[0] for parameter in ctx.command.params}
    used = [name for name in given if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given["goes_on"]:
        fits = {"text", "stack_option", "goes_on", "wait_admitted", "yes", "as_json", "timeout", "verifies"}
        fits |= {"data_dir", "database_url", "database_url_file"}
        if idle := [spelt[name] for name in used if name not in fits]:
            raise click.UsageError(f"{', '.join(idle)}: not with --continue; the stack file says all that.", ctx)
        return
    if "wait_admitted" in used and given["request_out"] is not None:
        raise click.UsageError("--wait-admitted does nothing with --request-out, which waits for nobody.", ctx)
    if given["stack_option"] is not None:
        raise click.UsageError("-s goes with --continue: the stack is named after the invite's federation.", ctx)


def _begin(ctx: click.Context, given: Mapping[str, Any]) -> None:
    """With an invite."""
    from datetime import UTC, datetime

    from fedml_infra.operations.create import existing, write_stack
    from fedml_infra.operations.hand_in import hand_in, look_in
    from fedml_infra.operations.join import JoinRequested, plan_join, require_usable
    from fedml_infra.operations.knock import PATIENCE_SECONDS
    from fedml_infra.operations.load import Stack
    from fedml_infra.operations.up import look_new

    from .ask import require
    from .create import is_local, make_project, project_there, stack_path_in
    from .output import beside, print_json, say
    from .recorded import recorded
    from .target import Target, start_of, tools_of

    invite = _opened(given)
    tools = tools_of(ctx)
    project, is_there = project_there(start_of(ctx))
    path = stack_path_in(project, is_there, invite.fed_name)
    before = existing(path)
    if before is None:
        require_usable(invite, datetime.now(UTC))
    out = given["request_out"]
    requested = JoinRequested(_own_values(given, before), given["protect"], is_local(), hand_in=out is None)
    plan = plan_join(invite, requested, tools.aws, before, now=datetime.now(UTC))
    if before is None:
        look_new(Stack(plan.stack, path, plan.config, plan.created.values), tools.aws)
    for note in plan.created.notes:
        say(note)
    document: dict[str, Any] = {
        "stack": plan.stack,
        "file": str(path),
        "account": plan.account,
        "pid": plan.pid,
        "rights": sorted(plan.granted),
        "words": plan.words.as_json(),
        "waits": plan.waits,
    }
    if given["only_preview"]:
        if given["as_json"]:
            print_json({**document, "values": dict(plan.created.values)})
        else:
            _show(plan.words, plan)
        return
    if not given["yes"] or not given["as_json"]:
        with beside(given["as_json"]):
            _show(plan.words, plan)
    require(f"Join {plan.stack} like this?", yes=given["yes"])
    stack = Stack(plan.stack, path, plan.config, plan.created.values)
    if before is None and out is None:
        look_in(plan, stack, tools.aws)
    if not is_there:
        make_project(project)
    engine = tools.engine(project)
    write_stack(plan.created, path, engine, secrets_provider=given["secrets_provider"])
    say(f"{path} is written." if before is None else f"{path} stays as it is.")
    with recorded(Target(project, stack, engine, tools), account=plan.account, pid=plan.pid):
        if out is not None and plan.waits:
            _write_request(plan, path, engine, out)
            if given["as_json"]:
                print_json({**document, "request": str(out)})
            return
        patience = PATIENCE_SECONDS if given["wait_admitted"] is None else given["wait_admitted"]
        hand_in(plan, path, engine, tools.aws, is_new=before is None, say=say, patience=patience)
        _finish(ctx, given, project, plan.stack, engine, tools, document)


def _go_on(ctx: click.Context, given: Mapping[str, Any]) -> None:
    """Without it: the stack file says all that is still needed."""
    from fedml_infra.operations.accounts import find_accounts
    from fedml_infra.operations.create import existing
    from fedml_infra.operations.load import find_file
    from fedml_infra.operations.waiting_join import awaited_roster, take_roster, waiting_stack

    from .output import say
    from .recorded import recorded
    from .target import Target, chosen, project_of, tools_of

    project, tools = project_of(ctx), tools_of(ctx)
    name, path = find_file(project, chosen(ctx, given["text"], given["stack_option"]))
    before = existing(path)
    assert before is not None
    stack = waiting_stack(before)
    engine = tools.engine(project)
    accounts = find_accounts(stack.config, stack.settings, tools.aws).nodes
    pid = stack.config.nodes[0].pid
    with recorded(Target(project, stack, engine, tools), account=accounts[pid], pid=pid):
        if not before.has_key:
            roster = awaited_roster(stack, tools.aws, accounts[pid], patience=given["wait_admitted"] or 0.0, say=say)
            take_roster(stack, engine, accounts, roster)
            say(f"Admitted: {path} has the federation's key.")
        document = {"stack": name, "file": str(path), "account": accounts[pid], "pid": pid, "waits": False}
        _finish(ctx, given, project, name, engine, tools, document)


def _opened(given: Mapping[str, Any]) -> Invite | InviteV1:
    """The invite, decrypted and checked."""
    from fedml_infra.wire.blobs import open_invite

    from .ask import ask_text
    from .secret_input import PASSPHRASE_VARIABLE, read_secret

    text = given["text"] if given["text"] is not None else ask_text("The invite", "it as an argument: its text or file")
    blob = _blob(text)
    passphrase = read_secret(
        "The invite's passphrase", given["passphrase_file"], "--passphrase-file", PASSPHRASE_VARIABLE
    )
    return open_invite(blob, passphrase)


def _blob(text: str) -> str:
    """The invite's text, of whatever was given for it."""
    from fedml_infra.errors import UnreadableError

    try:
        if text == "-":
            return sys.stdin.buffer.read().decode("utf-8")
        # No file has so long a name, and no system likes to be asked for one.
        if len(text) < 256 and Path(text).is_file():
            return Path(text).read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError from None
    return text


def _own_values(given: Mapping[str, Any], before: Existing | None) -> dict[str, Any]:
    """What the options say of this side; asked for where they must say it and do not."""
    from .ask import ask_text
    from .create_options import own_values_of

    asked = dict(given)
    if before is None:
        asked["pid"] = asked["pid"] or ask_text("The node's pid, its name in the federation", "--pid")
        asked["s3_bucket"] = asked["s3_bucket"] or ask_text("Its bucket, or bucket/prefix", "--s3-bucket")
    return own_values_of(asked)


def _show(words: JoinWords, plan: JoinPlan) -> None:
    """What joining comes to, on standard output."""
    topic_account = plan.config.topic_account
    click.echo(f"Federation {plan.stack} of account {topic_account}; this side is account {plan.account}.")
    for name, heading in HEADINGS.items():
        lines: Sequence[str] = getattr(words, name)
        if lines:
            click.secho(heading, bold=True)
        for line in lines:
            click.echo(f"  • {line}")


def _write_request(plan: JoinPlan, path: Path, engine: Engine, out: Path) -> None:
    from fedml_infra.errors import ConfigurationError
    from fedml_infra.operations.create import existing
    from fedml_infra.operations.waiting_join import join_request, waiting_stack
    from fedml_infra.wire.invites import Invite

    from .output import say

    invite, before = plan.invite, existing(path)
    assert isinstance(invite, Invite) and before is not None
    request = join_request(waiting_stack(before), engine, invite, plan.account)
    try:
        out.write_bytes(request.write() + b"\n")
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be written: {error.strerror}.") from None
    say(f"{out} is the request: send it to the administrator, for `fedml-infra admit`. Nothing in it is secret.")
    say(f"Once you are admitted: `fedml-infra join --continue {plan.stack}`")


def _finish(
    ctx: click.Context,
    given: Mapping[str, Any],
    project: Path,
    name: str,
    engine: Engine,
    tools: Tools,
    document: dict[str, Any],
) -> None:
    """Bring it up, try it, and print what the node's process needs."""
    from fedml_infra.operations.load import load_stack
    from fedml_infra.operations.node_env import as_env_file, node_env
    from fedml_infra.operations.verify import verify

    from .hub import RUN_PATIENCE
    from .output import beside, print_json, say
    from .target import Target
    from .up import brought_up, recovered
    from .verify import print_verification

    on = Target(project, load_stack(project, name), engine, tools)
    recovery = on.recovery(RUN_PATIENCE)
    run = brought_up(on, recovered(recovery), timeout=given["timeout"], recovery=recovery)
    envs = {node.pid: node_env(on.stack.config, run.result.outputs, node.pid) for node in on.stack.config.nodes}
    found = None
    if given["verifies"]:
        say(f"Verifying {name} …")
        found = verify(on.stack, on.engine, on.tools.aws)
        with beside(True):
            print_verification(name, found)
    if given["as_json"]:
        verified = None if found is None else found.as_json()
        print_json({**document, "waits": False, "nodes": envs, "verified": verified})
    else:
        for env in envs.values():
            click.echo(as_env_file(env), nl=False)
    # What may still come is no failure of the join.
    if found is not None and found.exit_code not in (0, 9):
        ctx.exit(found.exit_code)
