"""Whose keys the calls are signed with: arguments, environment or a profile of the shared files, and nothing else.

botocore's own chain would also ask an identity centre, a process or the metadata service of a cloud machine: those
lead to real AWS, so that they are refused here by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fedml_infra.sandbox.provider.refusals import ProviderError

ELSEWHERE = (
    "sso_session",
    "sso_start_url",
    "credential_process",
    "credential_source",
    "web_identity_token_file",
    "login_session",
)
"""Keys of a profile whose credentials come from outside this machine."""


@dataclass(frozen=True)
class Keys:
    """An access key. `token` is None for one that does not expire."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Role:
    """A role to assume (STS AssumeRole). `duration_seconds` of None is AWS's default, an hour."""

    arn: str
    session_name: str = "pulumi"
    external_id: str | None = None
    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    duration_seconds: int | None = None
    source_identity: str | None = None


@dataclass(frozen=True)
class Profile:
    """What a profile of the shared files comes to: first keys, then roles in order, and a region if it has one."""

    keys: Keys
    roles: tuple[Role, ...]


@dataclass(frozen=True)
class SharedFiles:
    """The profiles of `~/.aws/config` and `~/.aws/credentials`, merged; those of the credentials file win."""

    profiles: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, config: tuple[str, ...], credentials: tuple[str, ...]) -> SharedFiles:
        """Read the files that exist. Raises ProviderError for one that cannot be parsed."""
        from botocore.configloader import load_config, raw_config_parse
        from botocore.exceptions import ConfigParseError

        merged: dict[str, dict[str, str]] = {}
        try:
            for path in filter(_exists, config):
                for name, section in load_config(path)["profiles"].items():
                    merged.setdefault(name, {}).update(section)
            for path in filter(_exists, credentials):
                for name, section in raw_config_parse(path).items():
                    merged.setdefault(name, {}).update(section)
        except ConfigParseError as error:
            raise ProviderError(str(error)) from error
        return cls(merged)

    def region(self, name: str) -> str | None:
        """The profile's region."""
        return self.profiles.get(name, {}).get("region")

    def profile(self, name: str, seen: tuple[str, ...] = ()) -> Profile:
        """The keys and roles of a profile, through `source_profile`.

        Raises ProviderError for one that is not there, leads round in a circle, or needs more than this machine.
        """
        if name in seen:
            raise ProviderError(f"the AWS profiles {', '.join(seen)} name each other as source_profile")
        if name not in self.profiles:
            raise ProviderError(f"there is no AWS profile {name}: look at `aws configure list-profiles`")
        section = self.profiles[name]
        if elsewhere := [key for key in ELSEWHERE if key in section]:
            raise ProviderError(
                f"the AWS profile {name} gets its credentials by {elsewhere[0]}, which leads away from this machine; "
                "use a profile with keys of the local AWS"
            )
        if "role_arn" in section:
            return self._with_role(name, section, seen)
        if "aws_access_key_id" in section and "aws_secret_access_key" in section:
            return Profile(_keys_of(section), ())
        raise ProviderError(f"the AWS profile {name} has no access key")

    def _with_role(self, name: str, section: Mapping[str, str], seen: tuple[str, ...]) -> Profile:
        source = section.get("source_profile")
        if source is None:
            raise ProviderError(f"the AWS profile {name} has a role_arn and no source_profile")
        own_keys = source == name and "aws_access_key_id" in section
        base = Profile(_keys_of(section), ()) if own_keys else self.profile(source, (*seen, name))
        role = Role(
            arn=section["role_arn"],
            session_name=section.get("role_session_name", "pulumi"),
            external_id=section.get("external_id"),
            duration_seconds=int(section["duration_seconds"]) if "duration_seconds" in section else None,
        )
        return Profile(base.keys, (*base.roles, role))


def _keys_of(section: Mapping[str, str]) -> Keys:
    return Keys(
        section["aws_access_key_id"], section.get("aws_secret_access_key", ""), section.get("aws_session_token")
    )


def _exists(path: str) -> bool:
    return Path(path).expanduser().is_file()
