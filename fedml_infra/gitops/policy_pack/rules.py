"""The house's rules, by name; what the pack, its documentation and its tests go by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fedml_infra.gitops.policy_pack import principals, queues, storage, transport
from fedml_infra.gitops.policy_pack.seen import Finding, Resource, Stack


@dataclass(frozen=True)
class ResourceRule:
    """Judged of each resource by itself, before it is made or changed."""

    name: str
    says: str
    judge: Callable[[Resource], Iterator[Finding]]


@dataclass(frozen=True)
class StackRule:
    """Judged of all resources together, at the end of a run: a preview before anything is made."""

    name: str
    says: str
    judge: Callable[[Stack], Iterator[Finding]]


RESOURCE_RULES = (
    ResourceRule("public-access-block", "No bucket is public.", storage.blocks_public_access),
    ResourceRule("bucket-ownership", "Buckets have no ACLs.", storage.enforces_ownership),
    ResourceRule("open-acl", "No ACL opens anything to everybody.", storage.no_open_acl),
    ResourceRule(
        "open-principal", "No policy lets in everyone without an account condition.", principals.open_principals
    ),
    ResourceRule("open-role", "No role can be assumed by everybody.", principals.open_roles),
    ResourceRule(
        "everything-on-everything",
        "No identity policy allows every action on every resource.",
        principals.everything_on_everything,
    ),
    ResourceRule("tls-only", "Policies deny plain HTTP.", transport.denies_plain_http),
    ResourceRule("queue-encryption", "Queues are encrypted.", queues.is_encrypted),
)

STACK_RULES = (
    StackRule("bucket-settings", "Each bucket is private and encrypted.", storage.is_complete),
    StackRule("tls-everywhere", "Each bucket, queue and topic denies plain HTTP.", transport.has_such_a_policy),
    StackRule("dead-letters", "Each queue has a dead-letter queue.", queues.has_dead_letter_queue),
)

MEMBERS_RIGHTS = ("members-rights", "Rights are as the stack file says.")
"""Name and meaning of the rule that also needs the stack's configuration (`rights.py`)."""

NOT_KNOWN_YET = "not-known-yet"
"""Advice: what a rule cannot judge before something is made."""
