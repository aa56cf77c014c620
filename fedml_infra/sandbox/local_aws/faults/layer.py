"""The layer itself: an ASGI app in front of a local AWS. Without a plan it hands every request on as it came.

Plans come, and counts go, through one path that only whoever can read the sandbox's folder may use: it wants the token
that is kept there. The whole server listens on loopback only.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fedml_infra.errors import ConfigurationError
from fedml_infra.sandbox.local_aws.faults.answers import refusal
from fedml_infra.sandbox.local_aws.faults.calls import Call, Request, identify
from fedml_infra.sandbox.local_aws.faults.plan import Fault, Plan, Rule, plan_of

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CONTROL = "/_fedml-infra/faults"
TOKEN = "faults-token"  # noqa: S105
"""The file, beside the certificates, that holds the token of this run."""
LARGEST_PLAN = 1024 * 1024
CALLS_KEPT = 100_000
ANSWERED = "answered"
"""What became of a call that met no fault."""

POLICY_CHANGES = frozenset({"SetTopicAttributes", "AddPermission", "RemovePermission"})
BY_POLICY = frozenset({"Subscribe", "Publish", "PublishBatch"})
"""What a topic's policy allows to others than its owner, and so waits for the policy to be effective."""


def new_token(directory: Path) -> str:
    """A token for this run, written where only its user can read it."""
    path, token = directory / TOKEN, secrets.token_urlsafe(32)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(token, encoding="ascii")
    return token


class FaultyAws:
    """A local AWS that has the faults of a plan."""

    def __init__(
        self,
        app: App,
        token: str,
        account_of: Callable[[str], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app, self._token, self._account_of, self._clock = app, token, account_of, clock
        self._take(None)

    def _take(self, plan: Plan | None) -> None:
        self._plan = plan
        self._matched = [0] * len(plan.rules) if plan else []
        self._count = 0
        self._calls: deque[tuple[int, str, str, str, str]] = deque(maxlen=CALLS_KEPT)
        self._policy_changed: dict[str, float] = {}
        self._queue_deleted: dict[tuple[str, str, str], float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the server's own lifespan."""
        if scope["type"] == "http":
            if scope["path"] == CONTROL:
                return await self._control(scope, receive, send)
            if self._plan is not None:
                return await self._with_faults(self._plan, scope, receive, send)
        return await self._app(scope, receive, send)

    # -- calls of AWS

    async def _with_faults(self, plan: Plan, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        request = Request(
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            body,
        )
        again = _again(body, receive)
        call = identify(request, self._account_of)
        if call is None:
            return await self._app(scope, again, send)
        fault, delay = self._decide(plan, call)
        self._count += 1
        outcome = fault or (Fault.LATENCY if delay else ANSWERED)
        self._calls.append((self._count, call.service, call.operation, call.account, str(outcome)))
        if delay:
            await asyncio.sleep(delay)
        if fault is not None and fault is not Fault.LOST_ANSWER:
            answer = refusal(fault, call, head=scope["method"] == "HEAD")
            await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
            return await send({"type": "http.response.body", "body": answer.body})
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                if status < 300 and self._plan is plan:
                    self._remember(call)  # before the answer: whoever has it may call again at once
            if fault is None:
                await send(message)

        await self._app(scope, again, watched)
        return await _cut(send) if fault is Fault.LOST_ANSWER else None

    def _decide(self, plan: Plan, call: Call) -> tuple[Fault | None, float]:
        """The fault that a call meets, and how many seconds it takes longer."""
        found, delay = None, 0.0
        for position, rule in enumerate(plan.rules):
            if not rule.concerns(call.service, call.operation, call.account, call.region, call.attempt):
                continue
            if not self._now(rule, call):
                continue
            self._matched[position] += 1
            if not rule.strikes(self._matched[position]):
                continue
            if rule.fault is Fault.LATENCY:
                delay += rule.lasts
            else:
                found = found or rule.fault
        return found, delay

    def _now(self, rule: Rule, call: Call) -> bool:
        """Whether a fault that follows something else is due."""
        if rule.fault is Fault.POLICY_NOT_EFFECTIVE:
            topic = str(call.parameters.get("TopicArn", ""))
            since = self._policy_changed.get(topic) if call.operation in BY_POLICY else None
        elif rule.fault is Fault.QUEUE_DELETED_RECENTLY:
            name = str(call.parameters.get("QueueName", "")) if call.operation == "CreateQueue" else ""
            since = self._queue_deleted.get((call.account, call.region, name))
        else:
            return True
        return since is not None and self._clock() - since < rule.lasts

    def _remember(self, call: Call) -> None:
        """What later calls may meet a fault for."""
        if call.service == "sns" and call.operation in POLICY_CHANGES:
            if call.operation != "SetTopicAttributes" or call.parameters.get("AttributeName") == "Policy":
                self._policy_changed[str(call.parameters.get("TopicArn", ""))] = self._clock()
        elif call.service == "sqs" and call.operation == "DeleteQueue":
            name = str(call.parameters.get("QueueUrl", "")).rpartition("/")[2]
            self._queue_deleted[call.account, call.region, name] = self._clock()

    # -- control

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        given = headers.get(b"authorization", b"").decode("latin-1")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return await _tell(send, 403, {"error": "the sandbox's token is needed"})
        body, method = await _body(receive), scope["method"]
        if method == "GET":
            plan = None if self._plan is None else self._plan.model_dump(mode="json")
            return await _tell(send, 200, {"plan": plan, "calls": list(self._calls)})
        if method == "PUT":
            try:
                if len(body) > LARGEST_PLAN:
                    raise ConfigurationError("the plan is too large")
                self._take(plan_of(json.loads(body), source="the plan"))
            except (ValueError, ConfigurationError) as error:
                return await _tell(send, 400, {"error": str(error)})
        elif method == "DELETE":
            self._take(None)
        else:
            return await _tell(send, 405, {"error": f"not {method}"})
        return await _tell(send, 200, {})


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body.extend(message.get("body", b""))
        if not message.get("more_body"):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once more, then whatever follows it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _tell(send: Send, status: int, said: Any) -> None:
    body = json.dumps(said).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _cut(send: Send) -> None:
    """End the connection without a byte of an answer.

    ASGI has no word for it, and an app that ends without an answer is given a 500 by hypercorn: so its own objects are
    taken, `send` being a method of the stream, whose own `send` is one of the connection's protocol.
    """
    from hypercorn.events import Closed

    stream: Any = send.__self__  # type: ignore[attr-defined]
    stream.closed = True  # nothing more is sent for this request
    await stream.send.__self__.send(Closed())
