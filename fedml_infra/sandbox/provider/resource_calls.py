"""The calls that concern one resource: Check, Diff, Create, Read, Update, Delete."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2

from fedml_infra.sandbox.provider import naming, state
from fedml_infra.sandbox.provider.answers import HalfMadeError, checked
from fedml_infra.sandbox.provider.comparing import changed_names
from fedml_infra.sandbox.provider.connections import Connection
from fedml_infra.sandbox.provider.context import Context
from fedml_infra.sandbox.provider.diffing import Difference, plan
from fedml_infra.sandbox.provider.kind import Change, Kind, Mistake
from fedml_infra.sandbox.provider.kinds import KINDS
from fedml_infra.sandbox.provider.refusals import ProviderError, is_gone
from fedml_infra.sandbox.provider.sdk_shape import shape
from fedml_infra.sandbox.provider.secrets import secret_names
from fedml_infra.sandbox.provider.wire import Props, dump, load, visible


def check(request: Any, connection: Connection) -> Any:
    """Whether the inputs can be right; names the resource if nobody did."""
    del connection
    kind, (news, secret), (olds, _) = _kind(request.urn), load(request.news), load(request.olds)
    news.pop(naming.NOTE, None)
    found = [*_mistakes(kind, news), *naming.name(kind, news, olds, request)]
    return checked(news, secret, found)


def _mistakes(kind: Kind, news: Props) -> Iterator[Mistake]:
    known = shape(kind.type)
    for name in sorted(known.required - news.keys()):
        yield Mistake(name, f"{kind.type} needs {name}")
    for name in sorted(news.keys() - kind.all_inputs):
        if name in known.inputs:
            yield Mistake(name, f"the sandbox's aws provider does not have the property {name} of {kind.type}")
        else:
            yield Mistake(name, f"{kind.type} has no property {name}")
    for name in sorted(kind.documents & news.keys()):
        if isinstance(news[name], str) and news[name]:
            try:
                json.loads(news[name])
            except ValueError as error:
                yield Mistake(name, f"is not JSON: {error}")
    if kind.check:
        yield from kind.check(news)


def diff(request: Any, connection: Connection) -> Any:
    """What an update would change, and whether it takes a new resource."""
    kind, (olds, _) = _kind(request.urn), load(request.old_inputs)
    (last, _), (news, _) = load(request.olds), load(request.news)
    made = plan(kind, Context(connection, news.get("region")), olds, last, news, request.ignoreChanges)
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if made.differences else provider_pb2.DiffResponse.DIFF_NONE,
        replaces=made.replaces,
        diffs=list(made.differences),
        detailedDiff={name: _wire_difference(difference) for name, difference in made.differences.items()},
        hasDetailedDiff=True,
        deleteBeforeReplace=made.delete_first,
    )


def _wire_difference(difference: Difference) -> Any:
    how = f"{difference.how}_REPLACE" if difference.replaces else difference.how
    return provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(how), inputDiff=difference.is_input)


def create(request: Any, connection: Connection) -> Any:
    """Make it. What fails after it is there leaves it half made, not lost."""
    kind, (news, secret) = _kind(request.urn), load(request.properties)
    aws = Context(connection, news.get("region"), request.urn)
    if request.preview:
        expected = state.previewed(kind, aws, news, None)
        return provider_pb2.CreateResponse(properties=_dump(kind, aws, expected, secret))
    identity = kind.create(aws, news)
    try:
        if kind.finish:
            kind.finish(aws, identity, news)
        properties = _written(kind, aws, identity, news, secret, news)
    except Exception as error:
        raise _half_made(kind, aws, identity, news, secret, error) from error
    return provider_pb2.CreateResponse(id=identity, properties=properties)


def read(request: Any, connection: Connection) -> Any:
    """How it is now: for a refresh, and for an import (which knows the id alone)."""
    kind = _kind(request.urn)
    (last, last_secret), (olds, old_secret) = load(request.properties), load(request.inputs)
    identity, region = _place(kind, request.id, olds.get("region") or last.get("region"))
    aws = Context(connection, region, request.urn)
    now = kind.read(aws, identity, {**last, **olds})
    if now is None:
        return provider_pb2.ReadResponse()
    news = state.inputs(kind, aws, olds, now)
    if kind.regional and not olds and aws.region != aws.provider_region:
        news["region"] = aws.region
    secret = last_secret | old_secret
    outputs = state.outputs(kind, aws, news, now)
    return provider_pb2.ReadResponse(
        id=identity, properties=_dump(kind, aws, outputs, secret), inputs=_dump(kind, aws, news, secret)
    )


def update(request: Any, connection: Connection) -> Any:
    """Change it in place; finish one that is half made."""
    kind, (olds, _) = _kind(request.urn), load(request.old_inputs)
    (last, _), (news, secret) = load(request.olds), load(request.news)
    aws = Context(connection, news.get("region"), request.urn)
    if request.preview:
        expected = state.previewed(kind, aws, news, last)
        return provider_pb2.UpdateResponse(properties=_dump(kind, aws, expected, secret))
    half_made = _is_half_made(kind, last)
    try:
        if half_made and kind.finish:
            kind.finish(aws, request.id, news)
        if kind.update and (change := _change(kind, aws, olds, last, news, request.ignoreChanges)):
            kind.update(aws, request.id, change)
        properties = _written(kind, aws, request.id, news, secret, {**last, **news})
    except Exception as error:
        if not half_made:
            raise
        raise _half_made(kind, aws, request.id, news, secret, error) from error
    return provider_pb2.UpdateResponse(properties=properties)


def delete(request: Any, connection: Connection) -> Any:
    """Delete it; one that is gone is deleted."""
    kind, (last, _) = _kind(request.urn), load(request.properties)
    try:
        kind.delete(Context(connection, last.get("region"), request.urn), request.id, last)
    except Exception as error:
        if not is_gone(error, *kind.gone):
            raise
    return empty_pb2.Empty()


def _kind(urn: str) -> Kind:
    type_ = urn.split("::")[2].split("$")[-1]
    if type_ not in KINDS:
        raise ProviderError(f"the sandbox's aws provider does not have {type_}")
    return KINDS[type_]


def _dump(kind: Kind, context: Context, properties: Props, secret: frozenset[str]) -> struct_pb2.Struct:
    return dump(properties, secret_names(kind, secret, default_tags=context.default_tags_are_secret))


def _written(
    kind: Kind, context: Context, identity: str, asked: Props, secret: frozenset[str], last: Props
) -> struct_pb2.Struct:
    """The outputs after a create or an update, as AWS tells them."""
    now = kind.read(context, identity, last)
    if now is None:
        raise ProviderError(f"{kind.type} {identity} is not there after it was written")
    return _dump(kind, context, state.outputs(kind, context, asked, now), secret)


def _half_made(
    kind: Kind, context: Context, identity: str, asked: Props, secret: frozenset[str], error: Exception
) -> HalfMadeError:
    known = visible(asked)
    if kind.regional:
        known["region"] = context.region
    return HalfMadeError(identity, _dump(kind, context, known, secret), _dump(kind, context, asked, secret), error)


def _is_half_made(kind: Kind, last: Props) -> bool:
    """A whole resource's state has what only AWS sets."""
    from_aws = shape(kind.type).outputs
    return bool(from_aws) and not from_aws & last.keys()


def _change(kind: Kind, context: Context, olds: Props, last: Props, news: Props, ignored: list[str]) -> Change | None:
    """What to change in place, or None. The tags to compare with are all that the thing has."""
    names = changed_names(kind, olds, news) - set(ignored) - set(kind.local) - {"region", "tags"}
    wanted = context.all_tags(news)
    there = last.get("tagsAll", wanted)
    if "tags" not in ignored and there != wanted:
        names |= {"tags"}
    return Change({**olds, "tags": there}, news, names) if names else None


_WITH_REGION = re.compile(r"(?P<identity>.+)@(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)")


def _place(kind: Kind, identity: str, region: Any) -> tuple[str, Any]:
    """The id without the `@region` that an import may end with, and the region to look in.

    An ARN names its region; a queue URL of AWS does too, but not one of a local AWS.
    """
    if not kind.regional or region:
        return identity, region
    if match := _WITH_REGION.fullmatch(identity):
        return match["identity"], match["region"]
    parts = identity.split(":")
    return identity, (parts[3] if parts[0] == "arn" and len(parts) > 5 and parts[3] else None)
