"""What lies around the app: figures, the access log, and no more requests at once than can be served."""

from __future__ import annotations

import logging
import time
import traceback
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fedml_infra.rest import strings
from fedml_infra.rest.envelope import busy, respond
from fedml_infra.rest.metrics import Metrics
from fedml_infra.wire.answers import Answer

CONCURRENT = 500
"""Requests at the same time; most of them wait for a job, and take a few kilobytes."""

_log = logging.getLogger(__name__)
access_log = logging.getLogger("fedml_infra.access")


class Outermost:
    """ASGI middleware. The log has paths without their queries: those may say more than a log should keep."""

    def __init__(self, app: ASGIApp, metrics: Metrics, concurrent: int = CONCURRENT) -> None:
        self._app, self._metrics, self._most = app, metrics, concurrent
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, started = time.monotonic(), 500, False

        async def sending(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
            await send(message)

        self._now += 1
        try:
            if self._now > self._most:
                refused = busy(1)
                await respond(refused.answer, refused.headers)(scope, receive, sending)
            else:
                await self._app(scope, receive, sending)
        except Exception as error:
            # Where it happened, and not its words: they may quote what was sent.
            _log.error(
                "a request failed: %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
            )
            if started:
                raise
            await respond(Answer.of(500, strings.WRONG))(scope, receive, sending)
        finally:
            self._now -= 1
            self._told(scope, status, time.monotonic() - began)

    def _told(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or strings.NOWHERE
        method = scope["method"] if scope["method"] in METHODS else strings.NOWHERE
        self._metrics.count(method, route, status, seconds)
        client: Any = scope.get("client")
        path = scope.get("raw_path", b"").decode("ascii", "backslashreplace")
        access_log.info("%s %s %s %d %.3f s", client[0] if client else "-", method, path[:300], status, seconds)


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
