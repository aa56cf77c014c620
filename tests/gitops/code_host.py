"""A code host on this machine: a real HTTP server that acts as the REST APIs of GitHub and GitLab do, in memory.

Only what the project asks of them. `faults` are answers that come first, one a request.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "ghs_not-a-secret-of-anybody"
Row = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """An answer instead of the right one. `after`: the request was carried out all the same."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    after: bool = False
    on: str = ""
    """A method; "" is any."""


@dataclass
class CodeHost:
    """What the host has. Rows are as the API gives them; `me` is whose the token is, None where it may not ask."""

    url: str = ""
    me: Row | None = field(default_factory=lambda: {"id": 7, "login": "fedml-bot"})
    writes_as: Row = field(default_factory=lambda: {"id": 7, "login": "fedml-bot"})
    comments: list[Row] = field(default_factory=list)
    """Of pull request 9."""
    issues: list[Row] = field(default_factory=list)
    issue_comments: list[Row] = field(default_factory=list)
    pulls: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def add(self, rows: list[Row], row: Row) -> Row:
        made = {"id": len(rows) + 100, "user": self.writes_as, "author": self.writes_as, **row}
        number = made.setdefault("number", len(rows) + 1)
        made.setdefault("iid", number)
        made.setdefault("html_url", f"https://host.example/{number}#{made['id']}")
        made.setdefault("web_url", f"https://host.example/{number}")
        rows.append(made)
        return made

    def answer(self, method: str, path: str, query: dict[str, str], sent: Row) -> tuple[int, Any]:
        """Status and body for one request."""
        for pattern, serve in self._routes():
            found = re.fullmatch(pattern, f"{method} {path}")
            if found:
                return serve(found, query, sent)
        return 404, {"message": "Not Found"}

    def _routes(self) -> list[tuple[str, Callable[..., tuple[int, Any]]]]:
        return [
            (r"GET /user", lambda *_: (200, self.me) if self.me else (403, {"message": "Resource not accessible"})),
            # GitHub
            (r"GET /repos/o/r/issues/9/comments", lambda _, q, __: (200, page(self.comments, q))),
            (r"POST /repos/o/r/issues/9/comments", lambda _, __, s: (201, self._new_comment(s))),
            (r"PATCH /repos/o/r/issues/comments/(\d+)", lambda m, _, s: self._edit(self.comments, "id", m[1], s)),
            (r"GET /repos/o/r/issues", lambda _, q, __: (200, page(self._open_issues("open"), q))),
            (r"POST /repos/o/r/issues", lambda _, __, s: (201, self.add(self.issues, {"state": "open", **s}))),
            (r"PATCH /repos/o/r/issues/(\d+)", lambda m, _, s: self._edit(self.issues, "number", m[1], s)),
            (r"GET /repos/o/r/pulls", lambda _, q, __: (200, page(self._pulls("head", q["head"].split(":")[1]), q))),
            (r"POST /repos/o/r/pulls", lambda _, __, s: (201, self.add(self.pulls, s))),
            # GitLab
            (r"GET /projects/42/merge_requests/9/notes", lambda _, q, __: (200, page(self.comments, q))),
            (r"POST /projects/42/merge_requests/9/notes", lambda _, __, s: (201, self.add(self.comments, s))),
            (
                r"PUT /projects/42/merge_requests/9/notes/(\d+)",
                lambda m, _, s: self._edit(self.comments, "id", m[1], s),
            ),
            (r"GET /projects/42/merge_requests/9", lambda *_: (200, {"web_url": "https://host.example/mr/1"})),
            (r"GET /projects/42/issues", lambda _, q, __: (200, page(self._open_issues("opened"), q))),
            (r"POST /projects/42/issues", lambda _, __, s: (201, self.add(self.issues, {"state": "opened", **s}))),
            (r"PUT /projects/42/issues/(\d+)", lambda m, _, s: self._edit(self.issues, "iid", m[1], s)),
            (r"POST /projects/42/issues/\d+/notes", lambda _, __, s: (201, self.add(self.issue_comments, s))),
            (
                r"GET /projects/42/merge_requests",
                lambda _, q, __: (200, page(self._pulls("source_branch", q["source_branch"]), q)),
            ),
            (r"POST /projects/42/merge_requests", lambda _, __, s: (201, self.add(self.pulls, s))),
            (r"POST /repos/o/r/issues/\d+/comments", lambda _, __, s: (201, self.add(self.issue_comments, s))),
        ]

    def _new_comment(self, sent: Row) -> Row:
        return self.add(self.comments, sent)

    def _open_issues(self, state: str) -> list[Row]:
        return [row for row in self.issues if row["state"] == state]

    def _pulls(self, key: str, branch: str) -> list[Row]:
        return [row for row in self.pulls if row.get(key) == branch]

    def _edit(self, rows: list[Row], key: str, value: str, sent: Row) -> tuple[int, Any]:
        row = next((row for row in rows if str(row[key]) == value), None)
        if row is None:
            return 404, {"message": "Not Found"}
        if row["user"] != self.writes_as:
            return 403, {"message": "Must have admin rights"}
        row |= sent
        if sent.get("state_event") == "close":
            row["state"] = "closed"
        return 200, row


def page(rows: list[Row], query: dict[str, str]) -> list[Row]:
    size, number = int(query.get("per_page", "30")), int(query.get("page", "1"))
    return rows[size * (number - 1) : size * number]


@contextmanager
def code_host() -> Iterator[CodeHost]:
    """The host, which listens on loopback while the block lasts."""
    host = CodeHost()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            host.requests.append((self.command, parts.path))
            sent = json.loads(body) if body else {}
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}" or self.headers.get("PRIVATE-TOKEN") == TOKEN
            fault = next((one for one in host.faults if one.on in ("", self.command)), None)
            if fault is not None:
                host.faults.remove(fault)
            if not known:
                status, answer = 401, {"message": f"Bad credentials {self.headers.get('Authorization')}"}
            elif fault is not None and not fault.after:
                status, answer = fault.status, fault.body
            else:
                status, answer = host.answer(self.command, parts.path, dict(parse_qsl(parts.query)), sent)
                if fault is not None:
                    status, answer = fault.status, fault.body
            written = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(written)))
            for name, value in (fault.headers if fault else {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = do_PATCH = do_PUT = _serve

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host.url = f"http://127.0.0.1:{server.server_address[1]}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield host
        finally:
            server.shutdown()
            serving.join()
