"""What an interrupted run left in a stack's state, and what is to be done about it. Pure: state in, plan out.

The engine writes an operation into the state before it begins, and takes it out when it has ended
(https://www.pulumi.com/docs/support/troubleshooting/common-issues/interrupted-updates/). One that is still there was
cut off: it may have worked or not. A deletion or a change is simply done again; what was being created is looked for.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fedml_infra.engine.events import STACK_TYPE, label
from fedml_infra.model.arns import Arn, policy_arn
from fedml_infra.model.regions import partition_of
from fedml_infra.model.sightings import Sighting, Sought, Verdict, verdict

TOPIC = "aws:sns/topic:Topic"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
QUEUE = "aws:sqs/queue:Queue"
BUCKET = "aws:s3/bucket:Bucket"
ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
PARAMETER = "aws:ssm/parameter:Parameter"
OWNER_OF: Mapping[str, str] = {
    "aws:sns/topicPolicy:TopicPolicy": TOPIC,
    "aws:sqs/queuePolicy:QueuePolicy": QUEUE,
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": QUEUE,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": BUCKET,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": BUCKET,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": BUCKET,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": BUCKET,
    "aws:s3/bucketPolicy:BucketPolicy": BUCKET,
    "aws:iam/rolePolicy:RolePolicy": ROLE,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": POLICY,
}
"""Types that are a part of another thing, and of which: writing one again is the same as writing it once."""
EMPTY: Mapping[str, Any] = {"version": 3, "deployment": {"manifest": {"time": "0001-01-01T00:00:00Z"}}}
"""An export of a stack that has nothing."""
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine writes an output that nobody knows (sdk/go/common/resource/plugin/rpc.go of pulumi/pulumi)."""


