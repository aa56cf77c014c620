"""`fedml-infra admit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .branch_options import no_apply_option, refuse_beside, way_of
from .command import Command
from .hub import RUN_PATIENCE, preview_option
from .server import tls_options
from .store_options import store_options

if TYPE_CHECKING:
    from fedml_infra.operations.admission import Admission

LISTEN_OPTIONS = ("host", "port", "tls_cert", "tls_key", "public_url")


@click.command(
    cls=Command,
    short_help="Let in who was invited: by its request's file, or by a server that joiners ask.",
    exits=[2, 3, 4, 5, 6, 8, 9],
    examples=[
        ("see who asks, agree, let it in", "fedml-infra admit request.json cardio"),
        ("only show what it comes to", "fedml-infra admit request.json cardio --preview"),
        ("propose it in a repository whose changes are reviewed", "fedml-infra admit request.json cardio --branch"),
        (
            "let in whoever proves its account, until Ctrl-C",
            "fedml-infra admit cardio --listen --host 0.0.0.0 --port 8443 --tls-cert cert.pem --tls-key key.pem "
            "--public-url https://fed.example.org:8443",
        ),
    ],
)
@click.argument("words", metavar="[FILE] [STACK]", nargs=-1)
@options.stack_option
@click.option("--listen", is_flag=True, help="Serve createPolicies, at which joiners prove their accounts.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="With --listen: where.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="With --listen: which port; a free one if 0.",
)
@tls_options("With --listen: ")
@click.option(
    "--public-url",
    metavar="URL",
    help="With --listen: by what joiners know this server, where that is not its address: a name, a proxy.",
)
@click.option(
    "--branch",
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="Propose it: write the member on this branch (fedml-infra/admit-STACK if none is named), push it, and open "
    "the pull request where gh or glab is there. With --listen all who wait at the same time share one. Nothing is "
    "brought up.",
)
@no_apply_option
@options.yes
@preview_option
@store_options
@options.as_json
@options.timeout
@click.pass_context
def admit(ctx: click.Context, /, words: tuple[str, ...], **given: Any) -> None:
    """Let an invited organisation into the federation of STACK.

    FILE is what `join --request-out` wrote on the other side; it is checked against the invite, shown and agreed to.
    The invite is used up, the account becomes a member in the stack file, the hub comes up and publishes the roster;
    no other member's stack changes. Done again, it goes on where it was cut off.

    With --listen a server does that for whoever has an invite with its address (`invite create --rest-url`) and proves
    its account with a signature that AWS checks; nobody is asked. Joins that wait at the same time share one run.

    With --branch a person is: the member is written on a branch, and comes to be one when that is merged and applied.
    With --listen the joiner goes on then by itself; a pull request that is closed without a merge is told to it once,
    and asked for again it is opened again: revoke the invite where the answer is no.
    """
    _check(ctx, words, given)
    _name_branch(ctx, words, given)
    if given["listen"]:
        from .listen import listen

        listen(ctx, words[0] if words else None, given)
        return
    _admit_file(ctx, Path(words[0]), words[1] if len(words) == 2 else None, given)


def _check(ctx: click.Context, words: Sequence[str], given: Mapping[str, Any]) -> None:
    """Raise UsageError for what does not go together."""
    from click.core import ParameterSource

    used = [name for name in given if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given["listen"]:
        if len(words) > 1:
            raise click.UsageError("--listen takes no FILE: name the stack alone.", ctx)
        if idle := [name for name in used if name in {"yes", "only_preview", "timeout", "no_apply"}]:
            spelt = {parameter.name: parameter.opts[-1] for parameter in ctx.command.params}
            raise click.UsageError(f"{', '.join(spelt[name] for name in idle)}: not with --listen.", ctx)
        return
    if not words or len(words) > 2:
        raise click.UsageError("Give the request's FILE, and the STACK where there are several; or --listen.", ctx)
    if idle := [f"--{name.replace('_', '-')}" for name in LISTEN_OPTIONS if name in used]:
        raise click.UsageError(f"{', '.join(idle)}: only with --listen.", ctx)


def _name_branch(ctx: click.Context, words: Sequence[str], given: dict[str, Any]) -> None:
    """The branch where --branch names none. Raises UsageError for one that was meant to be the stack."""
    from fedml_infra.operations.load import find_file

    from .target import chosen, project_of, stack_names

    way_of(ctx)
    if given["branch"] is None:
        return
    named = words[-1] if len(words) == (1 if given["listen"] else 2) else None
    name = chosen(ctx, named, given["stack_option"])
    if name is None and given["branch"] in stack_names(ctx):
        raise click.UsageError(
            f"{given['branch']} is a stack: name it before --branch, or name the branch otherwise.", ctx
        )
    if not given["branch"]:
        given["branch"] = ctx.params["branch"] = f"fedml-infra/admit-{find_file(project_of(ctx), name)[0]}"


def _admit_file(ctx: click.Context, path: Path, name: str | None, given: Mapping[str, Any]) -> None:
    from fedml_infra.engine.protocol import RunOptions
    from fedml_infra.errors import ConfigurationError, StackNotFoundError
    from fedml_infra.operations.admission import admit_member, plan_admission, read_request
    from fedml_infra.operations.admitting import bring_up_hub
    from fedml_infra.operations.audit import Doing, audited
    from fedml_infra.operations.invites import hub_place
    from fedml_infra.wire.v2.join_request import LARGEST

    from .admit_written import topic_known, write_member
    from .ask import require
    from .hub import hub_target
    from .output import beside, print_json, say
    from .store_options import store_of
    from .up import progress, say_diagnostics

    way = way_of(ctx)
    refuse_beside(ctx, way, timeout="--timeout")
    on = hub_target(ctx, name, given["stack_option"], "Who is let in")
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    if len(raw) > LARGEST:
        raise ConfigurationError(f"{path} is no join request: it is larger than one can be.")
    recovery = on.recovery(RUN_PATIENCE)
    topic = topic_known(on, raw) if way.writes_only else str(hub_place(on.stack, on.engine)[0])
    with store_of(given) as store:
        row, joining = read_request(raw, store, topic)
        plan = plan_admission(on.stack.config, topic, joining, store)
        document: dict[str, Any] = {"stack": on.name, **plan.as_json(), "admitted": False}
        with beside(given["as_json"]):
            _show(on.name, plan)
        if given["only_preview"]:
            if given["as_json"]:
                print_json(document)
            return
        require(f"Let account {joining.aws_id} into {on.name}?", yes=given["yes"])
        doing = Doing("admit", on.name, topic, details={"invite": row.id, "account": joining.aws_id})
        with audited(store, doing):
            doing.details["pid"] = joining.pid
            if way.writes_only:
                document |= write_member(on, store, topic, plan, as_json=given["as_json"])
                if given["as_json"]:
                    print_json(document)
                return
            done = admit_member(on.project, on.name, on.engine, store, topic, joining)
            with progress(f"Bringing {on.name} up", on) as view:
                run, standing = bring_up_hub(on.project, recovery, RunOptions(on_event=view, timeout=given["timeout"]))
            if not any(member.aws_id == joining.aws_id for member in standing.config.members):
                raise StackNotFoundError(f"Account {joining.aws_id} was taken out again meanwhile.")
            store.members.admitted(topic, joining.aws_id, standing.config.fed_epoch)
    if run is not None:
        say_diagnostics(run.result)
    say(f"Account {joining.aws_id} is a member of {on.name}. Its side goes on with `fedml-infra join --continue`.")
    if given["as_json"]:
        print_json({**document, "admitted": True, "changed": done.changed.changed})


def _show(stack: str, plan: Admission) -> None:
    """Who asks, and what letting it in comes to, on standard output."""
    from fedml_infra.operations.compare_rights import said

    from .output import print_facts, warn

    joining = plan.joining
    print_facts(
        [
            ("federation", stack),
            ("account", joining.aws_id),
            ("node", joining.pid),
            ("may", said(plan.rights)),
            ("invite", f"{plan.token.id}, made {plan.token.created_at:%Y-%m-%d %H:%M} UTC by {plan.token.created_by}"),
            ("public key", joining.public_key or "none"),
        ]
    )
    for note in plan.notes:
        warn(note)
