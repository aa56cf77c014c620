"""The role of a pipeline: who may assume it, and what it may do. Nothing is stored: the code host vouches for the job.

Trust: IAM, "Create a role for OpenID Connect federation"; of the tokens: GitHub, "OpenID Connect reference" (subject of
a job with an environment), and GitLab, "OpenID Connect (OIDC) Authentication Using ID Tokens" (subject of a branch).
What the engine does with its state: pulumi/pulumi, pkg/backend/diy, version 3.259.0; with a key: gocloud.dev,
secrets/awskms (Decrypt names no key, so an alias is matched by the key's own aliases).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from fedml_infra.errors import ConfigurationError, PolicyError
from fedml_infra.model.arns import Arn, bucket_arn
from fedml_infra.policies.document import VERSION, Document, Kind, Statement, allow, document
from fedml_infra.policies.limits import check_size
from fedml_infra.policies.operator import ANYWHERE_READ, packed

GITHUB_HOST = "token.actions.githubusercontent.com"
GITHUB_AUDIENCE = "sts.amazonaws.com"
ASSUME = "sts:AssumeRoleWithWebIdentity"
MOST_POLICIES = 10
"""Managed policies that a role takes unless AWS raises its quota (IAM and AWS STS quotas)."""

_GITHUB_REPOSITORY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?/[A-Za-z0-9._-]+")
_GITHUB_PREFIX = re.compile(r"[A-Za-z0-9_:@./-]+")
_GITLAB_PROJECT = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_BRANCH = re.compile(r"[A-Za-z0-9._/-]+")


class Purpose(StrEnum):
    """What the role is for. Each has a role, and an environment of the same name, of its own."""

    PREVIEW = "preview"
    APPLY = "apply"
    DRIFT = "drift"

    @property
    def name_of_all(self) -> str:
        """Of the environment, of the role and of GitLab's audience: `fedml-preview`."""
        return f"fedml-{self}"

    @property
    def only_reads(self) -> bool:
        """Whether nothing may be written: all but `apply`."""
        return self is not Purpose.APPLY


@dataclass(frozen=True)
class Identity:
    """What a job's token says, and so who may assume the role: exactly this, no pattern."""

    host: str
    """The issuer, without `https://`."""
    audience: str
    subject: str


@dataclass(frozen=True)
class StateBucket:
    """Where the states lie: an `s3://` backend."""

    bucket: str
    prefix: str = ""
    """Ends with a slash, or is ""."""


@dataclass(frozen=True)
class SecretsKey:
    """The KMS key that stack files' secrets are under: id, ARN or `alias/…`, and its region."""

    key_id: str
    region: str


def github_identity(repository: str, purpose: Purpose, *, subject_prefix: str | None = None) -> Identity:
    """A job of `ORG/REPO` that runs in the purpose's environment.

    `subject_prefix`: what the token calls the repository, where that is not `repo:ORG/REPO` (github.com appends
    immutable numbers for repositories made after 18 June 2026). ConfigurationError where either is no such thing.
    """
    if not _GITHUB_REPOSITORY.fullmatch(repository):
        raise ConfigurationError(f"{repository!r} is no repository of GitHub.", fix="It looks like ORG/REPO.")
    prefix = subject_prefix or f"repo:{repository}"
    if not _GITHUB_PREFIX.fullmatch(prefix):
        raise ConfigurationError(
            f"{prefix!r} cannot be the start of a token's subject: it is taken as it is, without a pattern.",
            fix="`gh api repos/ORG/REPO/actions/oidc/customization/sub` shows it.",
        )
    return Identity(GITHUB_HOST, GITHUB_AUDIENCE, f"{prefix}:environment:{purpose.name_of_all}")


def gitlab_identity(project: str, purpose: Purpose, *, branch: str = "main", host: str = "gitlab.com") -> Identity:
    """A job on the protected `branch` of `GROUP/PROJECT` that asked for a token for this purpose.

    The audience tells the purposes apart: the pipeline on that branch gives each job a token for its own role only.
    ConfigurationError where one of them is no such thing.
    """
    for what, text, pattern, fix in (
        ("project of GitLab", project, _GITLAB_PROJECT, "It looks like GROUP/PROJECT."),
        ("name for a branch", branch, _BRANCH, "Use the name of the default branch, without a pattern."),
        ("host", host, _HOST, "It looks like gitlab.example.com, without https:// and port."),
    ):
        if not pattern.fullmatch(text):
            raise ConfigurationError(f"{text!r} is no {what}.", fix=fix)
    return Identity(host, purpose.name_of_all, f"project_path:{project}:ref_type:branch:ref:{branch}")


