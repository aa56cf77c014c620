"""Create a federation, or an organisation's part in one: options -> stack file -> `up`."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from fedml_infra.aws.buckets import BucketKind
from fedml_infra.aws.parallel import each
from fedml_infra.aws.sessions import Access
from fedml_infra.engine.protocol import Engine
from fedml_infra.engine.stack_files import StackFile
from fedml_infra.errors import ConfigurationError, FedmlError, Problem
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.fields import Sharing
from fedml_infra.model.rights import Topology
from fedml_infra.model.schema import render
from fedml_infra.model.stack import STS_LIFETIME, Node, StackConfig
from fedml_infra.model.tags import EPHEMERAL
from fedml_infra.model.validation import FED_KEY, HUB_KEY, KEYS, MEMBER_KEY, NAMESPACE, REGION_KEY, SECRETS, validate
from fedml_infra.operations.accounts import find_accounts
from fedml_infra.operations.preflight import bucket_of_others
from fedml_infra.operations.state import State
from fedml_infra.operations.tools import Cloud
from fedml_infra.wire.v2.keypairs import new_hub_key

KEY_BYTES = 16
"""Of a federation's key (wire format v1: AES-128)."""

USER_LIFETIME = 12 * 3600
"""Seconds that a role assumed with a user's own keys lives at most (STS API, AssumeRole, `DurationSeconds`)."""

FIRST = (REGION_KEY, *(NAMESPACE + name for name in ("fed_name", "sync_sched", "aws_topic_arn", "fed_secret_key")))
LAST = tuple(NAMESPACE + name for name in ("members", "nodes"))


@dataclass(frozen=True)
class CreateRequest:
    """What a person asks for. `values` are those of a stack file by full key, the nodes without `adopt_bucket`.

    `protect` of None leaves it to where the stack is made: on AWS protected, on a machine's own local AWS not.
    """

    values: Mapping[str, Any]
    key: SecretStr | None = field(default=None, repr=False)
    """The federation's key where the person has one (a joiner's); made where None."""
    protect: bool | None = None
    local: bool = False
    """Whether the AWS is a local one, on a loopback endpoint."""
    take_buckets: bool = False
    """Whether a node's bucket that is there becomes the stack's own, written to as one that it made."""


@dataclass(frozen=True)
class CreatePlan:
    """The stack file to be, in its order and without its secret, and what there is to say about it."""

    stack: str
    values: Mapping[str, Any]
    config: StackConfig
    key: SecretStr | None = field(repr=False)
    """The key to put into the file; None where the file has one already."""
    resumes: bool
    """Whether the stack file is there already, and says the same."""
    notes: tuple[str, ...]
    member_key: SecretStr | None = field(default=None, repr=False)
    """The key that a joiner's file is to have, which the roster seals to."""


@dataclass(frozen=True)
class Existing:
    """A stack file that is there already: its plain values, and what they mean."""

    path: Path
    values: Mapping[str, Any]
    config: StackConfig
    has_key: bool
    """False where a `create` was cut off before the key was in the file."""


def existing(path: Path) -> Existing | None:
    """The stack file at `path`, None where there is none. Raises ConfigurationError where it has mistakes."""
    if not path.exists():
        return None
    file = StackFile.read(path)
    values = file.config
    has_key = FED_KEY in values
    checked = values if has_key else {**values, FED_KEY: Ciphertext("")}
    return Existing(path, values, validate(checked, stack=file.stack, lines=file.lines, source=str(path)), has_key)


def plan_create(request: CreateRequest, cloud: Cloud | None, before: Existing | None) -> CreatePlan:
    """Validate the request and decide what the person left open: adopted buckets, sharing, protection, the key.

    Asks AWS (whose credentials, whose buckets) and changes nothing. Without a `cloud`, what that would decide is left
    as it is asked for, and told. Raises ConfigurationError with every mistake, or
    with every difference to a stack file of that name; AuthenticationError; ResourceError for a bucket of others.
    """
    asked = dict(request.values)
    asked[FED_KEY] = request.key if request.key is not None else Ciphertext("")
    stack = str(asked.get(NAMESPACE + "fed_name", ""))
    first = validate(asked, stack=stack)
    notes: list[str] = []
    if before is None:
        if cloud is not None:
            asked = _with_adopted(asked, first, cloud, notes, take=request.take_buckets)
            asked = _with_sharing(asked, first, cloud, notes)
        else:
            notes.extend(_unseen(asked, first))
        if request.protect if request.protect is not None else not request.local:
            asked[NAMESPACE + "protect"] = True
            if request.protect is None:
                notes.append("protect: true is set: nothing of it is deleted by accident (--no-protect leaves it out).")
        config = validate(asked, stack=stack)
        key: SecretStr | None = request.key or new_key()
    else:
        asked = _as_before(asked, request, before)
        config = validate(asked, stack=stack)
        _require_same(before, config, asked)
        key = None if before.has_key else request.key or new_key()
        notes.append(f"{before.path} is there already and says the same: going on with it.")
    notes.extend(config.notes)
    if config.is_hub and not config.nodes:
        notes.append("This stack has the hub alone: nodes of your own are added under fedml-infra:nodes.")
    return CreatePlan(
        stack=stack,
        values=in_order({key: value for key, value in asked.items() if key != FED_KEY}),
        config=config,
        key=key,
        resumes=before is not None,
        notes=tuple(notes),
    )


