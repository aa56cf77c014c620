"""Act with AWS keys that were given for one run, as if they were the environment's; they are kept nowhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from pydantic import SecretStr

from fedml_infra.aws.access import OTHER_CREDENTIALS, Access, Keys
from fedml_infra.operations.tools import Cloud, Tools


def with_keys(tools: Tools, access_key: SecretStr, secret_key: SecretStr) -> Tools:
    """The same tools, with these keys wherever the environment's credentials are meant.

    The engine gets them through its environment, where whatever would be stronger is taken away.
    """
    keys = Keys(access_key.get_secret_value(), secret_key.get_secret_value())
    variables: dict[str, str | None] = dict.fromkeys(OTHER_CREDENTIALS)
    variables |= {"AWS_ACCESS_KEY_ID": keys.access_key_id, "AWS_SECRET_ACCESS_KEY": keys.secret_access_key}
    return replace(
        tools,
        aws=cast("Cloud", _Keyed(tools.aws, keys)),
        engine=lambda project: tools.engine(project).with_environment(variables),
    )


class _Keyed:
    """A Cloud whose calls for the environment's credentials are made with given ones."""

    def __init__(self, cloud: Cloud, keys: Keys) -> None:
        self._cloud, self._keys = cloud, keys

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._cloud, name)

        def call(*arguments: Any, **named: Any) -> Any:
            told = {key: self._keyed(value) for key, value in named.items()}
            return method(*map(self._keyed, arguments), **told)

        return call

    def _keyed(self, argument: Any) -> Any:
        if isinstance(argument, Access) and argument.profile is None and argument.keys is None:
            return replace(argument, keys=self._keys)
        return argument
