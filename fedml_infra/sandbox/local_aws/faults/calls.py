"""Which call of AWS a request is: told from the request alone, as AWS's own front ends do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

_CREDENTIAL = re.compile(r"Credential=([^/\s,]+)/\d{8}/([^/\s,]+)/([^/\s,]+)/aws4_request")
_IN_QUERY = re.compile(r"([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_ATTEMPT = re.compile(r"attempt=(\d{1,9})")


@dataclass(frozen=True)
class Request:
    """One HTTP request."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes = b""


@dataclass(frozen=True)
class Call:
    """One call of AWS."""

    service: str
    operation: str
    account: str
    """Whose credentials it is signed with; an access key that is no known account's stands for itself."""
    region: str
    parameters: Mapping[str, Any]
    """Of the query and JSON protocols."""
    attempt: int
    """From 1, as the client says."""
    protocol: str
    """`query`, `json` or `rest`: how it wants its errors."""


def identify(request: Request, account_of: Callable[[str], str]) -> Call | None:
    """The call that a signed request is, None for one that is none of AWS's. `account_of` knows an access key."""
    query = parse_qsl(request.query, keep_blank_values=True)
    signed = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if signed is None:
        signed = _IN_QUERY.fullmatch(dict(query).get("X-Amz-Credential", ""))
    if signed is None:
        return None
    key, region, service = signed.groups()
    told = _ATTEMPT.search(request.headers.get("amz-sdk-request", ""))
    attempt = int(told.group(1)) if told else 1
    if service == "s3":
        operation = s3_operation(request.method, request.path, dict(query), request.headers)
        return Call(service, operation, account_of(key), region, {}, attempt, "rest")
    if target := request.headers.get("x-amz-target"):
        return Call(service, target.rpartition(".")[2], account_of(key), region, _json(request.body), attempt, "json")
    parameters = dict(query) | dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return Call(service, parameters.get("Action", ""), account_of(key), region, parameters, attempt, "query")


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class _Shape:
    operation: str
    method: str
    depth: int
    """0 for the service, 1 for a bucket, 2 for an object."""
    query: frozenset[tuple[str, str | None]]
    headers: frozenset[str]


@cache
def _s3_shapes() -> tuple[_Shape, ...]:
    """What each operation of S3 looks like, the most special first; from AWS's own description of the service."""
    from botocore.session import get_session

    model = get_session().get_service_model("s3")
    shapes = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        if operation.deprecated:  # as PutBucketLifecycle, which looks like PutBucketLifecycleConfiguration
            continue
        path, _, query = operation.http["requestUri"].partition("?")
        wanted: set[tuple[str, str | None]] = {(k, v or None) for k, v in parse_qsl(query, keep_blank_values=True)}
        headers = set()
        members = operation.input_shape.members if operation.input_shape else {}
        for required in operation.input_shape.required_members if operation.input_shape else ():
            where = members[required].serialization
            if where.get("location") == "querystring":
                wanted.add((where["name"], None))
            elif where.get("location") == "header":
                headers.add(where["name"].lower())
        depth = 2 if "{Key" in path else 1 if "{Bucket" in path else 0
        shapes.append(_Shape(name, operation.http["method"], depth, frozenset(wanted), frozenset(headers)))
    return tuple(sorted(shapes, key=lambda shape: -len(shape.query) - len(shape.headers)))


def s3_operation(method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The operation of a path-style request to S3; "" for one that S3 does not have."""
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    depth = 2 if key else 1 if bucket else 0
    for shape in _s3_shapes():
        if (
            shape.method == method
            and shape.depth == depth
            and all(name in query and value in (None, query[name]) for name, value in shape.query)
            and shape.headers <= headers.keys()
        ):
            return shape.operation
    return ""
