"""Bucket policies: of the buckets that we make, never of an adopted one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fedml_infra.errors import PolicyError
from fedml_infra.model.arns import root_arn
from fedml_infra.model.resources import HubResources, NodeResources
from fedml_infra.policies.document import PLAIN_HTTP, Document, Statement, allow, deny, document

ROSTER_KEY = "roster.json"


def bucket_policy(node: NodeResources, readers: Sequence[str]) -> Document:
    """A made bucket's policy: TLS only, and under `sharing: bucket_policy` GetObject for the readers' accounts.

    Readers count only where there is no reader role, which is how `sharing: bucket_policy` shows; the node's own
    account needs no statement. Root ARNs, not `*` with a condition, which Block Public Access may call public.
    PolicyError for an adopted bucket: its one policy document is its owner's.
    """
    if node.adopt_bucket:
        raise PolicyError(
            f"Bucket {node.bucket} of node {node.pid} is adopted: its policy is never written",
            fix="Ask only for buckets that are made",
        )
    return document(
        *_readers(
            "AllowReaders",
            node.partition,
            node.objects_arn,
            set(readers) - {node.account} if node.reader_role_arn is None else (),
        ),
        _tls_only(node.bucket_arn),
        identifier=f"fedml-{node.federation}-{node.pid}",
    )


def roster_bucket_policy(hub: HubResources, member_accounts: Iterable[str]) -> Document:
    """The roster bucket's policy: TLS only, and `roster.json`, nothing else, for the member accounts to read."""
    return document(
        *_readers(
            "AllowRoster",
            hub.partition,
            f"{hub.roster_bucket_arn}/{ROSTER_KEY}",
            set(member_accounts) - {hub.account},
        ),
        _tls_only(hub.roster_bucket_arn),
        identifier=f"fedml-{hub.federation}-roster",
    )


def _readers(sid: str, partition: str, objects: str, accounts: Iterable[str]) -> list[Statement]:
    roots = [root_arn(partition, account) for account in sorted(accounts)]
    if not roots:
        return []
    return [allow(sid, ["s3:GetObject"], objects, principal={"AWS": roots})]


def _tls_only(bucket: str) -> Statement:
    return deny("DenyPlainHttp", ["s3:*"], [bucket, f"{bucket}/*"], principal="*", condition=PLAIN_HTTP)
