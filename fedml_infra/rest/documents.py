"""What the OpenAPI document says of each endpoint: its map's keys, its answers, with examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fedml_infra.rest import strings
from fedml_infra.wire.signature import Reason

JSON, TEXT, EVENTS = "application/json", "text/plain", "text/event-stream"
ENVELOPE = "Envelope"

_BLOB = "Yk1mZ2pR…"
_JOB = "3f2b1c9d8e7f40516273849506a7b8c9"
_AWS = ("aws_access_key*", "aws_secret_key*")
_OWN = ("fed_local_type", *_AWS, "aws_region*", "s3_bucket*")


@dataclass(frozen=True)
class _Said:
    """One status: what its strings are, and an example of its values."""

    strings: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Document:
    keys: tuple[str, ...] = ()
    """Of the map that is the body; needed ones with a star."""
    answers: Mapping[int, _Said] = field(default_factory=dict)
    signed: bool = True
    limited: bool = True
    """Whether it may be told to come later."""
    note: str = ""
    plain: bool = False
    """Whether the body is JSON that nothing encrypts."""


_JOB_CREATED = _Said((strings.JOB_CREATED,), {"jobId": _JOB}, ("Location", "Retry-After"))
_NO_PROJECT = "Cannot Find SYMETRYML id[charite] for Customer id [c1]"
_TAKEN = _Said(("Customer [c1] already have SYMETRYML with id[charite]",))
_BAD_MAP = "The request map cannot be used; s3_bucket: is missing"
_NOT_ALLOWED = _Said(("Customer [c1] may not use account 222222222222.",))
_RUN_FAILED = {
    502: _Said(("The run failed: ask the administrator for the log of job 3f2b…",)),
    504: _Said(("The run took too long: ask the administrator for the log of job 3f2b…",)),
}
_INVITED = _Document(
    keys=("passwd*", "fed_rest_host*", "aws_id", "rights"),
    answers={
        200: _Said((strings.INVITED,), {"fedInfoEncrypted": _BLOB, "encryptedGroupInfo": _BLOB}),
        400: _Said((_BAD_MAP, _NO_PROJECT)),
    },
    note="`passwd` is of v1 alone, 16 bytes at most. To a v2 customer the passphrase is made, and comes encrypted with "
    "its key as `values.passphraseEncrypted`. `aws_id`: the one account that may use the invite.",
)
_LOOK = _Document(
    keys=(*_AWS, "aws_region"),
    answers={202: _JOB_CREATED, 400: _Said((_BAD_MAP, _NO_PROJECT)), 403: _NOT_ALLOWED},
    note="Without `aws_region`, every region. The finished job has `values.awsInfoEncrypted`.",
)
_UNKNOWN_JOB = _Said((strings.JOB_UNKNOWN,))

DOCUMENTS: Mapping[str, _Document] = {
    "create": _Document(
        keys=("fed_name*", "aws_id", "sync_sched*", "fed_encrypt", *_OWN),
        answers={
            201: _Said(("Project Created with id:charite",)),
            202: _JOB_CREATED,
            400: _Said((_BAD_MAP,)),
            403: _NOT_ALLOWED,
            409: _TAKEN,
            **_RUN_FAILED,
        },
        note="Every key of a stack file that is the federation's or one node's may be there too.",
    ),
    "createJoin": _Document(
        keys=(
            *("sync_sched*", "fed_secret_key*", "aws_topic_arn*", "fed_name*", "topic_region*", "fed_rest_url*"),
            *("fed_req_token*", "aws_id*", *_OWN),
        ),
        answers={
            201: _Said(("Fed Project created with join",)),
            202: _JOB_CREATED,
            400: _Said((_BAD_MAP,)),
            403: _NOT_ALLOWED,
            409: _TAKEN,
            **_RUN_FAILED,
        },
        note="The invite's keys, unchanged, and the joiner's own. A v2 invite has `topology`, `hub_public_key`, "
        "`roster_bucket` and `expires` in the place of `fed_secret_key`.",
    ),
    "getEncrypted": _INVITED,
    "getInvitation": _INVITED,
    "awsinfo": _LOOK,
    "awsinfoOf": _LOOK,
    "info": _Document(
        answers={
            200: _Said((strings.INFORMED,), {"federationInfo": _BLOB}),
            400: _Said((_NO_PROJECT,)),
        }
    ),
    "newSchedule": _Document(
        keys=("sync_sched*",),
        answers={
            200: _Said((strings.JOB_FINISHED,)),
            202: _JOB_CREATED,
            400: _Said((_BAD_MAP, _NO_PROJECT)),
            409: _Said(("Another run has the stack: ask the administrator for the log of job 3f2b…",)),
            **_RUN_FAILED,
        },
    ),
    "job": _Document(
        answers={
            200: _Said((strings.JOB_FINISHED,), {"awsInfoEncrypted": _BLOB}),
            202: _Said(
                (strings.JOB_RUNNING,),
                {"state": "running", "progress": {"done": 4, "of": 12, "current": "aws:sqs/queue:Queue"}},
                ("Retry-After",),
            ),
            400: _UNKNOWN_JOB,
            409: _Said((strings.JOB_CANCELLED,)),
            403: _NOT_ALLOWED,
            **_RUN_FAILED,
        }
    ),
    "jobs": _Document(
        answers={200: _Said((strings.JOBS,), {"jobs": [{"id": _JOB, "kind": "create", "state": "running"}]})}
    ),
    "cancel": _Document(
        answers={
            200: _Said((strings.JOB_CANCELLED,)),
            202: _Said((strings.JOB_CANCELLING,), {}, ("Retry-After",)),
            400: _UNKNOWN_JOB,
            409: _Said((strings.JOB_FINISHED,)),
        }
    ),
    "events": _Document(answers={400: _UNKNOWN_JOB}),
    "createPolicies": _Document(
        keys=("fed_req_token*", "aws_id*", "pid*", "public_key", "proof"),
        answers={
            200: _Said(
                ("The account is a member.",),
                {
                    "fed_name": "cardio",
                    "aws_id": "222222222222",
                    "pid": "insel",
                    "rights": ["publish"],
                    "roster": "ey…",
                },
            ),
            202: _Said(("The account is admitted; the hub comes up with it.",), {}, ("Retry-After",)),
            400: _Said(("The body is no JSON map.",), {"refused": "request", "reason": "garbage"}),
            401: _Said(
                ("Prove the account.", "This invite is not known here."),
                {"challenge": {"nonce": "c2hhZG93"}},
            ),
            409: _Said(("The federation has a node insel already.",), {"refused": "request", "reason": "pid"}),
        },
        signed=False,
        plain=True,
        note="`proof` is the answer to the challenge of the first call; `public_key` is the joiner's X25519 key.",
    ),
    "healthz": _Document(answers={200: _Said((strings.ALIVE,))}, signed=False, limited=False),
    "readyz": _Document(
        answers={200: _Said((strings.READY,)), 503: _Said((strings.NOT_READY,))}, signed=False, limited=False
    ),
}


def described(name: str) -> dict[str, Any]:
    """The arguments of a route's decorator that document it."""
    document = DOCUMENTS[name]
    more: dict[str, Any] = {"operationId": name}
    if document.keys:
        more["requestBody"] = _body(name, document)
    if document.signed:
        more["security"] = [{"signature": [], "date": [], "md5": []}]
    return {
        "status_code": next((status for status in sorted(document.answers) if status < 300), 200),
        "responses": _responses(name, document),
        "openapi_extra": more,
        "response_model": None,
    }


