"""The settings of one provider: what the program, the stack's `aws:*` configuration and the environment say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fedml_infra.sandbox.provider.credentials import Keys, Profile, Role, SharedFiles
from fedml_infra.sandbox.provider.kind import Mistake
from fedml_infra.sandbox.provider.loopback import is_loopback, without_user
from fedml_infra.sandbox.provider.refusals import ProviderError
from fedml_infra.sandbox.provider.sdk_shape import shape
from fedml_infra.sandbox.provider.wire import UNKNOWN, Props, has_unknown

HONOURED = frozenset(
    {
        "accessKey",
        "secretKey",
        "token",
        "profile",
        "region",
        "stsRegion",
        "assumeRoles",
        "defaultTags",
        "allowedAccountIds",
        "forbiddenAccountIds",
        "endpoints",
        "customCaBundle",
        "sharedConfigFiles",
        "sharedCredentialsFiles",
        "skipRegionValidation",
    }
)

WITHOUT_EFFECT = frozenset(
    {
        # What they would turn off is not done here: no validation call, no metadata service, no account look-up.
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRequestingAccountId",
        # A local AWS has no bucket host names: path style is the only one.
        "s3UsePathStyle",
        "s3UsEast1RegionalEndpoint",
        "maxRetries",
        "retryMode",
        "tokenBucketRateLimiterCapacity",
        "userAgents",
        "noProxy",
        "ec2MetadataServiceEndpoint",
        "ec2MetadataServiceEndpointMode",
        "useDualstackEndpoint",
        "useFipsEndpoint",
    }
)
"""Settings that are accepted and change nothing on a local AWS."""

BOOKKEEPING = frozenset({"version", "pluginDownloadURL"})


@dataclass(frozen=True)
class Settings:
    """One provider's settings, read once at Configure."""

    region: str
    keys: Keys | None
    profile: str | None
    roles: tuple[Role, ...]
    default_tags: Mapping[str, str]
    default_tags_are_secret: bool
    allowed_accounts: frozenset[str]
    forbidden_accounts: frozenset[str]
    endpoints: Mapping[str, str]
    sts_region: str
    ca_bundle: str | None
    shared_files: tuple[tuple[str, ...], tuple[str, ...]]
    environment: Mapping[str, str] = field(repr=False)

    def endpoint(self, service: str) -> str | None:
        """The service's URL: the provider's, or the environment's for this service, or for all."""
        variables = (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL")
        candidates = (self.endpoints.get(service), *(self.environment.get(name) for name in variables))
        return next((url for url in candidates if url), None)

    def credentials(self) -> Profile:
        """The keys to start from and the roles to assume, in order. Raises ProviderError where there are none."""
        base = self._base()
        return replace(base, roles=(*base.roles, *self.roles))

    def _base(self) -> Profile:
        if self.keys is not None:
            return Profile(self.keys, ())
        if self.profile is not None:
            return SharedFiles.read(*self.shared_files).profile(self.profile)
        environment = self.environment
        if environment.get("AWS_ACCESS_KEY_ID") and environment.get("AWS_SECRET_ACCESS_KEY"):
            token = environment.get("AWS_SESSION_TOKEN") or None
            return Profile(Keys(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], token), ())
        files = SharedFiles.read(*self.shared_files)
        name = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or "default"
        if name == "default" and name not in files.profiles:
            raise ProviderError(
                "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile "
                "(`fedml-infra sandbox env --account ID` does)"
            )
        return files.profile(name)

    @property
    def limits_accounts(self) -> bool:
        """Whether the account has to be asked for at Configure."""
        return bool(self.allowed_accounts or self.forbidden_accounts)

    def check_account(self, account: str) -> None:
        """Raise ProviderError unless these credentials' account is one that the provider is meant for."""
        if account in self.forbidden_accounts:
            raise ProviderError(f"AWS account ID not allowed: {account} (forbiddenAccountIds names it)")
        if self.allowed_accounts and account not in self.allowed_accounts:
            allowed = ", ".join(sorted(self.allowed_accounts))
            raise ProviderError(
                f"AWS account ID not allowed: these credentials are of account {account}, "
                f"the provider is meant for {allowed}: use that account's credentials"
            )


def decode(arguments: Props) -> Props:
    """Provider arguments as plain values: nested ones arrive as JSON text, booleans as "true" and "false"."""
    return {name: _decode(value) for name, value in arguments.items() if value is not UNKNOWN}


