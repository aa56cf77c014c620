"""Leave a federation: a joiner's own way out, which needs nothing of the hub any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fedml_infra.engine.protocol import RunOptions, RunResult
from fedml_infra.errors import ConfigurationError
from fedml_infra.model.fields import Sharing
from fedml_infra.model.stack import StackConfig
from fedml_infra.operations.destroy import DestroyPlan, destroy, plan_destroy
from fedml_infra.operations.settle import Recovery
from fedml_infra.operations.up import outputs_of

KEPT_WITH_BUCKET = (
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
)
"""What a bucket keeps that stays. Not its lifecycle, by which the data would expire."""
POLICY = "aws:s3/bucketPolicy:BucketPolicy"


@dataclass(frozen=True)
class LeavePlan:
    """What goes, and what stays with its data."""

    destroys: DestroyPlan
    kept: tuple[str, ...]
    """Buckets that the stack made and that hold payloads: they stay, as their owner's own."""
    accounts: tuple[str, ...]
    """The own accounts, which the hub still lists."""


def plan_leave(recovery: Recovery, *, delete_data: bool, only_look: bool = False) -> LeavePlan:
    """What leaving comes to; changes nothing in AWS. ConfigurationError on a hub's stack; errors as `plan_destroy`."""
    config = recovery.stack.config
    if config.is_hub:
        raise ConfigurationError(
            f"This stack is the hub of {config.fed_name}, which its members live by: a hub does not leave.",
            fix=f"`fedml-infra destroy {config.fed_name}` takes the whole federation down.",
        )
    plan = plan_destroy(recovery, only_look=only_look)
    kept = () if delete_data else tuple(place.bucket for place in plan.payloads)
    nodes = outputs_of(recovery.state()).get("nodes") or {}
    return LeavePlan(plan, kept, tuple(dict.fromkeys(str(node["account"]) for node in nodes.values())))


def leave(plan: LeavePlan, recovery: Recovery, options: RunOptions) -> RunResult:
    """Take everything of the stack down but the kept buckets, which the state lets go of.

    The hub's topic may be gone already. Cut off, the same goes on. `options.ignore_protect` as for `destroy`.
    """
    if plan.kept:
        config = recovery.stack.config
        recovery.put(lambda exported: letting_go(exported, plan.kept, with_policy=keeps_policy(config)))
    kept = set(plan.kept)
    payloads = tuple(place for place in plan.destroys.payloads if place.bucket not in kept)
    return destroy(replace(plan.destroys, payloads=payloads), recovery, options)


def keeps_policy(config: StackConfig) -> bool:
    """Whether the policy of a bucket that stays stays with it: not where it lets the other members read."""
    return config.sharing is not Sharing.BUCKET_POLICY


def letting_go(exported: Mapping[str, Any], buckets: Collection[str], *, with_policy: bool) -> dict[str, Any]:
    """The state in which a destroy forgets these buckets with what protects them, and deletes nothing of them. Pure.

    Pulumi, "retainOnDelete": kept in the state, and heeded by every later delete.
    """
    kinds = {*KEPT_WITH_BUCKET, POLICY} if with_policy else {*KEPT_WITH_BUCKET}
    deployment = dict(exported.get("deployment") or {})
    deployment["resources"] = [
        {**row, "retainOnDelete": True} if row["type"] in kinds and _bucket_of(row) in buckets else row
        for row in deployment.get("resources") or ()
    ]
    return {**exported, "deployment": deployment}


def _bucket_of(row: Mapping[str, Any]) -> str | None:
    found = (row.get("outputs") or {}).get("bucket") or (row.get("inputs") or {}).get("bucket")
    return str(found) if found else None