def components() -> dict[str, Any]:
    """The schemas and security schemes that the endpoints name."""
    return {
        "schemas": {
            ENVELOPE: {
                "type": "object",
                "description": "Every answer. `=` in strings is written as `\\u003d`.",
                "required": ["statusCode", "statusString", "values"],
                "properties": {
                    "statusCode": {"type": "string", "examples": ["OK", "CREATED", "BAD_REQUEST"]},
                    "statusString": {"type": "string"},
                    "values": {"type": "object"},
                },
                "additionalProperties": False,
            },
            **{map_name(name): _map(document) for name, document in DOCUMENTS.items() if document.keys},
        },
        "securitySchemes": {
            "signature": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "base64 of HMAC-SHA256(key, string-to-sign).",
            },
            "date": {
                "type": "apiKey",
                "in": "header",
                "name": "sym-date",
                "description": "yyyy-MM-dd HH:mm:ss;nanos in UTC.",
            },
            "md5": {
                "type": "apiKey",
                "in": "header",
                "name": "Content-MD5",
                "description": "base64 of the body's MD5.",
            },
        },
    }


def map_name(name: str) -> str:
    """The name of the schema of an endpoint's map."""
    return f"{name[:1].upper()}{name[1:]}Map"


def _map(document: _Document) -> dict[str, Any]:
    names = [key.rstrip("*") for key in document.keys]
    return {
        "type": "object",
        "description": document.note,
        "properties": {name: {"type": "object" if name == "proof" else "string"} for name in names},
        "required": [key.rstrip("*") for key in document.keys if key.endswith("*")],
    }


