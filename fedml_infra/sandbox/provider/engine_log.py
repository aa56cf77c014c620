"""Lines beside a resource in the engine's progress, while the provider waits for AWS."""

from __future__ import annotations

import contextlib
import threading

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class EngineLog:
    """The engine's log; it is dialled at the first line. What cannot be logged is not worth failing for."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._channel: grpc.Channel | None = None
        self._lock = threading.Lock()

    def status(self, urn: str, text: str) -> None:
        """Show a passing line of text beside the resource."""
        with self._lock:
            if self._channel is None:
                self._channel = grpc.insecure_channel(self._address, options=[("grpc.enable_http_proxy", 0)])
            channel = self._channel
        line = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=text, urn=urn, ephemeral=True)
        with contextlib.suppress(grpc.RpcError, ValueError):
            engine_pb2_grpc.EngineStub(channel).Log(line, timeout=1)

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            if self._channel is not None:
                self._channel.close()
                self._channel = None
