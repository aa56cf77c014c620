"""The federation endpoints: create, invite, join, look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import SecretStr
from starlette.concurrency import run_in_threadpool

from fedml_infra.errors import ConfigurationError, Problem
from fedml_infra.model.mistake import MistakeError
from fedml_infra.model.rights import rights
from fedml_infra.operations.invite_rules import InviteWanted
from fedml_infra.rest import strings
from fedml_infra.rest.auth import Called, Caller, Reads, Served, required
from fedml_infra.rest.documents import described
from fedml_infra.rest.envelope import respond
from fedml_infra.rest.jobs import accepted, outcome
from fedml_infra.rest.service import PREFIX, Service
from fedml_infra.store.service_values import Job
from fedml_infra.wire.answers import Answer
from fedml_infra.wire.blobs import Version
from fedml_infra.wire.request_map import CREATE_KEYS, from_map
from fedml_infra.wire.spellings import canonical

router = APIRouter(prefix=PREFIX + "/{cid}/fedml", tags=["federations"])
BAD_MAP = "The request map cannot be used:"
_KEYS = {"--account": "aws_id", "--rights": "rights", "--rest-url": "fed_rest_host"}
"""What the options of `invite create` are called in a map."""

Pid = Annotated[str | None, Query(description="The project's name, which is its node's too.", examples=["charite"])]
Persist = Annotated[
    str | None, Query(description="`true` (default) or `false`: nothing of it is protected.", examples=["true"])
]
Prefer = Annotated[
    str | None, Header(description="`respond-async`: answer at once, with a job.", examples=["respond-async"])
]
IdempotencyKey = Annotated[
    str | None, Header(description="A repeated request with the same key is the same job.", examples=["4b1f0c"])
]


@router.post("/create", **described("create"))
async def create(
    service: Served,
    caller: Called,
    request: Request,
    pid: Pid = None,
    persist: Persist = None,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Create a federation: its topic, and the project's own queue and bucket."""

    def submit() -> Job:
        given = caller.asked()
        named = pid or given.get("pid")
        if not isinstance(named, str) or not named:
            from_map(given, CREATE_KEYS)
            raise ConfigurationError(BAD_MAP, [Problem("pid", "is missing")])
        return service.submitter.create(
            caller.customer, given, pid=named, persist=_persist(persist), idempotency_key=idempotency_key
        )

    return await _awaited(service, request, await run_in_threadpool(submit), prefer)


