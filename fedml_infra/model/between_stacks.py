"""What must hold between the stacks of one repository, each of which is right by itself.

Two stacks are in one account where they say so: by an account id, by a role to assume in it, by the same profile, or
both by saying nothing, which is whatever credentials a run has. What is not said is not guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from fedml_infra.model.arns import Arn
from fedml_infra.model.bucket import BucketLocation
from fedml_infra.model.resources import HubResources, NodeResources, hub_resources, node_resources
from fedml_infra.model.rules import Finding, Path, dotted
from fedml_infra.model.stack import Node, StackConfig

_AMBIENT = ""


@dataclass(frozen=True)
class Placed:
    """One stack, and the accounts that its things are in: real ids where they are told, stand-ins where not."""

    config: StackConfig
    account: str
    node_accounts: Mapping[str, str]
    """By pid."""
    hub: HubResources | None
    nodes: tuple[NodeResources, ...]
    """In the order of the file."""


@dataclass(frozen=True)
class _Claim:
    stack: str
    path: Path
    what: str
    """`queue cardio_insel in eu-west-1`, the same for all who claim it."""


@dataclass(frozen=True)
class _Use:
    stack: str
    path: Path
    location: BucketLocation
    made: bool


def place(configs: Mapping[str, StackConfig], values: Mapping[str, Mapping[str, Any]]) -> dict[str, Placed]:
    """Every stack with its accounts. `values`: by stack, the plain values of its file, by full key.

    A stand-in is a number of twelve digits that no stack names, the same for all that is said to be in one place.
    """
    real = {member.aws_id for config in configs.values() for member in config.members}
    real |= {config.topic_account for config in configs.values() if config.topic_account}
    said = {name: _said_of_stack(values.get(name, {})) for name in configs}
    free = (number for number in (f"{at:012d}" for at in count(1)) if number not in real | set(said.values()))
    stand_ins: dict[str, str] = {}

    def account(label: str) -> str:
        if len(label) == 12 and label.isdecimal():
            return label
        return stand_ins.get(label) or stand_ins.setdefault(label, next(free))

    found = {}
    for name, config in configs.items():
        own = account(said[name])
        nodes = {node.pid: account(_said_of_node(node) or said[name]) for node in config.nodes}
        hub = hub_resources(config, own) if config.is_hub else None
        topic = hub.topic_arn if hub is not None else str(config.aws_topic_arn)
        resources = tuple(
            node_resources(config, node, account=nodes[node.pid], topic_arn=topic) for node in config.nodes
        )
        found[name] = Placed(config, own, nodes, hub, resources)
    return found


def clashes(stacks: Mapping[str, Placed]) -> Iterator[tuple[str, Finding]]:
    """What two stacks (or two nodes of one) would both have for their own: by stack, told on both sides."""
    told: set[tuple[str, Path, str]] = set()
    claims: defaultdict[str, list[_Claim]] = defaultdict(list)
    for name, placed in stacks.items():
        for key, claim in _claims(name, placed):
            claims[key].append(claim)
    for claimed in claims.values():
        for mine in claimed:
            other = next((each for each in claimed if (each.stack, each.path) != (mine.stack, mine.path)), None)
            if other is not None and (mine.stack, mine.path, other.stack) not in told:
                told.add((mine.stack, mine.path, other.stack))
                yield mine.stack, Finding(mine.path, f"the {mine.what} is {_whose(mine, other)} too", _fix(mine))
    yield from _bucket_clashes(stacks)


def _said_of_stack(values: Mapping[str, Any]) -> str:
    allowed = values.get("aws:allowedAccountIds")
    if isinstance(allowed, list) and len(allowed) == 1:
        return str(allowed[0])
    profile = values.get("aws:profile")
    return f"profile {profile}" if isinstance(profile, str) else _AMBIENT


def _said_of_node(node: Node) -> str | None:
    if node.account is None:
        return None
    role = node.account.assume_role
    return Arn.parse(role).account if role is not None else f"profile {node.account.profile}"


def _claims(stack: str, placed: Placed) -> Iterator[tuple[str, _Claim]]:
    hub = placed.hub
    if hub is not None:
        yield hub.topic_arn, _Claim(stack, ("fed_name",), f"topic {hub.topic_name} in {hub.region}")
    for i, node in enumerate(placed.nodes):
        path: Path = ("nodes", i, "pid")
        for arn, name in (
            (node.queue_arn, node.queue_name),
            (node.dead_letter_queue_arn, node.dead_letter_queue_name),
        ):
            if arn is not None:
                yield arn, _Claim(stack, path, f"queue {name} in {node.region}")
        yield node.parameter_arn, _Claim(stack, path, f"parameter {node.parameter_name} in {node.region}")
        # One account has one role of a name, whatever its path and the case of its letters.
        for kind, iam_name in (("role", node.reader_role_name), ("policy", node.node_policy_name)):
            if iam_name is not None:
                yield f"{kind} {node.account} {iam_name.lower()}", _Claim(stack, path, f"{kind} {iam_name}")


def _bucket_clashes(stacks: Mapping[str, Placed]) -> Iterator[tuple[str, Finding]]:
    used: defaultdict[str, list[_Use]] = defaultdict(list)
    for name, placed in stacks.items():
        if placed.config.roster_bucket is not None and placed.hub is not None:
            bucket = placed.config.roster_bucket
            used[bucket].append(_Use(name, ("roster_bucket",), BucketLocation(bucket), made=True))
        for i, node in enumerate(placed.config.nodes):
            use = _Use(name, ("nodes", i, "s3_bucket"), node.s3_bucket, made=not node.adopt_bucket)
            used[node.s3_bucket.bucket].append(use)
    for uses in used.values():
        for mine in uses:
            for other in uses:
                if mine.stack == other.stack:
                    continue
                whose = f"{dotted(other.path)} of stack {other.stack}"
                if mine.made and other.made:
                    what = f"bucket {mine.location.bucket!r} would be made for {whose} too, and a bucket is made once"
                    yield mine.stack, Finding(mine.path, what, "use another bucket, or adopt_bucket: true on one side")
                    break
                if mine.location.overlaps(other.location):
                    what = f"{mine.location} overlaps {other.location}, {whose}: each could read the other's"
                    yield mine.stack, Finding(mine.path, what, "give each a bucket or prefix of its own")
                    break


def _whose(mine: _Claim, other: _Claim) -> str:
    return dotted(other.path) if mine.stack == other.stack else f"{dotted(other.path)} of stack {other.stack}"


def _fix(claim: _Claim) -> str:
    if claim.path == ("fed_name",):
        return "rename one of the two federations, or give them accounts or regions of their own"
    return "choose another pid on one side: names join the federation's and the pid with _, which both may contain"