def check_key(request: CreateRequest, plan: CreatePlan, engine: Engine) -> None:
    """Make sure that a key which was brought is the one that the stack file has. Raises ConfigurationError."""
    if request.key is None or plan.key is not None:
        return
    there = engine.get_secret(plan.stack, FED_KEY)
    if there is None or not secrets.compare_digest(there.get_secret_value(), request.key.get_secret_value()):
        raise ConfigurationError(
            f"The stack file of {plan.stack} has another fed_secret_key than the one that was brought.",
            fix="Leave the key out to go on with the file's, or delete the file if it was made with a wrong key.",
        )


def new_key() -> SecretStr:
    """A federation's key: base64 of 16 random bytes."""
    return SecretStr(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())


def in_order(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the order of a stack file: what the federation is, how it is set, who is in it."""
    rest = [NAMESPACE + name for name in KEYS if NAMESPACE + name not in (*FIRST, *LAST)]
    order = [*FIRST, *rest, *LAST]
    known = [key for key in order if key in values]
    return {key: values[key] for key in [*known, *(key for key in values if key not in order)]}


def ephemeral(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a stack that need not stay: not protected, and marked for `stacks prune`.

    Tags that are no mapping are left to the model, which refuses them in its own words.
    """
    tags = values.get(NAMESPACE + "tags") or {}
    kept = {key: value for key, value in values.items() if key != NAMESPACE + "protect"}
    return {**kept, NAMESPACE + "tags": {**tags, **EPHEMERAL} if isinstance(tags, dict) else tags}


def preview_text(plan: CreatePlan, path: Path) -> str:
    """The stack file as it will be, with a mark where the encrypted key comes."""
    file = StackFile.new(path)
    for key, value in in_order({**plan.values, FED_KEY: Ciphertext("…")}).items():
        file.set(key, value)
    return file.text


def write_stack(plan: CreatePlan, path: Path, engine: Engine, *, secrets_provider: str | None = None) -> None:
    """Write the stack file and make the stack in the backend, empty.

    Where anything fails before the stack is whole, what was made here is taken away again; after a kill, the same
    `create` goes on.
    """
    made = not plan.resumes
    if made:
        file = StackFile.new(path)
        for key, value in plan.values.items():
            file.set(key, value)
        file.write()
    try:
        engine.init(plan.stack, secrets_provider)
        _set_keys(plan, path, engine)
        if made:
            _put_in_order(path)
            _write_schema(path.parent)
    except BaseException:
        if made:
            take_back(plan.stack, path, engine)
        raise


def _set_keys(plan: CreatePlan, path: Path, engine: Engine) -> None:
    """Encrypt the federation's key, and that which a hub signs its roster with, or a member opens it with."""
    secrets = {} if plan.key is None else {FED_KEY: plan.key}
    if plan.member_key is not None:
        secrets[MEMBER_KEY] = plan.member_key
    file = StackFile.read(path)
    if plan.config.is_hub and HUB_KEY not in file.config:
        secrets[HUB_KEY] = new_hub_key()
    encrypted = engine.encrypt(plan.stack, secrets)
    if encrypted:
        file = StackFile.read(path)
        for key, value in encrypted.items():
            file.set(key, value)
        file.write()


def _put_in_order(path: Path) -> None:
    """Move the keys, which were appended, to where a stack file has them."""
    file = StackFile.read(path)
    values = in_order(file.config)
    first = next(at for at, key in enumerate(values) if isinstance(values[key], Ciphertext))
    for key in [*values][first:]:
        file.remove(key)
    for key, value in values.items():
        file.set(key, value)
    file.write()


def take_back(stack: str, path: Path, engine: Engine) -> None:
    """Undo what was made; whatever keeps that from working must not hide the error that led here."""
    with contextlib.suppress(FedmlError):
        if engine.exists(stack) and not State.of(engine.state(stack)).resources:
            engine.remove(stack)
    path.unlink(missing_ok=True)


def _write_schema(folder: Path) -> None:
    """The schema that the stack file's first line names to editors."""
    schema = folder / "schema.json"
    if not schema.exists():
        schema.write_text(render(), encoding="utf-8")


def _with_adopted(
    asked: dict[str, Any], config: StackConfig, cloud: Cloud, notes: list[str], *, take: bool
) -> dict[str, Any]:
    """The values with `adopt_bucket: true` on every node whose bucket is there, in the node's own account."""
    accounts = find_accounts(config, {}, cloud)

    def state(node: Node) -> BucketKind:
        return cloud.bucket_state(
            Access.of(node.account),
            config.node_region(node),
            node.s3_bucket.bucket,
            account=accounts.nodes[node.pid],
        ).kind

    if not config.nodes:
        return asked
    nodes = [dict(node) for node in asked[NAMESPACE + "nodes"]]
    for node, values, outcome in zip(config.nodes, nodes, each(state, config.nodes), strict=True):
        kind, bucket = outcome.unwrap(), node.s3_bucket.bucket
        if kind is BucketKind.FOREIGN:
            raise bucket_of_others(node.pid, bucket)
        if kind is BucketKind.OWN and take:
            notes.append(f"Bucket {bucket} becomes the stack's: its policy is replaced, and what is in it expires.")
        elif kind is BucketKind.OWN:
            values["adopt_bucket"] = True
            notes.append(f"Bucket {bucket} is there and yours: it is adopted, that is read and never written to.")
        elif node.adopt_bucket:
            raise ConfigurationError(
                f"Node {node.pid}: bucket {bucket} is to be adopted, and there is none of that name.",
                fix="Correct the name, or take adopt_bucket out so that the bucket is made.",
            )
    return {**asked, NAMESPACE + "nodes": nodes}


def _unseen(asked: Mapping[str, Any], config: StackConfig) -> Iterator[str]:
    """What a person has to look at where AWS is not asked."""
    buckets = [node.s3_bucket.bucket for node in config.nodes if not node.adopt_bucket]
    if buckets:
        yield (
            f"Whether {', '.join(buckets)} is there already was not looked up: a bucket that is needs "
            "`adopt_bucket: true` at its node, or the run fails."
        )
    if config.nodes and config.sync_sched.seconds > STS_LIFETIME and NAMESPACE + "sharing" not in asked:
        yield (
            f"Credentials in messages live an hour, or twelve, and nodes synchronise every {config.sync_sched}: "
            "`sharing: bucket_policy` may be needed (--sharing)."
        )


def _with_sharing(asked: dict[str, Any], config: StackConfig, cloud: Cloud, notes: list[str]) -> dict[str, Any]:
    """The values with `sharing: bucket_policy` where credentials in messages would not live from one sync to the next.

    A role assumed with a role's credentials lives at most an hour, with a user's own keys twelve
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html, role chaining). A joiner's stack does not know
    the other members, so that only in a centralized federation its bucket policy names everyone who reads.
    """
    every = config.sync_sched.seconds
    if NAMESPACE + "sharing" in asked or every <= STS_LIFETIME or not config.nodes:
        return asked
    if not config.is_hub and config.topology is not Topology.CENTRALIZED:
        return asked
    arns = {cloud.caller_arn(Access.of(node.account), config.region) for node in config.nodes}
    by_role = any(node.node_role for node in config.nodes) or any(":assumed-role/" in arn for arn in arns)
    if every <= USER_LIFETIME and not by_role:
        return asked
    lifetime = "an hour" if by_role else "twelve hours"
    notes.append(
        f"sharing: bucket_policy is set: credentials in messages would live {lifetime}, and nodes synchronise only "
        f"every {config.sync_sched} (--sharing sts keeps them)."
    )
    return {**asked, NAMESPACE + "sharing": str(Sharing.BUCKET_POLICY)}


def _as_before(asked: dict[str, Any], request: CreateRequest, before: Existing) -> dict[str, Any]:
    """The values, with what the person left open as the stack file has it."""
    decided = dict(asked)
    for name in ("protect", "sharing"):
        key = NAMESPACE + name
        if key not in decided and key in before.values:
            decided[key] = before.values[key]
    if request.protect is not None:
        decided[NAMESPACE + "protect"] = request.protect
    adopted = {node.pid for node in before.config.nodes if node.adopt_bucket}
    if nodes := decided.get(NAMESPACE + "nodes"):
        decided[NAMESPACE + "nodes"] = [
            {**node, "adopt_bucket": True} if node.get("pid") in adopted else dict(node) for node in nodes
        ]
    return decided


def _require_same(before: Existing, config: StackConfig, asked: Mapping[str, Any]) -> None:
    """Raise ConfigurationError that names every difference between the stack file and what is asked for."""
    problems = []
    for name in StackConfig.model_fields:
        if name in SECRETS or name == "sealed" or getattr(before.config, name) == getattr(config, name):
            continue
        key = REGION_KEY if name == "region" else NAMESPACE + name
        there, wanted = (_said(values.get(key)) for values in (before.values, asked))
        problems.append(Problem(key.removeprefix(NAMESPACE), f"is {there} in the file, and {wanted} was asked for"))
    if problems:
        raise ConfigurationError(
            f"{before.path} is there already and says something else:",
            problems,
            fix=f"Change the file and run `fedml-infra up {config.fed_name}`, or ask for what it says.",
        )


def _said(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)
