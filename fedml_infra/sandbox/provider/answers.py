"""How an error goes back to the engine: FAILED_PRECONDITION with AWS's own words, or a resource half made."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2, status_pb2

from fedml_infra.sandbox.provider.connections import Connection
from fedml_infra.sandbox.provider.kind import Mistake
from fedml_infra.sandbox.provider.refusals import AwsError, ProviderError, explain
from fedml_infra.sandbox.provider.secrets import redact, texts
from fedml_infra.sandbox.provider.wire import Props, dump, load

STRUCTS = ("properties", "inputs", "olds", "old_inputs", "news", "args")
"""The fields of any request that may hold secrets."""


class HalfMadeError(Exception):
    """A resource is there, but not all of it: the engine records it, and finishes it at the next run."""

    def __init__(self, identity: str, properties: struct_pb2.Struct, inputs: struct_pb2.Struct, why: Exception) -> None:
        super().__init__(f"{identity} was made, but not all of it: {explain(why)}")
        self.identity = identity
        self.properties = properties
        self.inputs = inputs


def rpc(handler: Callable[[Any, Connection], Any]) -> Any:
    """A method of the servicer: a call of its connection, whose errors are told in AWS's words."""

    def call(servicer: Any, request: Any, context: Any) -> Any:
        address = getattr(request, "engine_address", None)
        connection: Connection = servicer.connections.of(context.peer(), address)
        with connection.call():
            try:
                return handler(request, connection)
            except Exception as error:
                _abort(context, error, _hidden(request) | connection.hidden)

    return call


def checked(inputs: Props, secret: frozenset[str], found: Iterable[Mistake]) -> Any:
    """The answer of Check and CheckConfig."""
    failures = [provider_pb2.CheckFailure(property=mistake.property, reason=mistake.reason) for mistake in found]
    return provider_pb2.CheckResponse(inputs=dump(inputs, secret), failures=failures)


def _abort(context: Any, error: Exception, hidden: frozenset[str]) -> NoReturn:
    if isinstance(error, HalfMadeError):
        _abort_half_made(context, error, hidden)
    if _expected(error):
        message = explain(error)
    else:
        # A defect of this provider: its place helps, its values are not printed.
        sys.stderr.write(redact("".join(traceback.format_exception(error)), hidden))
        message = f"{type(error).__name__}: {error}"
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, redact(message, hidden))
    raise AssertionError("abort returned")


def _expected(error: Exception) -> bool:
    if isinstance(error, (AwsError, ProviderError)):
        return True
    from botocore.exceptions import BotoCoreError, ClientError

    return isinstance(error, (BotoCoreError, ClientError))


def _hidden(request: Any) -> frozenset[str]:
    structs: Iterable[struct_pb2.Struct] = (getattr(request, name) for name in STRUCTS if hasattr(request, name))
    return frozenset(text for struct in structs for text in texts(*load(struct)))


def _abort_half_made(context: Any, error: HalfMadeError, hidden: frozenset[str]) -> NoReturn:
    reason = redact(str(error), hidden)
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.identity, properties=error.properties, inputs=error.inputs, reasons=[reason]
        )
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason, details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, reason)
    raise AssertionError("abort returned")
