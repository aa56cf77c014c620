"""A push to a remote that asks who it is: the pipelines' credential helper answers, and nothing else does."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fedml_infra.gitops.git_process import GitFailedError, git
from fedml_infra.gitops.pipelines import pipeline_files, settings
from tests.gitops.repositories import new_checkout

TOKEN = "t0ken-of-a-run"


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server that always asks, and how it was answered."""
    answers: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

        def do_GET(self) -> None:
            answers.append(self.headers.get("Authorization", ""))
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/o/r.git", answers
        server.shutdown()
        thread.join()


def test_the_helper_of_the_apply_workflow_answers_for_a_push(
    asked: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = settings(ci="github", backend="cloud", secrets="passphrase", region="us-east-1", branch="main")
    workflow = YAML(typ="safe").load(pipeline_files(wanted)[".github/workflows/fedml-apply.yml"])
    given = workflow["jobs"]["apply"]["steps"][-1]["env"]
    for name in ("GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"):
        monkeypatch.setenv(name, given[name])
    assert given["GITHUB_TOKEN"] == "${{ github.token }}"
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    url, answers = asked
    checkout = new_checkout(tmp_path / "work")
    checkout.write("a", "b")
    checkout.commit()
    with pytest.raises(GitFailedError) as refused:
        git(checkout.root, ["push", url, "HEAD:main"], what="no push", remote=True)
    assert f"Basic {base64.b64encode(f'x-access-token:{TOKEN}'.encode()).decode()}" in answers
    assert TOKEN not in str(refused.value)
