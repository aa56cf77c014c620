"""GitHub, over its REST API (https://docs.github.com/en/rest)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import SecretStr

from fedml_infra.errors import AuthenticationError
from fedml_infra.gitops.hosting.connection import Connection
from fedml_infra.gitops.hosting.marked import Row, first_of_ours, made_once, marked
from fedml_infra.gitops.hosting.protocol import Host

ACTIONS_BOT = "github-actions[bot]"
"""Who a workflow's own token writes as. That token may not ask who it is."""


@dataclass(frozen=True)
class GitHub:
    """The repository `owner/name`. Implements `protocol.Host`."""

    connection: Connection
    repository: str

    @classmethod
    def at(cls, api_url: str, repository: str, token: SecretStr) -> GitHub:
        """By the address of the API (`https://api.github.com`) and a workflow's or a person's token."""
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        return cls(Connection(api_url, token, "Authorization", "Bearer ", headers), repository)

    def comment(self, number: int, marker: str, body: str) -> str:
        path = f"{self._repo}/issues/{number}/comments"
        text = marked(marker, body)

        def found() -> Row | None:
            return first_of_ours(self.connection.pages(path), marker, "body", self._is_own)

        there = found()
        if there is None:
            there = made_once(lambda: self.connection.create(path, body=text), found)
        if there.get("body") != text:
            there = self.connection.change("PATCH", f"{self._repo}/issues/comments/{there['id']}", body=text)
        return str(there["html_url"])

    def issue(self, marker: str, title: str, body: str) -> str:
        text = marked(marker, body)
        there = self._issue(marker)
        if there is None:
            path = f"{self._repo}/issues"
            there = made_once(lambda: self.connection.create(path, title=title, body=text), lambda: self._issue(marker))
        if (there.get("title"), there.get("body")) != (title, text):
            there = self._edit_issue(there, title=title, body=text)
        return str(there["html_url"])

    def close_issue(self, marker: str, note: str) -> str | None:
        there = self._issue(marker)
        if there is None:
            return None
        self.connection.create(f"{self._repo}/issues/{there['number']}/comments", body=note)
        return str(self._edit_issue(there, state="closed", state_reason="completed")["html_url"])

    def pull_request(self, branch: str, title: str, body: str, *, base: str) -> str:
        path = f"{self._repo}/pulls"
        owner = self.repository.partition("/")[0]

        def found() -> Row | None:
            return next(self.connection.pages(path, state="open", head=f"{owner}:{branch}", base=base), None)

        there = found() or made_once(
            lambda: self.connection.create(path, title=title, body=body, head=branch, base=base), found
        )
        return str(there["html_url"])

    @property
    def _repo(self) -> str:
        return f"/repos/{self.repository}"

    @cached_property
    def _own_login(self) -> str:
        try:
            return str(self.connection.get("/user").get("login"))
        except AuthenticationError:
            return ACTIONS_BOT

    def _is_own(self, row: Row) -> bool:
        user: dict[str, Any] = row.get("user") or {}
        return user.get("login") == self._own_login

    def _issue(self, marker: str) -> Row | None:
        rows = self.connection.pages(f"{self._repo}/issues", state="open", sort="created", direction="asc")
        # To this API a pull request is an issue too.
        return first_of_ours((row for row in rows if "pull_request" not in row), marker, "body", self._is_own)

    def _edit_issue(self, there: Row, **values: str) -> dict[str, Any]:
        return self.connection.change("PATCH", f"{self._repo}/issues/{there['number']}", **values)


def _check(host: GitHub) -> Host:
    """mypy holds the class to the Protocol here."""
    return host
