"""GitLab, over its REST API v4 (https://docs.gitlab.com/api/rest/)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from fedml_infra.gitops.hosting.connection import Connection
from fedml_infra.gitops.hosting.marked import Row, first_of_ours, made_once, marked
from fedml_infra.gitops.hosting.protocol import Host

# A line that begins with / is an order to GitLab, given with our rights
# (https://docs.gitlab.com/user/project/quick_actions/).
_QUICK_ACTION = re.compile(r"^([ \t]*)/", re.MULTILINE)
_NOTHING = "\u200b"


@dataclass(frozen=True)
class GitLab:
    """The project with this id or path. Implements `protocol.Host`."""

    connection: Connection
    project: str

    @classmethod
    def at(cls, api_url: str, project: str, token: SecretStr) -> GitLab:
        """By the address of the API (`https://gitlab.com/api/v4`) and an access token with the scope `api`."""
        return cls(Connection(api_url, token, "PRIVATE-TOKEN"), project)

    def comment(self, number: int, marker: str, body: str) -> str:
        request = f"{self._project}/merge_requests/{number}"
        path, text = f"{request}/notes", marked(marker, harmless(body))

        def found() -> Row | None:
            rows = self.connection.pages(path, sort="asc", order_by="created_at")
            return first_of_ours((row for row in rows if not row.get("system")), marker, "body", self._is_own)

        there = found()
        if there is None:
            there = made_once(lambda: self.connection.create(path, body=text), found)
        if there.get("body") != text:
            there = self.connection.change("PUT", f"{path}/{there['id']}", body=text)
        return f"{self.connection.get(request)['web_url']}#note_{there['id']}"

    def issue(self, marker: str, title: str, body: str) -> str:
        text = marked(marker, harmless(body))
        there = self._issue(marker)
        if there is None:
            path = f"{self._project}/issues"
            there = made_once(
                lambda: self.connection.create(path, title=title, description=text), lambda: self._issue(marker)
            )
        if (there.get("title"), there.get("description")) != (title, text):
            there = self._edit_issue(there, title=title, description=text)
        return str(there["web_url"])

    def close_issue(self, marker: str, note: str) -> str | None:
        there = self._issue(marker)
        if there is None:
            return None
        self.connection.create(f"{self._project}/issues/{there['iid']}/notes", body=harmless(note))
        return str(self._edit_issue(there, state_event="close")["web_url"])

    def pull_request(self, branch: str, title: str, body: str, *, base: str) -> str:
        path = f"{self._project}/merge_requests"

        def found() -> Row | None:
            rows = self.connection.pages(path, state="opened", source_branch=branch, target_branch=base)
            return next(rows, None)

        there = found() or made_once(
            lambda: self.connection.create(
                path, title=title, description=harmless(body), source_branch=branch, target_branch=base
            ),
            found,
        )
        return str(there["web_url"])

    @property
    def _project(self) -> str:
        return f"/projects/{quote(self.project, safe='')}"

    @cached_property
    def _own_id(self) -> int:
        return int(self.connection.get("/user")["id"])

    def _is_own(self, row: Row) -> bool:
        author: dict[str, Any] = row.get("author") or {}
        return author.get("id") == self._own_id

    def _issue(self, marker: str) -> Row | None:
        rows = self.connection.pages(
            f"{self._project}/issues", state="opened", author_id=str(self._own_id), order_by="created_at", sort="asc"
        )
        return first_of_ours(rows, marker, "description", self._is_own)

    def _edit_issue(self, there: Row, **values: str) -> dict[str, Any]:
        return self.connection.change("PUT", f"{self._project}/issues/{there['iid']}", **values)


def harmless(text: str) -> str:
    """The text with nothing in it that GitLab would take for an order; it looks the same."""
    return _QUICK_ACTION.sub(rf"\1{_NOTHING}/", text)


def _check(host: GitLab) -> Host:
    """mypy holds the class to the Protocol here."""
    return host