@dataclass(frozen=True)
class Pending:
    """An operation that was under way when its run was cut off."""

    operation: str
    """creating, updating, deleting, importing, reading"""
    urn: str
    type: str
    parent: str
    provider: str
    """URN of its provider."""
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Adoption:
    """Something that is there, and is to be taken into the state."""

    urn: str
    type: str
    id: str
    """As Pulumi imports it."""
    parent: str
    provider: str
    region: str | None = None
    """Where it is, if that is not its provider's region."""

    @property
    def name(self) -> str:
        """The last part of its URN."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True)
class Candidate:
    """Something that the state lacks, and what was found of it."""

    adoption: Adoption
    """Without an id, while nothing was found."""
    federation: str
    pid: str | None
    seen: Sighting | None = None
    began: bool = False
    """Whether a run of ours had begun to create it: the name was free before."""


@dataclass(frozen=True)
class Settlement:
    """What is done about what the state lacks."""

    adopted: tuple[Adoption, ...] = ()
    absent: tuple[str, ...] = ()
    """URNs of what was never made: the next run makes it."""
    refused: tuple[str, ...] = ()
    """URNs of what is there and is not ours."""


def pending_in(exported: Mapping[str, Any]) -> tuple[Pending, ...]:
    """The operations that were under way, in the order of the state; {} is an empty state."""
    rows = (exported.get("deployment") or {}).get("pending_operations") or ()
    return tuple(_pending(row) for row in rows)


def _pending(row: Mapping[str, Any]) -> Pending:
    resource = row["resource"]
    return Pending(
        operation=row["type"],
        urn=resource["urn"],
        type=resource["type"],
        parent=resource.get("parent", ""),
        provider=str(resource.get("provider", "")).rpartition("::")[0],
        inputs=resource.get("inputs") or {},
    )


def to_look_for(pending: Iterable[Pending], exported: Mapping[str, Any]) -> tuple[Pending, ...]:
    """Those of the pending operations whose result has to be looked for: creations of things of their own."""
    known = urns_in(exported)
    return tuple(
        one
        for one in pending
        if one.operation in ("creating", "importing")
        and one.type.startswith("aws:")
        and one.type not in OWNER_OF
        and one.urn not in known
    )


def urns_in(exported: Mapping[str, Any]) -> frozenset[str]:
    """URNs of all that the state has."""
    rows = (exported.get("deployment") or {}).get("resources") or ()
    return frozenset(row["urn"] for row in rows if not row.get("delete"))


def settle(candidates: Iterable[Candidate]) -> Settlement:
    """What each candidate is: adopted where it is ours by its tags, or untagged, empty and begun by us."""
    adopted: list[Adoption] = []
    absent: list[str] = []
    refused: list[str] = []
    for one in candidates:
        if one.seen is None:
            absent.append(one.adoption.urn)
            continue
        found = verdict(one.seen, one.federation, one.pid)
        if found is Verdict.OURS or (found is Verdict.UNTAGGED and one.began and one.seen.empty):
            adopted.append(_with_id(one.adoption, one.seen.id))
        else:
            refused.append(one.adoption.urn)
    return Settlement(tuple(adopted), tuple(absent), tuple(refused))


def _with_id(adoption: Adoption, identity: str) -> Adoption:
    return Adoption(adoption.urn, adoption.type, identity, adoption.parent, adoption.provider, adoption.region)


def sought(pending: Pending, account: str, region: str) -> Sought | None:
    """What a pending creation is looked for by: the names in its inputs. None for a type that the program has not."""
    inputs = pending.inputs
    match pending.type:
        case "aws:sns/topic:Topic":
            key = str(Arn(partition_of(region), "sns", region, account, str(inputs.get("name", ""))))
        case "aws:sns/topicSubscription:TopicSubscription":
            return Sought(pending.type, str(inputs.get("topic", "")), str(inputs.get("endpoint", "")))
        case "aws:iam/policy:Policy":
            name, path = str(inputs.get("name", "")), str(inputs.get("path") or "/")
            key = policy_arn(partition_of(region), account, name, path)
        case "aws:s3/bucket:Bucket":
            key = str(inputs.get("bucket", ""))
        case "aws:sqs/queue:Queue" | "aws:iam/role:Role" | "aws:ssm/parameter:Parameter":
            key = str(inputs.get("name", ""))
        case _:
            return None
    return Sought(pending.type, key)


def import_document(adoptions: Iterable[Adoption]) -> dict[str, Any]:
    """The file that `pulumi import --file` reads (https://www.pulumi.com/docs/iac/cli/commands/pulumi_import/)."""
    table: dict[str, str] = {}
    rows = []
    for one in adoptions:
        for urn in (one.parent, one.provider):
            table.setdefault(urn, f"n{len(table)}")
        rows.append(
            {
                "type": one.type,
                "name": one.name,
                "id": f"{one.id}@{one.region}" if one.region else one.id,
                "parent": table[one.parent],
                "provider": table[one.provider],
            }
        )
    return {"nameTable": {short: urn for urn, short in table.items()}, "resources": rows}


def without_pending(exported: Mapping[str, Any]) -> dict[str, Any]:
    """The state without its pending operations."""
    mended = copy.deepcopy(dict(exported))
    (mended.get("deployment") or {}).pop("pending_operations", None)
    return mended


def with_adopted(exported: Mapping[str, Any], adopted: Iterable[Adoption]) -> dict[str, Any]:
    """The state with what will be adopted, as far as that is known: to look at, not to be written."""
    mended = copy.deepcopy(dict(exported))
    rows: list[dict[str, Any]] = mended["deployment"].setdefault("resources", [])
    rows += [{"urn": one.urn, "type": one.type, "id": one.id, "parent": one.parent} for one in adopted]
    return mended


def completed(exported: Mapping[str, Any]) -> dict[str, Any]:
    """The state after an import: each part depends on its thing, and what nobody knows is no output.

    An import records no dependencies; without them a `destroy` would delete a role and its inline policy at once.
    """
    mended = copy.deepcopy(dict(exported))
    rows: list[dict[str, Any]] = (mended.get("deployment") or {}).get("resources") or []
    owners = {(row["type"], row.get("parent"), row["urn"].rpartition("::")[2]): row["urn"] for row in rows}
    last = []
    for row in rows:
        if row["type"] == STACK_TYPE:
            row["outputs"] = {key: value for key, value in (row.get("outputs") or {}).items() if value != UNKNOWN}
        kind = QUEUE if row["type"] == SUBSCRIPTION else OWNER_OF.get(row["type"])
        owner = owners.get((kind, row.get("parent"), row["urn"].rpartition("::")[2])) if kind else None
        if owner is not None and not row.get("dependencies"):
            row["dependencies"] = [owner]
            last.append(row)
    if rows:
        # What depends comes after what it depends on; nothing depends on what has just been imported.
        moved = {id(row) for row in last}
        mended["deployment"]["resources"] = [row for row in rows if id(row) not in moved] + last
    return mended


def told(settlement: Settlement, cut_off: Iterable[Pending]) -> tuple[str, ...]:
    """What was settled, a line each."""
    settled = {one.urn for one in settlement.adopted} | {*settlement.absent}
    lines = [f"{label(one.urn)} was made by the run that was cut off: adopted." for one in settlement.adopted]
    lines += [f"{label(urn)} was not made yet." for urn in settlement.absent]
    lines += [
        f"{label(one.urn)} was cut off while {one.operation}: it is done again."
        for one in cut_off
        if one.urn not in settled
    ]
    return tuple(lines)