def _body(name: str, document: _Document) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{map_name(name)}"}
    if document.plain:
        return {"required": True, "content": {JSON: {"schema": schema}}}
    keys = ", ".join(f"`{key}`" for key in document.keys)
    return {
        "required": True,
        "description": f"A map of texts, as JSON, encrypted with the customer's key. Keys (* needed): {keys}. "
        f"{document.note}",
        "content": {
            TEXT: {
                "schema": {
                    "type": "string",
                    "contentEncoding": "base64",
                    "contentMediaType": JSON,
                    "contentSchema": schema,
                },
                "examples": {
                    "v1": {"summary": "AES-128-CBC, base64", "value": _BLOB},
                    "v2": {"summary": "AES-256-GCM", "value": f"fedml2.{_BLOB}"},
                },
            }
        },
    }


def _responses(name: str, document: _Document) -> dict[int | str, dict[str, Any]]:
    answers = dict(document.answers)
    if document.signed:
        answers[400] = _and(answers.get(400), _reasons(400))
        answers[401] = _and(answers.get(401), [*_reasons(401), strings.REPEATED])
    if document.keys or document.signed:
        answers[408] = _Said((strings.TOO_SLOW,))
        answers[413] = _Said((strings.TOO_LARGE.format(262144),))
    if document.limited:
        answers[429] = _Said((strings.TOO_MANY,), {}, ("Retry-After",))
        answers.setdefault(503, _Said((strings.STORE_DOWN,), {}, ("Retry-After",)))
        answers[500] = _Said((strings.WRONG,))
    told: dict[int | str, dict[str, Any]] = {status: _answer(status, said) for status, said in sorted(answers.items())}
    if name == "events":
        told[200] = {
            "description": "`progress` events, then one `end` with the answer.",
            "content": {EVENTS: {"schema": {"type": "string"}}},
        }
    return told


def _reasons(status: int) -> list[str]:
    return [reason.value[1] for reason in Reason if reason.value[0] == status]


def _and(said: _Said | None, more: Sequence[str]) -> _Said:
    return _Said((*(said.strings if said else ()), *more), said.values if said else {}, said.headers if said else ())


def _answer(status: int, said: _Said) -> dict[str, Any]:
    code = HTTPStatus(status).name
    examples = {
        text: {"value": {"statusCode": code, "statusString": text, "values": dict(said.values)}}
        for text in said.strings
    }
    return {
        "description": "; ".join(said.strings),
        "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{ENVELOPE}"}, "examples": examples}},
        "headers": {each: {"schema": {"type": "string"}} for each in said.headers},
    }
