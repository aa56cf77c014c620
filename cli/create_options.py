"""The options of `create` that say what the federation is, each a key of the stack file; and their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pydantic import SecretStr

F = TypeVar("F", bound=Callable[..., Any])


STACK_OPTIONS = frozenset(
    {
        "region", "sync_sched", "topology", "pid", "s3_bucket", "rights", "node_region", "local_type", "profile",
        "assume_role", "external_id", "node_role", "more_nodes", "members", "topic_arn", "encrypt", "sharing",
        "message_filter", "retention", "kms_key_arn", "permissions_boundary", "iam_path", "roster_bucket", "tags",
        "fed_secret_key_stdin",
    }
)  # fmt: skip
"""Names of the parameters that `stack_options` adds."""


_FEDERATION = (
    click.option("--region", metavar="REGION", help="Where the topic and the nodes are; AWS_REGION where not given."),
    click.option(
        "--sync-sched", metavar="SCHED", help="How often nodes synchronise: m30, h3, d7 (minutes, hours, days)."
    ),
    click.option("--topology", metavar="WORD", help="decentralized (default), centralized or hybrid."),
)
_NODE = (
    click.option("--pid", metavar="PID", help="A node of your own, with --s3-bucket; its name in the federation."),
    click.option(
        "--s3-bucket",
        metavar="BUCKET[/PREFIX]",
        help="Its bucket: adopted where it is yours already, else made.",
    ),
    click.option("--rights", metavar="RIGHTS", help="What it does: publish, receive or publish,receive."),
    click.option("--local-type", metavar="WORD", help="What it trains on: cpu (default) or gpu."),
    click.option("--profile", metavar="NAME", help="The AWS profile of its account, if that is another one."),
    click.option("--assume-role", metavar="ARN", help="Or a role to assume in its account."),
    click.option("--external-id", metavar="ID", help="The external id that this role asks for."),
    click.option("--node-role", metavar="NAME", help="An existing role that the node's policy is attached to."),
)
_OTHERS = (
    click.option("--node-region", metavar="REGION", help="Where it is, if not in --region."),
    click.option(
        "--node",
        "more_nodes",
        multiple=True,
        metavar="YAML",
        help="A further node, as in a stack file: '{pid: insel, s3_bucket: insel-fed, account: {profile: insel}}'.",
    ),
    click.option(
        "--member",
        "members",
        multiple=True,
        metavar="ID[:RIGHTS[:PIDS]]",
        help="Another organisation's account, as 222222222222:publish,receive:insel,usz.",
    ),
    click.option("--topic-arn", metavar="ARN", help="Join this topic by hand; the stack then declares no hub."),
)
_SETTINGS = (
    click.option("--encrypt/--no-encrypt", default=None, help="Nodes encrypt the payload itself too."),
    click.option("--sharing", metavar="WAY", help="How payloads are read: sts (default) or bucket_policy."),
    click.option("--message-filter", metavar="WORD", help="sender (default), or none where nodes set no sender."),
    click.option(
        "--retention",
        metavar="TIME",
        help="How long queues and buckets keep things; d14 (default) is the most.",
    ),
    click.option("--kms-key-arn", metavar="ARN", help="An own KMS key for queue, bucket, parameter and topic."),
    click.option("--permissions-boundary", metavar="ARN", help="A managed policy that bounds every role made."),
    click.option("--iam-path", metavar="PATH", help="Path of every role and policy made, as /fedml/."),
    click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag on everything made."),
)
_REST = (
    click.option("--roster-bucket", metavar="NAME", help="The hub's bucket for the roster, if not the derived name."),
    click.option(
        "--fed-secret-key-stdin",
        is_flag=True,
        help="Read the federation's key (base64 of 16 bytes) from standard input.",
    ),
)


def stack_options(command: F) -> F:
    """What a person says of a federation and of their nodes; `values_of` reads it."""
    return _with(command, *_FEDERATION, *_NODE, *_OTHERS, *_SETTINGS, *_REST)


def own_options(command: F) -> F:
    """Of those, what a joining organisation decides of its one node and of its own side."""
    return _with(command, *_NODE, *_SETTINGS)


def own_values_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """As `values_of`, of `own_options` and a region."""
    return values_of(
        {**dict.fromkeys([*STACK_OPTIONS, "fed_name"]), "more_nodes": (), "members": (), "tags": (), **given}
    )


def _with(command: F, *several: Callable[[F], F]) -> F:
    for option in reversed(several):
        command = option(command)
    return command


def values_of(given: Mapping[str, Any]) -> dict[str, Any]:
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


def _nodes(given: Mapping[str, Any]) -> list[Any]:
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


def key_of(given: Mapping[str, Any]) -> SecretStr | None:
    """The federation's key from standard input, where it was asked to be read; it never is an argument."""
    if not given["fed_secret_key_stdin"]:
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
