"""What must hold between the values of one stack file, each of which is right by itself.

The rules run on a Draft, which holds whatever values could be read: one wrong value does not hide what is wrong
with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fedml_infra.model.arns import Arn
from fedml_infra.model.mistake import MistakeError
from fedml_infra.model.names import QUEUE_NAME_LIMIT, dead_letter_queue_name
from fedml_infra.model.regions import is_opt_in, partition_of
from fedml_infra.model.rights import Right, Rights, Topology, default_rights

if TYPE_CHECKING:
    from fedml_infra.model.stack import Member, Node

FILTER_POLICY_LIMIT = 180
"""Receiving nodes with a filter policy. SNS quotas: 200 filter policies per topic; the rest is left to probes."""
MEMBER_LIMITS = {"aws": 600, "aws-cn": 550, "aws-us-gov": 490}
"""Accounts that fit in the roster bucket's policy (S3: 20,480 bytes) as root ARNs, which partitions make longer."""
FEWEST_MEMBERS = min(MEMBER_LIMITS.values())

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Finding:
    """One thing that does not fit: where, why, and what would."""

    path: Path
    what: str
    fix: str | None = None

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.what}" + (f" ({self.fix})" if self.fix else "")


@dataclass(frozen=True)
class Draft:
    """The values of a stack file that are right by themselves.

    `values`: by field name of StackConfig, defaults included; a field whose value was wrong is absent.
    `members` and `nodes`: the entries that could be read, by their place in the list. `given`: fields in the file.
    """

    values: Mapping[str, Any]
    members: Mapping[int, Member]
    nodes: Mapping[int, Node]
    given: frozenset[str]

    @property
    def topic(self) -> Arn | None:
        """The topic of a joiner's stack."""
        arn = self.values.get("aws_topic_arn")
        return Arn.parse(arn) if arn else None

    @property
    def is_hub(self) -> bool:
        """Whether the stack declares the hub."""
        return "aws_topic_arn" not in self.given or ("aws_topic_arn" in self.values and self.topic is None)

    @property
    def topic_region(self) -> str | None:
        """Where the topic is, if that can be told."""
        region: str | None = self.values.get("region") if self.is_hub else None
        return self.topic.region if self.topic else region

    def region_of(self, node: Node) -> str | None:
        """Where a node is, if that can be told."""
        region: str | None = node.aws_region or self.values.get("region")
        return region

    def rights_of(self, entry: Member | Node, side: str) -> Rights | None:
        """Rights of a member or node, if they can be told."""
        if entry.rights is not None or "topology" not in self.values:
            return entry.rights
        if self.values["topology"] is Topology.HYBRID:
            return None
        return default_rights(self.values["topology"], "hub_node" if side == "node" and self.is_hub else "member")


