"""The role that a pipeline assumes: read from the stack files here, the state backend and the secrets' keys."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedml_infra.aws.access import Access
from fedml_infra.aws.kms import kms_key
from fedml_infra.aws.protocol import Identities
from fedml_infra.engine.backend import bucket_of
from fedml_infra.engine.stack_encryption import secrets_provider_in
from fedml_infra.engine.stack_files import stack_files
from fedml_infra.errors import ConfigurationError
from fedml_infra.model.regions import partition_of
from fedml_infra.operations.load import Stack, load_stack
from fedml_infra.operations.show_policies import accounts_for_policies, operator_documents
from fedml_infra.policies.document import Document, render
from fedml_infra.policies.pipeline import (
    GITHUB_HOST,
    Identity,
    Purpose,
    SecretsKey,
    StateBucket,
    pipeline_policies,
    provider_arn,
    trust_policy,
)

SECONDS = 3600
"""The longest session that the role gives: as long as its token is good for."""


@dataclass(frozen=True)
class RolePlan:
    """A role to be made by hand: nothing here makes it."""

    purpose: Purpose
    account: str
    partition: str
    identity: Identity
    trust: Document
    policies: tuple[Document, ...]
    others: Mapping[str, tuple[Document, ...]]
    """By other account that the stacks reach: what the roles there need that are assumed."""
    notes: tuple[str, ...]

    @property
    def commands(self) -> tuple[str, ...]:
        """Commands of AWS's own command line that make it, each whole for a shell."""
        name = self.purpose.name_of_all
        audiences = [self.identity.audience]
        if self.identity.host != GITHUB_HOST:
            audiences = [each.name_of_all for each in Purpose]
        found = [
            (
                "create-open-id-connect-provider",
                "--url",
                f"https://{self.identity.host}",
                "--client-id-list",
                *audiences,
            ),
            (
                *("create-role", "--role-name", name, "--max-session-duration", str(SECONDS)),
                *("--assume-role-policy-document", render(self.trust)),
            ),
        ]
        for number, document in enumerate(self.policies, start=1):
            policy = f"{name}-{number}"
            arn = f"arn:{self.partition}:iam::{self.account}:policy/{policy}"
            found.append(("create-policy", "--policy-name", policy, "--policy-document", render(document)))
            found.append(("attach-role-policy", "--role-name", name, "--policy-arn", arn))
        return tuple(shlex.join(("aws", "iam", *each)) for each in found)

    def as_json(self) -> dict[str, Any]:
        """The plan for machines."""
        return {
            "purpose": str(self.purpose),
            "role": f"arn:{self.partition}:iam::{self.account}:role/{self.purpose.name_of_all}",
            "account": self.account,
            "provider": provider_arn(self.identity, account=self.account, partition=self.partition),
            "trust": self.trust,
            "policies": list(self.policies),
            "other_accounts": {account: list(documents) for account, documents in self.others.items()},
            "commands": list(self.commands),
            "notes": list(self.notes),
        }


def plan_role(
    project: Path,
    purpose: Purpose,
    identity: Identity,
    aws: Identities,
    *,
    account: str | None,
    region: str,
    backend: str | None,
    secrets: str | None,
) -> RolePlan:
    """The role for all stack files of `project`.

    `account`: twelve digits; AWS is asked where neither it nor the stack files tell. `region`: where no stack names
    one. `backend`: URL of the states. `secrets`: `awskms://…` besides those that stack files name. Raises
    ConfigurationError for a stack file with mistakes or stacks of several accounts, PolicyError for more rights than
    a role carries.
    """
    stacks = [load_stack(project, name) for name in stack_files(project)]
    documents: dict[str, list[Document]] = defaultdict(list)
    owners: dict[str, list[str]] = defaultdict(list)
    for stack in stacks:
        accounts = accounts_for_policies(stack.config, stack.settings, account, aws)
        owners[accounts.own].append(stack.name)
        for each, needed in operator_documents(stack.config, accounts, read_only=purpose.only_reads).items():
            documents[each] += needed
    if len(owners) > 1:
        told = "; ".join(f"{each}: {', '.join(names)}" for each, names in sorted(owners.items()))
        raise ConfigurationError(
            f"The stacks here are of several accounts, and a role is of one ({told}).",
            fix="Keep each account's stacks in a repository of their own, or say with --account which it is.",
        )
    own = account or next(iter(owners), None) or aws.account_of(Access(), region)
    partition = partition_of(stacks[0].config.region if stacks else region)
    bucket = bucket_of(backend or "")
    return RolePlan(
        purpose,
        own,
        partition,
        identity,
        trust_policy(identity, account=own, partition=partition),
        pipeline_policies(
            purpose,
            documents.pop(own, []),
            account=own,
            partition=partition,
            state=StateBucket(bucket.bucket, bucket.prefix) if bucket else None,
            keys=_keys(stacks, secrets),
        ),
        {each: tuple(needed) for each, needed in documents.items()},
        tuple(_notes(stacks, purpose, backend)),
    )


def _keys(stacks: Iterable[Stack], given: str | None) -> list[SecretsKey]:
    named = [given, *(secrets_provider_in(stack.path.read_text(encoding="utf-8")) for stack in stacks)]
    urls = dict.fromkeys(url for url in named if url and url.startswith("awskms:"))
    found = (kms_key(url) for url in urls)
    return list(dict.fromkeys(SecretsKey(key.key_id, key.region) for key in found))


def _notes(stacks: list[Stack], purpose: Purpose, backend: str | None) -> Iterable[str]:
    if not stacks:
        yield "There is no stack yet: ask again when there is, and update the role's policies."
    if backend is None or backend.startswith("file:"):
        yield "The states lie in files, so no right to a bucket is among these."
    for stack in stacks:
        for node in stack.config.nodes:
            if node.account is not None and node.account.profile is not None:
                yield (
                    f"Node {node.pid} of {stack.name} uses the profile {node.account.profile}, which a pipeline does "
                    "not have: give it an assume_role."
                )
            elif node.account is not None and purpose.only_reads:
                yield (
                    f"Node {node.pid} of {stack.name} assumes {node.account.assume_role}, with whatever rights that "
                    "role has: it is the same for apply."
                )
        if purpose is Purpose.APPLY and stack.config.permissions_boundary is None:
            yield (
                f"{stack.name} sets no permissions_boundary: who may write its reader roles' policies may give those "
                "roles anything."
            )