def _decode(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def mistakes(arguments: Props) -> Iterable[Mistake]:
    """What is wrong with a provider's arguments, without asking AWS."""
    known = shape("aws::Provider").inputs | BOOKKEEPING
    for name in arguments:
        if name.startswith("__"):
            continue
        if name not in known:
            yield Mistake(name, f"the aws provider has no setting {name}")
        elif name not in HONOURED | WITHOUT_EFFECT | BOOKKEEPING:
            yield Mistake(name, f"the sandbox's aws provider does not have the setting {name}")
    values = decode(arguments)
    for service, url in _endpoints(values).items():
        if not has_unknown(url) and not is_loopback(url):
            yield Mistake("endpoints", f"{service}: {without_user(url)} is not on this machine")
    if values.get("allowedAccountIds") and values.get("forbiddenAccountIds"):
        yield Mistake("forbiddenAccountIds", "conflicts with allowedAccountIds")
    if values.get("skipRegionValidation") is False and "region" in values:
        from fedml_infra.model.regions import regions

        if values["region"] not in regions():
            yield Mistake("region", f"AWS has no region {values['region']}")


def _endpoints(values: Props) -> dict[str, Any]:
    entries = values.get("endpoints") or []
    return {service: url for entry in entries if isinstance(entry, dict) for service, url in entry.items() if url}


def settings(arguments: Props, secret: frozenset[str], environment: Mapping[str, str]) -> Settings:
    """The settings of a provider. Raises ProviderError when there is no region, or half of an access key."""
    values = decode(arguments)
    profile = values.get("profile")
    files = (
        _paths(values.get("sharedConfigFiles"), environment.get("AWS_CONFIG_FILE"), "~/.aws/config"),
        _paths(
            values.get("sharedCredentialsFiles"), environment.get("AWS_SHARED_CREDENTIALS_FILE"), "~/.aws/credentials"
        ),
    )
    region = values.get("region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region and (name := profile or environment.get("AWS_PROFILE")):
        region = SharedFiles.read(*files).region(name)
    if not region:
        raise ProviderError("no AWS region: set aws:region in the stack file, or AWS_REGION")
    if bool(values.get("accessKey")) != bool(values.get("secretKey")):
        raise ProviderError("the aws provider needs accessKey and secretKey together")
    keys = Keys(values["accessKey"], values["secretKey"], values.get("token")) if values.get("accessKey") else None
    return Settings(
        region=region,
        keys=keys,
        profile=profile,
        roles=tuple(map(_role, values.get("assumeRoles") or ())),
        default_tags=(values.get("defaultTags") or {}).get("tags") or {},
        default_tags_are_secret="defaultTags" in secret,
        allowed_accounts=frozenset(map(str, values.get("allowedAccountIds") or ())),
        forbidden_accounts=frozenset(map(str, values.get("forbiddenAccountIds") or ())),
        endpoints=_endpoints(values),
        sts_region=values.get("stsRegion") or region,
        ca_bundle=values.get("customCaBundle") or environment.get("AWS_CA_BUNDLE") or None,
        shared_files=files,
        environment=environment,
    )


def _paths(given: list[str] | None, variable: str | None, usual: str) -> tuple[str, ...]:
    return tuple(given) if given else (variable or usual,)


def _role(block: Mapping[str, Any]) -> Role:
    duration = block.get("duration")
    if not block.get("roleArn"):
        raise ProviderError("assumeRoles: each role needs a roleArn")
    if block.get("tags") or block.get("transitiveTagKeys"):
        raise ProviderError("assumeRoles: the sandbox's aws provider does not have session tags")
    return Role(
        arn=block["roleArn"],
        session_name=block.get("sessionName") or "pulumi",
        external_id=block.get("externalId"),
        policy=block.get("policy"),
        policy_arns=tuple(block.get("policyArns") or ()),
        duration_seconds=_seconds(duration) if duration else None,
        source_identity=block.get("sourceIdentity"),
    )


def _seconds(duration: str) -> int:
    """Seconds of Go's spelling of a duration with whole hours, minutes and seconds: 1h, 30m, 1h30m."""
    units, number, total = {"h": 3600, "m": 60, "s": 1}, "", 0
    for character in duration:
        if character.isdigit():
            number += character
        elif number and character in units:
            total, number = total + int(number) * units[character], ""
        else:
            raise ProviderError(f"assumeRoles: {duration} is no duration; write it like 1h or 15m")
    return total
