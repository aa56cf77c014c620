"""Who calls: the signature, the body's cipher and what a customer has turned on."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from fedml_infra.errors import ConfigurationError, Problem
from fedml_infra.operations.customers import key_of
from fedml_infra.rest import strings
from fedml_infra.rest.bodies import read_body
from fedml_infra.rest.envelope import RefusedError
from fedml_infra.rest.service import Service
from fedml_infra.store.service_values import Customer
from fedml_infra.wire import v1
from fedml_infra.wire.answers import Answer
from fedml_infra.wire.blobs import Version, decrypt_request
from fedml_infra.wire.encoding import from_gson_base64, joined
from fedml_infra.wire.keys import CustomerKey
from fedml_infra.wire.signature import (
    AHEAD,
    OLDEST,
    Reason,
    Refused,
    SignatureHeaders,
    SignedRequest,
    verify,
    verify_date,
)
from fedml_infra.wire.v2.request import RequestContext, encrypt_value, sealed_bytes

LARGEST_BODY = 256 * 1024
"""Bytes: a map with hundreds of members has less."""

_CID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """A customer whose request is to be served."""

    customer: Customer
    key: CustomerKey = field(repr=False)
    signed: SignedRequest = field(repr=False)
    sym_date: str | None
    is_signed: bool

    @property
    def cid(self) -> str:
        """Its id."""
        return self.customer.cid

    def asked(self) -> dict[str, Any]:
        """The map of the request's body. ConfigurationError where there is none, or it cannot be read."""
        if not self.signed.body.strip():
            raise ConfigurationError(strings.NO_BODY)
        text = self.signed.body.decode("ascii", "replace")
        if self.customer.version == "v1":
            return decrypt_request(text, self.key, version=Version.V1)
        context = RequestContext(self.signed.verb, self.signed.path, self.cid, self.sym_date or "")
        return decrypt_request(text, self.key, context, Version.V2)

    def encrypted(self, name: str, content: str) -> str:
        """A value of the answer that the customer alone can read; `name` is its key there."""
        if self.customer.version == "v1":
            return v1.encrypt_text(content, self.key)
        return encrypt_value(content, self.key, cid=self.cid, name=name)


async def caller(request: Request) -> Caller:
    """Whoever signed the request, or, where the customer has that turned on, encrypted it.

    Raises RefusedError with the contract's status and words.
    """
    found = await _recognised(request)
    if not found.is_signed and not found.signed.body:
        # Nothing of it shows that it is the customer's.
        raise RefusedError(Refused(Reason.NO_AUTHENTICATION).answer())
    return found


async def reader(request: Request) -> Caller:
    """As `caller`; a customer that need not sign may also read without a body, by an id that nobody can guess or for
    an answer that it alone can decrypt.
    """
    return await _recognised(request)


Called = Annotated[Caller, Depends(caller)]
Reads = Annotated[Caller, Depends(reader)]


def service_of(request: Request) -> Service:
    """What the app was made with."""
    found: Service = request.app.state.service
    return found


Served = Annotated[Service, Depends(service_of)]


async def _recognised(request: Request) -> Caller:
    service = service_of(request)
    body = await read_body(request, LARGEST_BODY)
    cid = str(request.path_params["cid"])
    signed = SignedRequest(
        request.method,
        cid,
        request.scope["raw_path"].decode("latin-1"),
        request.scope["query_string"].decode("latin-1"),
        body,
    )
    headers = SignatureHeaders(
        request.headers.get("Content-MD5"), request.headers.get("sym-date"), request.headers.get("Authorization")
    )
    return await run_in_threadpool(_check, service, signed, headers)


def _check(service: Service, signed: SignedRequest, headers: SignatureHeaders) -> Caller:
    customer = service.store.customers.get(signed.cid) if _CID.fullmatch(signed.cid) else None
    if customer is not None and customer.disabled_at is not None:
        customer = None
    key = key_of(service.sealer, customer) if customer is not None else None
    now = service.now()
    is_signed = headers.authorization is not None
    if customer is not None and key is not None and customer.unsigned and not is_signed:
        _log.warning("customer %s: unsigned request: %s %s", customer.cid, signed.verb, signed.path)
        _fresh_body(service, customer, signed, headers, now)
        return Caller(customer, key, signed, headers.sym_date, is_signed)
    refused = verify(signed, headers, key, now=now)
    if refused is not None:
        raise RefusedError(refused.answer())
    assert customer is not None and key is not None
    _once(service, now, "signature", customer.cid, _mac(headers))
    return Caller(customer, key, signed, headers.sym_date, is_signed)


def _fresh_body(
    service: Service, customer: Customer, signed: SignedRequest, headers: SignatureHeaders, now: datetime
) -> None:
    """A v2 body is bound to its date, so that it too is good once and not for long; v1 has nothing of that."""
    if customer.version == "v1" or not signed.body:
        return
    refused = verify_date(headers.sym_date, now=now)
    if refused is not None:
        raise RefusedError(refused.answer())
    _once(service, now, "body", customer.cid, sealed_bytes(signed.body.decode("ascii", "replace")))


def _mac(headers: SignatureHeaders) -> bytes:
    """The signature itself: the same one may be written in several ways."""
    return from_gson_base64(headers.authorization or "")


def _once(service: Service, now: datetime, what: str, cid: str, value: bytes) -> None:
    digest = hashlib.sha256(joined(what, cid, value)).digest()
    # Its date may be ahead by so much, and is good for so long after that.
    if not service.store.challenges.use_once(digest, now + AHEAD + OLDEST):
        raise RefusedError(Answer.of(401, strings.REPEATED))


def required(given: Mapping[str, Any], keys: tuple[str, ...], optional: tuple[str, ...], caller: Caller) -> None:
    """Hold a small map to its keys. ConfigurationError with everything that is missing or wrong at once."""
    problems = [Problem(key, "must be text") for key, value in given.items() if not isinstance(value, str)]
    problems += [Problem(key, "is missing") for key in keys if not given.get(key)]
    unknown = [key[:64] for key in given if key not in {*keys, *optional}]
    if caller.customer.version == "v1":
        if unknown:
            _log.info("customer %s: keys that mean nothing here: %s", caller.cid, ", ".join(map(repr, unknown)))
    else:
        problems += [Problem(key, "is no key of this call") for key in unknown]
    if problems:
        raise ConfigurationError("The request map cannot be used:", problems)
