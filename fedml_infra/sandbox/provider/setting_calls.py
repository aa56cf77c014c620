"""The calls that concern a provider as a whole: its settings, and the functions that read."""

from __future__ import annotations

from typing import Any

from pulumi.runtime.proto import provider_pb2

from fedml_infra.sandbox.provider import configuration
from fedml_infra.sandbox.provider.answers import checked
from fedml_infra.sandbox.provider.connections import Connection
from fedml_infra.sandbox.provider.context import Context
from fedml_infra.sandbox.provider.data_sources import FUNCTIONS
from fedml_infra.sandbox.provider.refusals import ProviderError
from fedml_infra.sandbox.provider.wire import dump, load

REPLACING = frozenset({"region"})
"""Settings whose change makes a new provider, and so new resources: they would be elsewhere."""


def check(request: Any, connection: Connection) -> Any:
    """Whether the settings can be right."""
    del connection
    news, secret = load(request.news)
    return checked(news, secret, configuration.mistakes(news))


def diff(request: Any, connection: Connection) -> Any:
    """Which settings changed, and whether that takes a new provider."""
    del connection
    olds, news = load(request.old_inputs)[0] or load(request.olds)[0], load(request.news)[0]
    names = sorted(
        name
        for name in olds.keys() | news.keys()
        if not name.startswith("__") and name not in configuration.BOOKKEEPING and olds.get(name) != news.get(name)
    )
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if names else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=names,
        replaces=[name for name in names if name in REPLACING],
    )


def configure(request: Any, connection: Connection) -> Any:
    """Take the settings."""
    arguments, secret = load(request.args)
    if wrong := [mistake.reason for mistake in configuration.mistakes(arguments)]:
        raise ProviderError("; ".join(wrong))
    connection.configure(configuration.settings(arguments, secret, connection.environment))
    return provider_pb2.ConfigureResponse(
        acceptSecrets=True,
        supportsPreview=True,
        acceptResources=False,
        acceptOutputs=False,
        supports_autonaming_configuration=True,
    )


def invoke(request: Any, connection: Connection) -> Any:
    """A function of the provider."""
    if request.tok not in FUNCTIONS:
        raise ProviderError(f"the sandbox's aws provider does not have {request.tok}")
    arguments = load(request.args)[0]
    answer = FUNCTIONS[request.tok](Context(connection, arguments.get("region")), arguments)
    return provider_pb2.InvokeResponse(**{"return": dump(answer)})
