"""The engine's side of the protocol, call by call, as `pulumi up` makes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from fedml_infra.sandbox.provider.wire import SECRET, SIGNATURE, Props, dump, load


class RefusedError(Exception):
    """The provider's answer was an error; `code` is gRPC's."""

    def __init__(self, error: grpc.RpcError) -> None:
        super().__init__(error.details())
        self.code = error.code()
        self.half_made = _half_made(error)


def _half_made(error: grpc.RpcError) -> Any:
    from pulumi.runtime.proto import status_pb2

    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status, detail = status_pb2.Status.FromString(value), provider_pb2.ErrorResourceInitFailed()
            status.details[0].Unpack(detail)
            return detail
    return None


class WrongInputsError(Exception):
    """Check found mistakes: `failures` maps the property to the reason."""

    def __init__(self, failures: Mapping[str, str]) -> None:
        super().__init__(str(failures))
        self.failures = dict(failures)


@dataclass(frozen=True)
class Resource:
    """What the engine keeps of a resource; `raw` is the outputs as they came, secrets still wrapped."""

    type: str
    name: str
    id: str
    inputs: Props
    outputs: Props
    secret: frozenset[str]
    input_secret: frozenset[str]
    raw: struct_pb2.Struct

    @property
    def urn(self) -> str:
        return f"urn:pulumi:dev::test::{self.type}::{self.name}"


class Driver:
    """One provider."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.stub = provider_pb2_grpc.ResourceProviderStub(channel)

    def call(self, method: str, request: Any, timeout: float = 120) -> Any:
        try:
            return getattr(self.stub, method)(request, timeout=timeout)
        except grpc.RpcError as error:
            raise RefusedError(error) from error

    # -- the provider

    def attach(self, address: str) -> None:
        self.call("Attach", plugin_pb2.PluginAttach(address=address))

    def check_config(self, settings: Props, secret: Collection[str] = ()) -> dict[str, str]:
        answer = self.call("CheckConfig", provider_pb2.CheckRequest(news=dump(encoded(settings), secret)))
        return {failure.property: failure.reason for failure in answer.failures}

    def configure(self, secret: Collection[str] = (), **settings: Any) -> Driver:
        self.call("Configure", provider_pb2.ConfigureRequest(args=dump(encoded(settings), secret)))
        return self

    def invoke(self, token: str, **arguments: Any) -> Props:
        answer = self.call("Invoke", provider_pb2.InvokeRequest(tok=token, args=dump(arguments)))
        return load(getattr(answer, "return"))[0]

    # -- resources

    def check(
        self, type_: str, inputs: Props, olds: Props | None = None, secret: Collection[str] = (), **more: Any
    ) -> tuple[Props, frozenset[str]]:
        request = provider_pb2.CheckRequest(
            urn=f"urn:pulumi:dev::test::{type_}::{more.pop('name', 'r')}",
            news=dump(inputs, secret),
            olds=dump(olds or {}),
            **more,
        )
        answer = self.call("Check", request)
        if answer.failures:
            raise WrongInputsError({failure.property: failure.reason for failure in answer.failures})
        return load(answer.inputs)

    def preview(self, type_: str, inputs: Props, secret: Collection[str] = ()) -> Props:
        checked, hidden = self.check(type_, inputs, secret=secret)
        request = provider_pb2.CreateRequest(
            urn=f"urn:pulumi:dev::test::{type_}::r", properties=dump(checked, hidden), preview=True
        )
        return load(self.call("Create", request).properties)[0]

    def create(self, type_: str, inputs: Props, secret: Collection[str] = (), name: str = "r") -> Resource:
        checked, hidden = self.check(type_, inputs, secret=secret, name=name)
        urn = f"urn:pulumi:dev::test::{type_}::{name}"
        answer = self.call("Create", provider_pb2.CreateRequest(urn=urn, properties=dump(checked, hidden)))
        outputs, wrapped = load(answer.properties)
        return Resource(type_, name, answer.id, checked, outputs, wrapped, hidden, answer.properties)

    def diff(self, old: Resource, inputs: Props, ignore: Collection[str] = ()) -> Any:
        checked, hidden = self.check(old.type, inputs, olds=old.inputs, secret=old.input_secret & inputs.keys())
        return self.call("Diff", self._change(provider_pb2.DiffRequest, old, checked, hidden, ignoreChanges=ignore))

    def update(self, old: Resource, inputs: Props, secret: Collection[str] | None = None) -> Resource:
        hidden = old.input_secret & inputs.keys() if secret is None else secret
        checked, hidden = self.check(old.type, inputs, olds=old.inputs, secret=hidden)
        answer = self.call("Update", self._change(provider_pb2.UpdateRequest, old, checked, hidden))
        outputs, wrapped = load(answer.properties)
        return replace(old, inputs=checked, outputs=outputs, secret=wrapped, input_secret=hidden, raw=answer.properties)

    @staticmethod
    def _change(request: Any, old: Resource, inputs: Props, secret: Collection[str], **more: Any) -> Any:
        return request(
            id=old.id,
            urn=old.urn,
            olds=dump(old.outputs, old.secret),
            news=dump(inputs, secret),
            old_inputs=dump(old.inputs, old.input_secret),
            **more,
        )

    def refresh(self, old: Resource) -> Resource | None:
        request = provider_pb2.ReadRequest(
            id=old.id,
            urn=old.urn,
            properties=dump(old.outputs, old.secret),
            inputs=dump(old.inputs, old.input_secret),
        )
        return self._read(old, request)

    def import_(self, type_: str, identity: str, name: str = "r") -> Resource | None:
        empty = Resource(type_, name, identity, {}, {}, frozenset(), frozenset(), struct_pb2.Struct())
        return self._read(empty, provider_pb2.ReadRequest(id=identity, urn=empty.urn))

    def _read(self, old: Resource, request: Any) -> Resource | None:
        answer = self.call("Read", request)
        if not answer.id:
            return None
        (outputs, secret), (inputs, hidden) = load(answer.properties), load(answer.inputs)
        return replace(
            old,
            id=answer.id,
            inputs=inputs,
            outputs=outputs,
            secret=secret,
            input_secret=hidden,
            raw=answer.properties,
        )

    def delete(self, old: Resource) -> None:
        request = provider_pb2.DeleteRequest(id=old.id, urn=old.urn, properties=dump(old.outputs, old.secret))
        self.call("Delete", request)


def encoded(settings: Props) -> Props:
    """Provider settings as the SDK sends them: what is nested is JSON text."""
    return {
        name: json.dumps(value) if isinstance(value, (list, dict, bool)) else value for name, value in settings.items()
    }


def clear_text(struct: struct_pb2.Struct) -> str:
    """Everything in a wire value that is not wrapped as a secret."""
    return json.dumps(_clear(struct))


def _clear(struct: struct_pb2.Struct) -> Any:
    out: dict[str, Any] = {}
    for name, value in struct.fields.items():
        kind = value.WhichOneof("kind")
        if kind == "struct_value":
            if value.struct_value.fields.get(SIGNATURE) and value.struct_value.fields[SIGNATURE].string_value == SECRET:
                continue
            out[name] = _clear(value.struct_value)
        else:
            out[name] = str(value)
    return out