def provider_arn(identity: Identity, *, account: str, partition: str = "aws") -> str:
    """The ARN of the OpenID Connect provider that stands for the code host in the account."""
    return f"arn:{partition}:iam::{account}:oidc-provider/{identity.host}"


def trust_policy(identity: Identity, *, account: str, partition: str = "aws") -> Document:
    """The role's trust: this identity, and nobody else. PolicyError where it is too long for AWS."""
    # Without Resource, which a trust does not have.
    statement: Statement = {
        "Sid": "Pipeline",
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn(identity, account=account, partition=partition)},
        "Action": ASSUME,
        "Condition": {
            "StringEquals": {f"{identity.host}:aud": identity.audience, f"{identity.host}:sub": identity.subject}
        },
    }
    trust: Document = {"Version": VERSION, "Statement": [statement]}
    check_size(Kind.TRUST, trust)
    return trust


def pipeline_policies(
    purpose: Purpose,
    of_stacks: Iterable[Document],
    *,
    account: str,
    partition: str = "aws",
    state: StateBucket | None = None,
    keys: Iterable[SecretsKey] = (),
) -> tuple[Document, ...]:
    """The managed policies (6,144 bytes each) of the role: what its stacks, their states and their secrets need.

    `of_stacks`: documents of `operator_policy` for `account`, made with `read_only` as the purpose has it.
    PolicyError where one role cannot carry them all.
    """
    statements = [*_of_state(purpose, state, partition), *_of_keys(purpose, keys, account, partition)]
    statements += [each for found in of_stacks for each in found["Statement"]]
    statements.append(allow("Anywhere", sorted(ANYWHERE_READ), ["*"]))
    documents = packed(_merged(statements))
    if len(documents) > MOST_POLICIES:
        raise PolicyError(
            f"The role would need {len(documents)} managed policies, and AWS attaches {MOST_POLICIES} to one.",
            fix="Ask AWS for a higher quota (up to 20), or keep some of the federations in a repository of their own.",
        )
    return documents


def _of_state(purpose: Purpose, state: StateBucket | None, partition: str) -> list[Statement]:
    """States, locks and history, below the engine's own folder only. A preview takes no lock and writes no state."""
    if state is None:
        return []
    bucket = bucket_arn(partition, state.bucket)
    below = f"{state.prefix}.pulumi"
    writes = () if purpose.only_reads else ("s3:DeleteObject", "s3:PutObject")
    return [
        # Without a condition on the prefix: S3 would answer 403 and not 404 for a state that is not there yet.
        allow("ListStates", ["s3:ListBucket"], [bucket]),
        allow("States", sorted(("s3:GetObject", *writes)), [f"{bucket}/{below}/*"]),
    ]


def _of_keys(purpose: Purpose, keys: Iterable[SecretsKey], account: str, partition: str) -> list[Statement]:
    # A new stack's own data key is encrypted under it when it is first brought up, a rotated secret likewise.
    actions = ["kms:Decrypt"] if purpose.only_reads else ["kms:Decrypt", "kms:Encrypt"]
    found = []
    for number, key in enumerate(keys, start=1):
        resource, alias = _key(key, account, partition)
        condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}} if alias else None
        found.append(allow(f"Secrets{number}", actions, [resource], condition=condition))
    return found


def _key(key: SecretsKey, account: str, partition: str) -> tuple[str, str | None]:
    """The key's ARN; or, for an alias, any key there with the alias."""
    if key.key_id.startswith("arn:"):
        arn = Arn.parse(key.key_id)
        if not arn.resource.startswith("alias/"):
            return key.key_id, None
        return f"arn:{arn.partition}:kms:{arn.region}:{arn.account}:key/*", arn.resource
    if key.key_id.startswith("alias/"):
        return f"arn:{partition}:kms:{key.region}:{account}:key/*", key.key_id
    return f"arn:{partition}:kms:{key.region}:{account}:key/{key.key_id}", None


def _merged(statements: Iterable[Statement]) -> list[Statement]:
    """Statements of several stacks with the same actions and condition are one; no Sid comes twice."""
    together: dict[str, Statement] = {}
    for each in statements:
        what = json.dumps([each["Action"], each.get("Condition")], sort_keys=True)
        known = together.setdefault(what, {**each, "Resource": []})
        known["Resource"] = [*known["Resource"], *(arn for arn in each["Resource"] if arn not in known["Resource"])]
    return [{**each, "Sid": f"{each['Sid']}N{number}"} for number, each in enumerate(together.values(), start=1)]


def whole(documents: Iterable[Document]) -> Document:
    """Several documents as one, for whoever judges them together."""
    return document(*(each for found in documents for each in found["Statement"]))
