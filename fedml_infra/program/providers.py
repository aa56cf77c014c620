"""The aws providers of a federation: one for each way into an account.

Each has its partition's home region, and every regional resource states its own: a changed region then replaces
exactly the regional resources, where a provider with another region would replace the account's IAM resources too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from fedml_infra.errors import AuthenticationError
from fedml_infra.model.regions import home_region, partition_of
from fedml_infra.model.stack import AccountAccess

CREDENTIAL_SETTINGS = frozenset(
    {"access_key", "secret_key", "token", "profile", "assume_roles", "assume_role_with_web_identity"}
)
"""Settings that say who is asking; a node with an account of its own has its own."""

ACCOUNT_SETTINGS = frozenset({"allowed_account_ids", "forbidden_account_ids"})
"""Settings that say which account is meant: the stack's own, not that of a node elsewhere."""

ROLE_SESSION = "fedml-infra"


def _arguments(settings: Mapping[str, Any], access: AccountAccess | None) -> dict[str, Any]:
    if access is None:
        return dict(settings)
    if access.profile is not None:
        kept = {key: value for key, value in settings.items() if key not in CREDENTIAL_SETTINGS | ACCOUNT_SETTINGS}
        return {**kept, "profile": access.profile}
    kept = {key: value for key, value in settings.items() if key not in ACCOUNT_SETTINGS}
    role = aws.ProviderAssumeRoleArgs(
        role_arn=access.assume_role, external_id=access.external_id, session_name=ROLE_SESSION
    )
    return {**kept, "assume_roles": [*settings.get("assume_roles", ()), role]}


class Providers:
    """Makes each provider once, and knows the account that it leads to; their names begin with `name`."""

    def __init__(
        self, name: str, *, region: str, settings: Mapping[str, Any], parent: pulumi.Resource | None = None
    ) -> None:
        self._name = name
        self._region = home_region(partition_of(region))
        self._settings = settings
        self._parent = parent
        self._made: dict[AccountAccess | None, tuple[aws.Provider, str]] = {}

    def provider(self, access: AccountAccess | None) -> aws.Provider:
        """The provider for one way into an account; None is the stack's own."""
        return self._get(access)[0]

    def account(self, access: AccountAccess | None) -> str:
        """The account id that these credentials belong to, asked of STS by the provider itself.

        Raises AuthenticationError, in the provider's words, where there is no answer.
        """
        return self._get(access)[1]

    def _get(self, access: AccountAccess | None) -> tuple[aws.Provider, str]:
        if access not in self._made:
            provider = aws.Provider(
                f"{self._name}-{_way(access)}",
                region=self._region,
                opts=pulumi.ResourceOptions(parent=self._parent),
                **_arguments(self._settings, access),
            )
            self._made[access] = provider, _account_of(provider, access)
        return self._made[access]


def _account_of(provider: aws.Provider, access: AccountAccess | None) -> str:
    try:
        return str(aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=provider)).account_id)
    except Exception as error:  # the SDK raises nothing narrower for an invoke that failed
        whose = f"those of {access.profile or access.assume_role}" if access else "the stack's own"
        raise AuthenticationError(
            f"AWS did not say which account the credentials ({whose}) belong to: {error}",
            fix="`aws sts get-caller-identity` shows who you are; log in again, or name a profile with AWS_PROFILE.",
        ) from None


def _way(access: AccountAccess | None) -> str:
    if access is None:
        return "aws"
    return f"aws-{access.profile or access.assume_role}"
