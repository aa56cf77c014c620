"""A code host in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from fedml_infra.errors import FedmlError
from fedml_infra.gitops.hosting.marked import marked
from fedml_infra.gitops.hosting.protocol import Host


@dataclass
class Issue:
    """An issue, or a pull request that was opened."""

    title: str
    body: str
    open: bool = True
    notes: list[str] = field(default_factory=list)


@dataclass
class InMemoryHost:
    """Implements `protocol.Host`; all is by the same user. `refusing` is what every method raises."""

    comments: dict[tuple[int, str], str] = field(default_factory=dict)
    """By number of the pull request and marker."""
    issues: list[Issue] = field(default_factory=list)
    pull_requests: dict[tuple[str, str], Issue] = field(default_factory=dict)
    """By branch and base."""
    refusing: FedmlError | None = None

    def comment(self, number: int, marker: str, body: str) -> str:
        self._answer()
        self.comments[number, marker] = marked(marker, body)
        return f"https://host.example/pulls/{number}#{list(self.comments).index((number, marker)) + 1}"

    def issue(self, marker: str, title: str, body: str) -> str:
        self._answer()
        there = self._open(marker)
        if there is None:
            there = Issue(title, "")
            self.issues.append(there)
        there.title, there.body = title, marked(marker, body)
        return self._url(there)

    def close_issue(self, marker: str, note: str) -> str | None:
        self._answer()
        there = self._open(marker)
        if there is None:
            return None
        there.open = False
        there.notes.append(note)
        return self._url(there)

    def pull_request(self, branch: str, title: str, body: str, *, base: str) -> str:
        self._answer()
        self.pull_requests.setdefault((branch, base), Issue(title, body))
        return f"https://host.example/pulls/{branch}"

    def _answer(self) -> None:
        if self.refusing is not None:
            raise self.refusing

    def _open(self, marker: str) -> Issue | None:
        return next((one for one in self.issues if one.open and marker in one.body), None)

    def _url(self, issue: Issue) -> str:
        return f"https://host.example/issues/{self.issues.index(issue) + 1}"


def _check(host: InMemoryHost) -> Host:
    """mypy holds the class to the Protocol here."""
    return host
