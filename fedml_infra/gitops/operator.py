"""Resources for the Pulumi Kubernetes Operator (2.x): one Stack for each stack file, and what its pods run as.

What the operator does is a plain `pulumi up` in a pod: a removal is enforced by the program itself, as everywhere. It
runs no command of ours, so it rotates no key and publishes no roster. Secrets are named, never held.

Source: the operator's `docs/stacks.md` and `examples/git-source`; a test holds what is made here to its definition.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fedml_infra.engine.version import ENGINE_VERSION
from fedml_infra.engine.yaml_text import dump, new_value
from fedml_infra.errors import ConfigurationError

NAME_LIMIT = 42
"""A pod's label holds the name, `-workspace-` and ten characters of a hash, and has 63 at most."""
SHORTEST_RESYNC = 60
CLOUD = "cloud"

HEADER = """\
# Written by `fedml-infra gitops render operator`; write it again when a stack file is added or taken out.
# The operator runs plain `pulumi up`: that enforces a removal, and again on every resync. It does not rotate the
# key and publishes no roster: after a merge that removes a member, run `fedml-infra rotate-key STACK`, or let a
# pipeline run `fedml-infra gitops apply` instead of the operator. Until then the member can use the key that it has.
"""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_HASH_LENGTH = 10


@dataclass(frozen=True)
class Wanted:
    """What the resources are to say."""

    repository: str
    """The address that the pods clone from, without credentials."""
    branch: str = "main"
    folder: str = ""
    """Of Pulumi.yaml, from the repository's root; "" for the root itself."""
    namespace: str = "fedml-infra"
    service_account: str = "fedml-infra"
    role_arn: str | None = None
    """The AWS role that the service account stands for (Amazon EKS, "IAM roles for service accounts")."""
    backend: str = CLOUD
    """`cloud`, or an address such as `s3://states`."""
    organization: str | None = None
    """Of Pulumi Cloud."""
    secret: str = "fedml-infra"  # noqa: S105 (the name of one)
    """The Kubernetes Secret: `accessToken` for Pulumi Cloud, `passphrase` for stacks encrypted with one."""
    git_secret: str | None = None
    """The Kubernetes Secret whose `accessToken` may read the repository; None for a public one."""
    resync_seconds: int = 600
    """How often the branch is looked at, and the stack brought up again."""
    image: str = f"pulumi/pulumi:{ENGINE_VERSION}-nonroot"

    def __post_init__(self) -> None:
        """ConfigurationError for what the operator or a pod could not use, or that would show a secret."""
        address = urlsplit(self.repository)
        if address.password is not None or (address.scheme in ("http", "https") and address.username is not None):
            raise ConfigurationError(
                "The repository's address holds credentials, which would stand in the resource",
                fix="Leave them out, put a token into a Kubernetes Secret and name it with --git-secret.",
            )
        if self.backend.startswith("file:"):
            raise ConfigurationError(
                f"A pod's disk is no place for states: {self.backend} is gone with the pod",
                fix="Give --backend s3://BUCKET or cloud.",
            )
        if self.resync_seconds < SHORTEST_RESYNC:
            raise ConfigurationError(f"The operator looks every {SHORTEST_RESYNC} seconds at most")
        named = {
            "namespace": self.namespace,
            "service account": self.service_account,
            "secret": self.secret,
            "git secret": self.git_secret or "x",
        }
        for what, name in named.items():
            if len(name) > 63 or not _LABEL.fullmatch(name):
                raise ConfigurationError(
                    f"{name!r} is no name of a {what}", fix="Use a-z, 0-9 and -, at most 63, and no - at either end."
                )


def resource_name(stack: str) -> str:
    """The name of a stack's resource: DNS-1123, short enough for its pods' labels, and no other stack's."""
    clean = re.sub(r"[^a-z0-9]+", "-", stack.lower()).strip("-")
    if clean == stack and len(clean) <= NAME_LIMIT:
        return clean
    # "--" marks a hash: an unaltered name cannot contain it.
    digest = hashlib.sha256(stack.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{clean[: NAME_LIMIT - _HASH_LENGTH - 2].rstrip('-') or 'x'}--{digest}"


def common_resources(wanted: Wanted) -> tuple[dict[str, Any], ...]:
    """The service account of the pods, and its right to have tokens checked, by which the operator and they talk."""
    account: dict[str, Any] = {"name": wanted.service_account, "namespace": wanted.namespace}
    annotated = {"annotations": {"eks.amazonaws.com/role-arn": wanted.role_arn}} if wanted.role_arn else {}
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**account, **annotated}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"{wanted.namespace}:{wanted.service_account}:system:auth-delegator"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "system:auth-delegator",
            },
            "subjects": [{"kind": "ServiceAccount", **account}],
        },
    )


def stack_resource(stack: str, provider: str | None, wanted: Wanted) -> dict[str, Any]:
    """The Stack of one stack file. `provider`: its `secretsprovider`; None or `passphrase` for a passphrase."""
    by_passphrase = provider is None or provider == "passphrase"
    name = f"{wanted.organization}/{stack}" if wanted.organization else stack
    spec: dict[str, Any] = {
        "stack": name,
        "projectRepo": wanted.repository,
        "branch": wanted.branch,
        **({"repoDir": wanted.folder} if wanted.folder else {}),
        **({"gitAuth": {"accessToken": _secret(wanted.git_secret, "accessToken")}} if wanted.git_secret else {}),
        **({} if wanted.backend == CLOUD else {"backend": wanted.backend}),
        "secretsProvider": "passphrase" if by_passphrase else provider,
        "envRefs": {
            **({"PULUMI_ACCESS_TOKEN": _secret(wanted.secret, "accessToken")} if wanted.backend == CLOUD else {}),
            **({"PULUMI_CONFIG_PASSPHRASE": _secret(wanted.secret, "passphrase")} if by_passphrase else {}),
        },
        # On every resync the program looks again for subscriptions of removed members.
        "continueResyncOnCommitMatch": True,
        "resyncFrequencySeconds": wanted.resync_seconds,
        # Taking the resource out of the cluster must not take a federation out of AWS.
        "destroyOnFinalize": False,
        "serviceAccountName": wanted.service_account,
        "workspaceTemplate": {"spec": {"image": wanted.image, "securityProfile": "restricted"}},
    }
    if not spec["envRefs"]:
        del spec["envRefs"]
    metadata = {"name": resource_name(stack), "namespace": wanted.namespace}
    return {"apiVersion": "pulumi.com/v1", "kind": "Stack", "metadata": metadata, "spec": spec}


def rendered(resources: Iterable[Mapping[str, Any]]) -> str:
    """Resources as YAML text, one document each, with what the operator does not do in a comment above."""
    return HEADER + "".join(f"---\n{dump(new_value(each))}" for each in resources)


def _secret(name: str | None, key: str) -> dict[str, Any]:
    return {"type": "Secret", "secret": {"name": name, "key": key}}