@router.post("/createJoin", **described("createJoin"))
async def create_join(
    service: Served,
    caller: Called,
    request: Request,
    pid: Pid = None,
    persist: Persist = None,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Join a federation by an invite's keys; the name of the project is made up where none is given."""

    def submit() -> Job:
        return service.submitter.create_join(
            caller.customer,
            caller.asked(),
            pid=pid or None,
            persist=_persist(persist),
            idempotency_key=idempotency_key,
        )

    return await _awaited(service, request, await run_in_threadpool(submit), prefer)


@router.post("/awsinfo", **described("awsinfo"))
async def aws_info(
    service: Served, caller: Called, request: Request, idempotency_key: IdempotencyKey = None
) -> Response:
    """Look at what an AWS account has: always as a job."""
    return await _aws_info(service, caller, request, None, idempotency_key)


@router.post("/{pid}/awsinfo", **described("awsinfoOf"))
async def aws_info_of(
    service: Served, caller: Called, request: Request, pid: str, idempotency_key: IdempotencyKey = None
) -> Response:
    """The same, of a project that must be there."""
    return await _aws_info(service, caller, request, pid, idempotency_key)


@router.post("/{pid}/newSchedule", **described("newSchedule"))
async def new_schedule(
    service: Served,
    caller: Called,
    request: Request,
    pid: str,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Change how often the federation's nodes synchronise."""

    def submit() -> Job:
        return service.submitter.new_schedule(
            caller.customer, canonical(caller.asked()), pid=pid, idempotency_key=idempotency_key
        )

    return await _awaited(service, request, await run_in_threadpool(submit), prefer)


@router.post("/{pid}/getEncrypted", **described("getEncrypted"))
@router.post("/{pid}/getInvitation", **described("getInvitation"))
async def get_encrypted(service: Served, caller: Called, pid: str) -> Response:
    """Make an invite to the project's federation."""

    def made() -> dict[str, str]:
        wanted = _wanted(service, caller, pid)
        try:
            invite = service.projects.invite(caller.cid, pid, wanted)
        except ConfigurationError as error:
            raise _in_words_of_the_map(error) from None
        values = {"fedInfoEncrypted": invite.blob, "encryptedGroupInfo": invite.blob}
        if invite.passphrase is not None:
            name = "passphraseEncrypted"
            values[name] = caller.encrypted(name, invite.passphrase.get_secret_value())
        return values

    return respond(Answer.of(200, strings.INVITED, await run_in_threadpool(made)))


@router.get("/{pid}/info", **described("info"))
async def info(service: Served, caller: Reads, pid: str) -> Response:
    """The federation as the project sees it, with its key: encrypted for the customer."""

    def made() -> dict[str, str]:
        found = json.dumps(service.projects.info(caller.cid, pid), separators=(",", ":"))
        return {"federationInfo": caller.encrypted("federationInfo", found)}

    return respond(Answer.of(200, strings.INFORMED, await run_in_threadpool(made)))


async def _aws_info(
    service: Service, caller: Caller, request: Request, pid: str | None, idempotency_key: str | None
) -> Response:
    def submit() -> Job:
        given = canonical(caller.asked())
        return service.submitter.aws_info(caller.customer, given, pid=pid, idempotency_key=idempotency_key)

    job = await run_in_threadpool(submit)
    await service.dispatcher.submitted(job)
    return accepted(service, request, job)


async def _awaited(service: Service, request: Request, job: Job, prefer: str | None) -> Response:
    """The answer of a job where it ends in time, else where to ask for it."""
    await service.dispatcher.submitted(job)
    preferred = {each.split(";")[0].strip().lower() for each in (prefer or "").split(",")}
    ended = await service.ended(job, 0.0 if "respond-async" in preferred else service.sync_timeout)
    return respond(outcome(ended)) if ended.state.ended else accepted(service, request, ended)


def _wanted(service: Service, caller: Caller, pid: str) -> InviteWanted:
    """The invite that a map asks for."""
    given = canonical(caller.asked())
    optional = ("aws_id", "rights")
    if caller.customer.version == "v1":
        required(given, ("passwd", "fed_rest_host"), optional, caller)
        version, passphrase = Version.V1, SecretStr(given["passwd"])
    else:
        if "passwd" in given:
            raise ConfigurationError(
                BAD_MAP,
                [Problem("passwd", "is not taken: the passphrase is made here, and is in the answer")],
            )
        required(given, ("fed_rest_host",), optional, caller)
        version, passphrase = Version.V2, None
    try:
        wanted = rights([word.strip() for word in given["rights"].split(",")]) if given.get("rights") else None
    except MistakeError as mistake:
        raise ConfigurationError(BAD_MAP, [Problem("rights", mistake.what, mistake.fix)]) from None
    return InviteWanted(
        account=given.get("aws_id") or None,
        rights=wanted,
        rest_url=rest_url(given["fed_rest_host"], caller.cid, pid, service.urls),
        version=version,
        passphrase=passphrase,
    )


def rest_url(host: str, cid: str, pid: str, urls: tuple[str, ...]) -> str:
    """Where a joiner proves its account: this server, under one of the names that it goes by.

    `host`: `https://fed.example.org:8443`, with or without the scheme and any path. ConfigurationError for another
    server: a proof that is made for it would be worth nothing here.
    """
    try:
        given = urlsplit(host if "://" in host else f"//{host}")
    except ValueError:
        given = urlsplit("")
    for url in urls:
        known = urlsplit(url)
        if given.netloc.lower() == known.netloc.lower() and given.scheme in ("", known.scheme):
            return f"{url}{PREFIX}/{cid}/fedml/{pid}/createPolicies"
    raise ConfigurationError(
        BAD_MAP,
        [Problem("fed_rest_host", "is not this server", f"it goes by {' and '.join(urls)}")],
    )


def _in_words_of_the_map(error: ConfigurationError) -> ConfigurationError:
    if not error.problems:
        return error
    return ConfigurationError(
        error.what, [replace(problem, key=_KEYS.get(problem.key, problem.key)) for problem in error.problems]
    )


def _persist(given: str | None) -> bool:
    said: Mapping[str, bool] = {"": True, "true": True, "false": False}
    try:
        return said[(given or "").lower()]
    except KeyError:
        raise ConfigurationError("persist: must be true or false.") from None
