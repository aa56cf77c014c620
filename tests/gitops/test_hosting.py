"""What is said on a code host, against a real server that acts as GitHub and GitLab do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from fedml_infra.errors import AuthenticationError, ConfigurationError, NetworkError
from fedml_infra.gitops.hosting.connection import LONGEST_WAIT, UnansweredError
from fedml_infra.gitops.hosting.double import InMemoryHost
from fedml_infra.gitops.hosting.environment import branch_from_environment, host_from_environment
from fedml_infra.gitops.hosting.github import ACTIONS_BOT, GitHub
from fedml_infra.gitops.hosting.gitlab import GitLab
from tests.gitops.code_host import TOKEN, CodeHost, Fault, code_host

MARKER = "<!-- fedml-infra:preview -->"
MALLORY = {"id": 666, "login": "mallory"}
waits: list[float] = []


@pytest.fixture
def server() -> Iterator[CodeHost]:
    waits.clear()
    with code_host() as running:
        yield running


def github(server: CodeHost, token: str = TOKEN) -> GitHub:
    made = GitHub.at(server.url, "o/r", SecretStr(token))
    return replace(made, connection=replace(made.connection, wait=waits.append))


def gitlab(server: CodeHost, token: str = TOKEN) -> GitLab:
    made = GitLab.at(server.url, "42", SecretStr(token))
    return replace(made, connection=replace(made.connection, wait=waits.append))


Make = Callable[..., GitHub | GitLab]
both = pytest.mark.parametrize("make", [github, gitlab])


@both
def test_a_comment_is_made_and_then_edited_in_place(server: CodeHost, make: Make):
    url = make(server).comment(9, MARKER, "one")
    assert make(server).comment(9, MARKER, "two") == url
    [comment] = server.comments
    assert comment["body"] == f"{MARKER}\ntwo"
    assert url.endswith(("#100", "#note_100"))


@both
def test_what_says_so_already_is_left_alone(server: CodeHost, make: Make):
    make(server).comment(9, MARKER, "one")
    server.requests.clear()
    make(server).comment(9, MARKER, "one")
    assert {method for method, _ in server.requests} == {"GET"}


@both
def test_somebody_elses_comment_with_the_marker_is_neither_edited_nor_in_the_way(server: CodeHost, make: Make):
    theirs = server.add(server.comments, {"body": f"{MARKER}\nall is well", "user": MALLORY, "author": MALLORY})
    make(server).comment(9, MARKER, "one")
    make(server).comment(9, MARKER, "two")
    assert theirs["body"] == f"{MARKER}\nall is well"
    assert [row["body"] for row in server.comments[1:]] == [f"{MARKER}\ntwo"]


@both
def test_a_comment_on_a_later_page_is_found(server: CodeHost, make: Make):
    for number in range(250):
        server.add(server.comments, {"body": f"talk {number}", "user": MALLORY, "author": MALLORY})
    ours = server.add(server.comments, {"body": f"{MARKER}\none"})
    make(server).comment(9, MARKER, "two")
    assert ours["body"] == f"{MARKER}\ntwo" and len(server.comments) == 251


@both
def test_an_issue_is_opened_updated_and_closed_with_a_note(server: CodeHost, make: Make):
    host = make(server)
    url = host.issue(MARKER, "Drift in 1 stack", "cardio")
    assert host.issue(MARKER, "Drift in 2 stacks", "cardio, onco") == url
    [issue] = server.issues
    assert issue["title"] == "Drift in 2 stacks"
    assert (issue.get("body") or issue.get("description")) == f"{MARKER}\ncardio, onco"
    assert host.close_issue(MARKER, "Gone.") == url
    assert issue["state"] == "closed" and [row["body"] for row in server.issue_comments] == ["Gone."]
    assert host.close_issue(MARKER, "Gone.") is None


@both
def test_a_closed_issue_is_not_opened_again_but_another_is_made(server: CodeHost, make: Make):
    host = make(server)
    host.issue(MARKER, "t", "b")
    host.close_issue(MARKER, "Gone.")
    host.issue(MARKER, "t", "b")
    assert [row["state"] for row in server.issues] in (["closed", "open"], ["closed", "opened"])


@both
def test_somebody_elses_issue_with_the_marker_is_left_alone(server: CodeHost, make: Make):
    state = "open" if make is github else "opened"
    theirs = {"body": MARKER, "description": MARKER, "state": state, "user": MALLORY, "author": MALLORY}
    server.add(server.issues, theirs)
    host = make(server)
    host.issue(MARKER, "t", "b")
    host.close_issue(MARKER, "Gone.")
    assert [row["state"] for row in server.issues] == [state, "closed"]


@both
def test_a_pull_request_is_opened_once(server: CodeHost, make: Make):
    host = make(server)
    url = host.pull_request("fedml-infra/cardio-epoch-2", "t", "b", base="main")
    assert host.pull_request("fedml-infra/cardio-epoch-2", "t", "b", base="main") == url
    assert len(server.pulls) == 1


def test_a_pull_request_of_github_is_no_issue(server: CodeHost):
    server.add(server.issues, {"body": MARKER, "state": "open", "pull_request": {}})
    github(server).issue(MARKER, "t", "b")
    assert len(server.issues) == 2


def test_a_workflows_own_token_may_not_ask_who_it_is_and_finds_its_comment_all_the_same(server: CodeHost):
    server.me, server.writes_as = None, {"id": 41898282, "login": ACTIONS_BOT}
    github(server).comment(9, MARKER, "one")
    github(server).comment(9, MARKER, "two")
    assert [row["body"] for row in server.comments] == [f"{MARKER}\ntwo"]


def test_a_line_that_gitlab_would_take_for_an_order_is_none_any_more(server: CodeHost):
    gitlab(server).comment(9, MARKER, "seen\n/approve\n  /merge\nstacks/Pulumi.x.yaml")
    body = server.comments[0]["body"]
    assert not [line for line in body.splitlines() if line.lstrip(" \t").startswith("/")]
    assert "/approve" in body and "stacks/Pulumi.x.yaml" in body


@both
def test_a_busy_host_is_asked_again_after_as_long_as_it_says_but_not_longer_than_is_sane(server: CodeHost, make: Make):
    server.faults = [Fault(429, {"Retry-After": "3"}), Fault(503, {"Retry-After": "86400"}), Fault(502)]
    make(server).comment(9, MARKER, "one")
    assert waits == [3.0, LONGEST_WAIT, 4.0]
    assert len(server.comments) == 1


def test_githubs_second_rate_limit_is_waited_for(server: CodeHost):
    server.faults = [Fault(403, {"Retry-After": "5"}, {"message": "You have exceeded a secondary rate limit"})]
    github(server).comment(9, MARKER, "one")
    assert waits == [5.0]


@both
def test_a_host_that_stays_busy_is_told_as_that(server: CodeHost, make: Make):
    server.faults = [Fault(503)] * 4
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1 answered GET .* with HTTP 503"):
        make(server).comment(9, MARKER, "one")


@both
def test_what_may_have_been_made_is_looked_for_and_not_made_twice(server: CodeHost, make: Make):
    server.faults = [Fault(502, after=True, on="POST")]
    make(server).comment(9, MARKER, "one")
    assert [row["body"] for row in server.comments] == [f"{MARKER}\none"]


@both
def test_what_was_not_made_is_an_error(server: CodeHost, make: Make):
    server.faults = [Fault(502, on="POST")]
    with pytest.raises(UnansweredError):
        make(server).issue(MARKER, "t", "b")


@both
def test_a_redirect_is_not_followed(server: CodeHost, make: Make):
    with code_host() as elsewhere:
        server.faults = [Fault(301, {"Location": f"{elsewhere.url}/repos/o/r/issues/9/comments"})]
        with pytest.raises(ConfigurationError, match="HTTP 301"):
            make(server).comment(9, MARKER, "one")
        assert elsewhere.requests == []


@both
def test_a_refused_token_is_told_without_it(server: CodeHost, make: Make):
    wrong = "ghs_another-token-entirely"
    with pytest.raises(AuthenticationError, match="HTTP 401: Bad credentials") as refused:
        make(server, wrong).comment(9, MARKER, "one")
    error: BaseException | None = refused.value
    assert wrong not in str(error) and wrong not in repr(make(server, wrong))
    assert error is not None and error.__cause__ is None and "pull-requests" in str(error)


@both
def test_a_repository_that_is_not_there_is_told(server: CodeHost, make: Make):
    with pytest.raises(ConfigurationError, match="HTTP 404"):
        make(server).comment(2, MARKER, "one")


@both
def test_an_answer_that_is_no_list_is_told(server: CodeHost, make: Make):
    server.faults = [Fault(200, body={"hello": "proxy"})]
    with pytest.raises(NetworkError, match="something else than its API"):
        make(server).comment(9, MARKER, "one")


def test_a_host_that_does_not_answer_is_told():
    host = GitHub.at("http://127.0.0.1:9", "o/r", SecretStr(TOKEN))
    with pytest.raises(NetworkError, match="gave no answer"):
        replace(host, connection=replace(host.connection, wait=waits.append)).comment(9, MARKER, "one")


def test_a_token_is_not_sent_over_plain_http_to_another_machine():
    with pytest.raises(ConfigurationError, match="is not https"):
        GitHub.at("http://git.example.org/api/v3", "o/r", SecretStr(TOKEN))


ACTIONS = {"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "o/r"}
CI = {"GITLAB_CI": "true", "FEDML_GITLAB_TOKEN": TOKEN, "CI_PROJECT_ID": "42", "CI_API_V4_URL": "https://g.org/api/v4"}


def test_the_host_of_a_job_is_known_by_its_environment():
    assert isinstance(host_from_environment(ACTIONS), GitHub)
    assert isinstance(host_from_environment(CI), GitLab)
    assert TOKEN not in repr(host_from_environment(ACTIONS))


@pytest.mark.parametrize(
    "without", [{}, {**ACTIONS, "GITHUB_TOKEN": ""}, {**CI, "FEDML_GITLAB_TOKEN": ""}, {"GITHUB_TOKEN": TOKEN}]
)
def test_without_a_token_or_outside_of_a_job_there_is_no_host(without):
    assert host_from_environment(without) is None


def test_the_branch_of_a_job_is_known_though_a_commit_is_checked_out():
    assert branch_from_environment({"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "main"}) == "main"
    on_actions = {"GITHUB_ACTIONS": "true", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"}
    assert branch_from_environment(on_actions) == "main"
    assert branch_from_environment({"GITHUB_ACTIONS": "true", "GITHUB_REF_TYPE": "tag"}) is None


def test_the_host_in_memory_does_as_the_others():
    host = InMemoryHost()
    assert host.comment(9, MARKER, "one") == host.comment(9, MARKER, "two")
    assert host.comments[9, MARKER] == f"{MARKER}\ntwo"
    url = host.issue(MARKER, "t", "b")
    assert host.issue(MARKER, "t", "c") == url and host.close_issue(MARKER, "Gone.") == url
    assert host.close_issue(MARKER, "Gone.") is None
    assert host.pull_request("b", "t", "x", base="main") == host.pull_request("b", "t", "x", base="main")
