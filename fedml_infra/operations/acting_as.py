"""Act with given credentials wherever the environment's are meant; they are kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from pydantic import SecretStr

from fedml_infra.aws.access import OTHER_CREDENTIALS, Access, Keys
from fedml_infra.operations.tools import Cloud, Tools


def with_keys(
    tools: Tools, access_key: SecretStr, secret_key: SecretStr, session_token: SecretStr | None = None
) -> Tools:
    """The same tools, with these AWS keys in the place of the environment's credentials.

    The engine gets them through its environment, where whatever would be stronger is taken away.
    """
    session = session_token.get_secret_value() if session_token is not None else None
    keys = Keys(access_key.get_secret_value(), secret_key.get_secret_value(), session)
    variables: dict[str, str | None] = dict.fromkeys(OTHER_CREDENTIALS)
    variables |= {"AWS_ACCESS_KEY_ID": keys.access_key_id, "AWS_SECRET_ACCESS_KEY": keys.secret_access_key}
    if session is not None:
        variables["AWS_SESSION_TOKEN"] = session
    return acting_as(tools, Access(keys=keys), variables)


def acting_as(tools: Tools, access: Access, variables: Mapping[str, str | None]) -> Tools:
    """The same tools, with `access` in the place of the environment's, and the engine's environment changed so."""
    return replace(
        tools,
        aws=cast("Cloud", _As(tools.aws, access)),
        engine=lambda project: tools.engine(project).with_environment(variables),
    )


class _As:
    """A Cloud whose calls for the environment's credentials are made with others."""

    def __init__(self, cloud: Cloud, access: Access) -> None:
        self._cloud, self._access = cloud, access

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._cloud, name)

        def call(*arguments: Any, **named: Any) -> Any:
            told = {key: self._meant(value) for key, value in named.items()}
            return method(*map(self._meant, arguments), **told)

        return call

    def _meant(self, argument: Any) -> Any:
        if not isinstance(argument, Access) or argument.profile is not None or argument.keys is not None:
            return argument
        own = self._access
        return replace(
            argument,
            profile=own.profile,
            keys=own.keys,
            roles=(*own.roles, *argument.roles),
            endpoints=argument.endpoints or own.endpoints,
            ca_bundle=argument.ca_bundle or own.ca_bundle,
        )
