"""Whose credentials a call is made with, said as a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fedml_infra.errors import ConfigurationError

if TYPE_CHECKING:
    from fedml_infra.model.stack import AccountAccess


OTHER_CREDENTIALS = (
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
)
"""Variables that give credentials beside an access key and its secret, or belong to another pair of them."""


@dataclass(frozen=True)
class Keys:
    """Access keys given by value. Never printed."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Role:
    """A role to assume, and the external id that its trust policy may ask for."""

    arn: str
    external_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Access:
    """Whose credentials to use: given keys, a profile's, or the environment's, and then each role in turn.

    `endpoints` (service, "" for every service -> URL) and `ca_bundle` override AWS_ENDPOINT_URL and AWS_CA_BUNDLE.
    """

    profile: str | None = None
    roles: tuple[Role, ...] = ()
    keys: Keys | None = None
    endpoints: tuple[tuple[str, str], ...] = ()
    ca_bundle: str | None = None
    config_file: str | None = None
    credentials_file: str | None = None

    @classmethod
    def ambient(cls, settings: Mapping[str, Any] = MappingProxyType({})) -> Access:
        """The environment's credentials, as arguments of Pulumi's `aws.Provider` change them.

        Those honoured: profile, access_key, secret_key, token, assume_roles, endpoints, custom_ca_bundle,
        shared_config_files and shared_credentials_files. Raises ConfigurationError for more than one such file, and for
        assume_role_with_web_identity: calls of our own must never be made with other credentials than the provider's.
        """
        if settings.get("assume_role_with_web_identity"):
            raise ConfigurationError(
                "aws:assumeRoleWithWebIdentity is honoured by the provider alone, and not every call is the provider's",
                fix="Take it out, and set AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, which both read.",
            )
        keys = None
        if settings.get("access_key") and settings.get("secret_key"):
            keys = Keys(settings["access_key"], settings["secret_key"], settings.get("token") or None)
        roles = (_settings(role) for role in settings.get("assume_roles") or ())
        endpoints = (pair for entry in settings.get("endpoints") or () for pair in _settings(entry).items())
        return cls(
            profile=settings.get("profile") or None,
            roles=tuple(Role(role["role_arn"], role.get("external_id")) for role in roles if role.get("role_arn")),
            keys=keys,
            endpoints=tuple(sorted((service, url) for service, url in endpoints if url)),
            ca_bundle=settings.get("custom_ca_bundle") or None,
            config_file=_only(settings, "shared_config_files"),
            credentials_file=_only(settings, "shared_credentials_files"),
        )

    @classmethod
    def of(cls, account: AccountAccess | None, settings: Mapping[str, Any] = MappingProxyType({})) -> Access:
        """The access that a node's `account` in the stack file means; None is the environment's."""
        base = cls.ambient(settings)
        if account is None:
            return base
        if account.assume_role is not None:
            return replace(base, roles=(*base.roles, Role(account.assume_role, account.external_id)))
        return replace(base, profile=account.profile, keys=None, roles=())

    def endpoint(self, service: str) -> str | None:
        """The endpoint that these settings give a service; None where they say nothing."""
        return dict(self.endpoints).get(service) or dict(self.endpoints).get("")

    def __str__(self) -> str:
        if self.roles:
            return f"role {self.roles[-1].arn}"
        if self.keys:
            return "the given keys"
        return f"profile {self.profile}" if self.profile else "the environment's credentials"


def _settings(entry: Any) -> dict[str, Any]:
    """One entry of a provider's list, which stack configuration spells in camel case."""
    pairs = entry.items() if isinstance(entry, Mapping) else vars(entry).items()
    return {re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower(): value for name, value in pairs}


def _only(settings: Mapping[str, Any], name: str) -> str | None:
    files = settings.get(name) or ()
    if len(files) > 1:
        raise ConfigurationError(f"{name} names {len(files)} files", fix="Name one: AWS's Python client reads one.")
    return str(files[0]) if files else None
