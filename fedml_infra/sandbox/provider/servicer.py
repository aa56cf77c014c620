"""Pulumi's ResourceProvider protocol: which call goes where.

Source: Pulumi's `proto/pulumi/provider.proto`, whose comments are the protocol's documentation.
"""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from fedml_infra.engine.version import AWS_PLUGIN_VERSION
from fedml_infra.sandbox.provider import resource_calls, setting_calls
from fedml_infra.sandbox.provider.answers import rpc
from fedml_infra.sandbox.provider.connections import Connection, Connections


def _handshake(_request: Any, _connection: Connection) -> Any:
    return provider_pb2.ProviderHandshakeResponse(
        accept_secrets=True, accept_resources=False, accept_outputs=False, supports_autonaming_configuration=True
    )


def _info(_request: Any, _connection: Connection) -> Any:
    return plugin_pb2.PluginInfo(version=AWS_PLUGIN_VERSION)


def _schema(_request: Any, _connection: Connection) -> Any:
    return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "aws", "version": AWS_PLUGIN_VERSION}))


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """All providers of the process."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections

    Handshake = rpc(_handshake)
    GetPluginInfo = rpc(_info)
    GetSchema = rpc(_schema)
    CheckConfig = rpc(setting_calls.check)
    DiffConfig = rpc(setting_calls.diff)
    Configure = rpc(setting_calls.configure)
    Invoke = rpc(setting_calls.invoke)
    Check = rpc(resource_calls.check)
    Diff = rpc(resource_calls.diff)
    Create = rpc(resource_calls.create)
    Read = rpc(resource_calls.read)
    Update = rpc(resource_calls.update)
    Delete = rpc(resource_calls.delete)

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.connections.of(context.peer(), request.address)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        self.connections.cancel(context.peer())
        return empty_pb2.Empty()