def dotted(path: Path) -> str:
    """`nodes[0].pid` of ("nodes", 0, "pid")."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def findings(draft: Draft) -> tuple[Finding, ...]:
    """All that does not fit together."""
    return tuple(finding for rule in _RULES for finding in rule(draft))


def _side(draft: Draft) -> Iterator[Finding]:
    if draft.is_hub:
        if draft.values.get("hub_public_key") is not None:
            yield Finding(("hub_public_key",), "belongs in a joining organisation's stack", "take it out")
        return
    if "members" in draft.given and draft.values.get("members") != ():
        yield Finding(
            ("members",),
            "belongs in the administrator's stack, and aws_topic_arn makes this a joining organisation's",
            "take out members, or aws_topic_arn if you administer this federation",
        )
    if "nodes" not in draft.given or draft.values.get("nodes") == ():
        yield Finding(
            ("nodes",),
            "is missing: a joining organisation's stack is its nodes",
            "add nodes: [{pid: insel, s3_bucket: insel-fed}]",
        )


def _topic(draft: Draft) -> Iterator[Finding]:
    topic, name, region = draft.topic, draft.values.get("fed_name"), draft.values.get("region")
    if topic is None:
        return
    if name is not None and topic.resource != name:
        yield Finding(
            ("aws_topic_arn",),
            f"is the topic of {topic.resource!r}, and this federation is {name!r}",
            "a federation's topic bears its name: correct one of the two",
        )
    if region is not None and partition_of(region) != topic.partition:
        yield Finding(
            ("aws_topic_arn",),
            f"is in partition {topic.partition}, and aws:region {region} is in {partition_of(region)}",
            "a federation does not cross partitions",
        )


def _pids(draft: Draft) -> Iterator[Finding]:
    seen: dict[str, Path] = {}
    places: list[tuple[Path, str]] = [(("nodes", i, "pid"), node.pid) for i, node in draft.nodes.items()]
    places += [
        (("members", i, "nodes", j), pid) for i, member in draft.members.items() for j, pid in enumerate(member.nodes)
    ]
    name = draft.values.get("fed_name")
    for path, pid in places:
        if pid in seen:
            yield Finding(path, f"{pid!r} is {dotted(seen[pid])} already", "a pid is unique in the federation")
        seen.setdefault(pid, path)
        queue = dead_letter_queue_name(name, pid) if name is not None else ""
        if len(queue) > QUEUE_NAME_LIMIT:
            yield Finding(
                path,
                f"the dead-letter queue {queue!r} would have {len(queue)} characters, and SQS takes {QUEUE_NAME_LIMIT}",
                f"shorten the pid or the federation's name by {len(queue) - QUEUE_NAME_LIMIT}",
            )


def _members(draft: Draft) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for i, member in draft.members.items():
        if member.aws_id in seen:
            yield Finding(
                ("members", i, "aws_id"),
                f"{member.aws_id} is members[{seen[member.aws_id]}] already",
                "put all rights and nodes of one account into one entry",
            )
        seen.setdefault(member.aws_id, i)
    region = draft.values.get("region")
    limit = MEMBER_LIMITS.get(partition_of(region), FEWEST_MEMBERS) if region else max(MEMBER_LIMITS.values())
    if len(draft.members) > limit:
        yield Finding(
            ("members",),
            f"has {len(draft.members)} accounts, and the roster bucket's policy has room for {limit}",
            "split the federation",
        )


def _rights(draft: Draft) -> Iterator[Finding]:
    if draft.values.get("topology") is not Topology.HYBRID:
        return
    entries: list[tuple[Path, Member | Node]] = [(("members", i), m) for i, m in draft.members.items()]
    entries += [(("nodes", i), n) for i, n in draft.nodes.items()]
    for path, entry in entries:
        if entry.rights is None:
            try:
                default_rights(Topology.HYBRID, "member")
            except MistakeError as mistake:
                yield Finding((*path, "rights"), mistake.what, mistake.fix)


def _filters(draft: Draft) -> Iterator[Finding]:
    if draft.values.get("message_filter") != "sender":
        return
    receiving = sum(Right.RECEIVE in (draft.rights_of(n, "node") or ()) for n in draft.nodes.values())
    receiving += sum(
        max(len(m.nodes), 1) for m in draft.members.values() if Right.RECEIVE in (draft.rights_of(m, "member") or ())
    )
    if receiving > FILTER_POLICY_LIMIT:
        yield Finding(
            ("message_filter",),
            f"sender needs a filter policy for each of {receiving} receiving nodes, "
            f"and a topic has room for {FILTER_POLICY_LIMIT}",
            "set message_filter: none, in the members' stacks too; nodes then drop their own messages",
        )


def _regions(draft: Draft) -> Iterator[Finding]:
    topic = draft.topic_region
    if topic is None:
        return
    for i, node in draft.nodes.items():
        region = draft.region_of(node)
        if region is None:
            continue
        path: Path = ("nodes", i, "aws_region")
        if partition_of(region) != partition_of(topic):
            if node.aws_region is not None:
                yield Finding(
                    path,
                    f"{region} is in partition {partition_of(region)}, and the topic in {partition_of(topic)}",
                    "a federation does not cross partitions",
                )
        elif (
            region != topic
            and is_opt_in(region)
            and is_opt_in(topic)
            and Right.RECEIVE in (draft.rights_of(node, "node") or ())
        ):
            yield Finding(
                path,
                f"SNS does not deliver from {topic} to {region}: both are opt-in regions",
                f"put the node into {topic} or a region that is enabled by default",
            )


def _buckets(draft: Draft) -> Iterator[Finding]:
    roster = draft.values.get("roster_bucket")
    placed = list(draft.nodes.items())
    for n, (i, node) in enumerate(placed):
        path: Path = ("nodes", i, "s3_bucket")
        if roster is not None and node.s3_bucket.bucket == roster:
            yield Finding(path, f"{roster!r} is the roster bucket", "give the node a bucket of its own")
        for j, other in placed[:n]:
            if node.s3_bucket.overlaps(other.s3_bucket):
                yield Finding(
                    path,
                    f"{node.s3_bucket} overlaps nodes[{j}].s3_bucket {other.s3_bucket}: each could read the other's",
                    "give each node a bucket or prefix of its own",
                )
            elif node.s3_bucket.bucket == other.s3_bucket.bucket and not (node.adopt_bucket and other.adopt_bucket):
                yield Finding(
                    path,
                    f"{node.s3_bucket.bucket!r} would be made for nodes[{j}] too, and a bucket is made once",
                    "make the bucket yourself and set adopt_bucket: true on both, or use two buckets",
                )


def _arns(draft: Draft) -> Iterator[Finding]:
    topic = draft.topic_region
    home = partition_of(topic) if topic else None
    for field in ("permissions_boundary", "kms_key_arn"):
        arn = draft.values.get(field)
        if arn and home and Arn.parse(arn).partition != home:
            yield Finding((field,), f"is in partition {Arn.parse(arn).partition}, and the federation in {home}")
    for i, node in draft.nodes.items():
        role = node.account.assume_role if node.account else None
        if role and home and Arn.parse(role).partition != home:
            yield Finding(
                ("nodes", i, "account", "assume_role"),
                f"is in partition {Arn.parse(role).partition}, and the federation in {home}",
            )


def _kms(draft: Draft) -> Iterator[Finding]:
    arn = draft.values.get("kms_key_arn")
    if not arn:
        return
    key = Arn.parse(arn)
    if key.resource.startswith("key/mrk-"):
        return
    used = {draft.region_of(node) for node in draft.nodes.values()} | ({draft.topic_region} if draft.is_hub else set())
    others = sorted(region for region in used if region and region != key.region)
    if others and all(partition_of(region) == key.partition for region in others):
        yield Finding(
            ("kms_key_arn",),
            f"the key is in {key.region}, and things that it encrypts are in {', '.join(others)}",
            "use a multi-Region key (mrk-…) with a replica in each of them",
        )


def _epochs(draft: Draft) -> Iterator[Finding]:
    current = draft.values.get("fed_epoch")
    for old in draft.values.get("fed_old_keys") or ():
        if current is not None and old.epoch >= current:
            yield Finding(
                ("fed_old_keys",),
                f"holds a key of epoch {old.epoch}, and the current one is {current}",
                "old keys have lower epochs than fed_epoch",
            )


_RULES: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    _side,
    _topic,
    _pids,
    _members,
    _rights,
    _filters,
    _regions,
    _buckets,
    _arns,
    _kms,
    _epochs,
)
