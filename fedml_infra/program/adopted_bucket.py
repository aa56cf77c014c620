"""An existing bucket that a node uses: looked at and warned about, never written to.

A bucket has one policy, one lifecycle and one encryption document: writing ours would erase those of its owner.
"""

from __future__ import annotations

import pulumi

from fedml_infra.aws.buckets import BucketKind, bucket_state, hardening_gaps
from fedml_infra.aws.sessions import Access
from fedml_infra.errors import ConfigurationError
from fedml_infra.model.resources import NodeResources
from fedml_infra.model.schedule import Schedule


def check_adopted_bucket(access: Access, node: NodeResources, retention: Schedule) -> None:
    """Warn of all that a bucket made here would have and the node's adopted one lacks.

    Raises ConfigurationError where the bucket is not there or another account's.
    """
    state = bucket_state(access, node.region, node.bucket, account=node.account)
    if state.kind is BucketKind.ABSENT:
        raise ConfigurationError(
            f"node {node.pid}: bucket {node.bucket} is to be adopted, but there is none of that name",
            fix="Take out adopt_bucket, and it will be made; or correct s3_bucket.",
        )
    if state.kind is BucketKind.FOREIGN:
        raise ConfigurationError(
            f"node {node.pid}: bucket {node.bucket} is not account {node.account}'s",
            fix="Name a bucket of that account in s3_bucket.",
        )
    where = state.region or node.region
    for gap in hardening_gaps(
        access, where, node.bucket, account=node.account, prefix=node.prefix, retention_seconds=retention.seconds
    ):
        pulumi.log.warn(f"node {node.pid}: {gap}")
