"""The gRPC server of the provider, on loopback."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from fedml_infra.sandbox.provider.connections import Connections
from fedml_infra.sandbox.provider.servicer import Provider

WORKERS = 64
"""As many calls as the engine makes at once; they wait for AWS, not for the processor."""

MOST_BYTES = 400 << 20
"""The engine's own limit of a message."""

OPTIONS = (
    ("grpc.max_receive_message_length", MOST_BYTES),
    ("grpc.max_send_message_length", MOST_BYTES),
    ("grpc.so_reuseport", 0),
)


def serve(connections: Connections, port: int = 0) -> tuple[grpc.Server, int]:
    """A started server on loopback, and its port."""
    server = grpc.server(ThreadPoolExecutor(WORKERS), options=OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(connections), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound
