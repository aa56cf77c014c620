"""A GitHub workflow, run as its file says: its `run` steps by bash, in order, each in the environment that it is given.

Of the actions that it uses, what counts here is done in their place: the checkout of the default branch, the role's
credentials, artifacts handed from job to job. Expressions are worked out as far as these workflows have any; whatever
else stands there fails the test.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

SECONDS = 300
COMMAND = Path(sys.executable).with_name("fedml-infra")
_TOKENS = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||==|!=|!|\(|\)|[\w.*-]+)")


@dataclass(frozen=True)
class Step:
    """A step that has run."""

    job: str
    name: str
    outcome: str
    """success, failure or skipped."""
    text: str = ""
    """What it printed."""


@dataclass
class Forge:
    """A code host as far as a workflow sees it: a bare repository, secrets, variables, and the machine's own network.

    `network` is what every process needs to reach the local AWS and no more; `credentials` is what a role gives, by the
    environment whose jobs may have it, and the secrets too.
    """

    folder: Path
    repository: str
    origin: Path
    network: Mapping[str, str]
    credentials: dict[str, Mapping[str, str]]
    secrets: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)
    api: str = ""
    token: str = ""
    applied: str = ""
    """The commit whose apply succeeded last, as `gh run list` tells."""
    stages: int = 0

    def run(self, workflow: Path, event_name: str, event: Mapping[str, Any]) -> list[Step]:
        """Every job, after those that it needs. The workflow is read from the default branch."""
        document = YAML(typ="safe").load(workflow.read_text(encoding="utf-8"))
        self.stages += 1
        done: list[Step] = []
        results: dict[str, str] = {}
        artifacts = self.folder / f"artifacts-{self.stages}"
        for name, job in document["jobs"].items():
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            context = {
                "github": {
                    "event": event,
                    "event_name": event_name,
                    "repository": self.repository,
                    "token": self.token,
                    "run_id": "1",
                    "ref_name": "main",
                },
                "needs": {each: {"result": results[each]} for each in needs},
                "secrets": self.secrets if job.get("environment") in self.credentials else {},
                "vars": self.variables,
                "steps": {},
            }
            failed = any(results[each] != "success" for each in needs)
            if not _holds(job.get("if", "success()"), context, failed=failed):
                results[name] = "skipped"
                continue
            work = _Job(self, name, job, context, artifacts)
            done += work.run()
            results[name] = "failure" if work.failed else "success"
        return done


@dataclass
class _Job:
    forge: Forge
    name: str
    job: Mapping[str, Any]
    context: dict[str, Any]
    artifacts: Path
    failed: bool = False

    def __post_init__(self) -> None:
        self.place = self.forge.folder / f"runner-{self.forge.stages}-{self.name}"
        self.temp = self.place / "temp"
        self.temp.mkdir(parents=True)
        self.workspace = self.place / "work"
        self.context["runner"] = {"temp": str(self.temp), "os": "Linux", "arch": "X64"}
        self.env = {
            **self.forge.network,
            "PATH": f"{self._tools()}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.forge.api,
            "GITHUB_REPOSITORY": self.forge.repository,
            "GITHUB_REF_NAME": "main",
            "GITHUB_SHA": "",
            "RUNNER_TEMP": str(self.temp),
            "NO_COLOR": "1",
        }
        self.env |= {
            name: str(self.temp / name.lower())
            for name in ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }

    def run(self) -> list[Step]:
        return [self._step(step) for step in self.job["steps"]]

    def _step(self, step: Mapping[str, Any]) -> Step:
        name = str(step.get("name") or step.get("uses"))
        if not _holds(step.get("if", "success()"), self.context, failed=self.failed):
            outcome, text = "skipped", ""
        elif "uses" in step:
            outcome, text = self._use(str(step["uses"]).partition("@")[0], step.get("with", {})), ""
        else:
            outcome, text = self._bash(step)
        if "id" in step:
            self.context["steps"][step["id"]] = {"outcome": outcome, "outputs": self._outputs()}
        if outcome == "failure" and not step.get("continue-on-error"):
            self.failed = True
        return Step(self.name, name, outcome, text)

    def _bash(self, step: Mapping[str, Any]) -> tuple[str, str]:
        assert "${{" not in step["run"], "what others write is no part of a script"
        for name in ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            Path(self.env[name]).touch()
        given = {name: str(_filled(value, self.context)) for name, value in step.get("env", {}).items()}
        paths = Path(self.env["GITHUB_PATH"]).read_text(encoding="utf-8").split()
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace,
            env={**self.env, **given, "PATH": os.pathsep.join([*reversed(paths), self.env["PATH"]])},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
        return ("success" if ended.returncode == 0 else "failure"), ended.stdout

    def _use(self, action: str, given: Mapping[str, Any]) -> str:
        wanted = {name: _filled(value, self.context) for name, value in given.items() if name != "key"}
        match action:
            case "actions/checkout":
                _git("clone", "--quiet", "--branch", wanted["ref"], str(self.forge.origin), str(self.workspace))
                for key, value in (("user.name", "runner"), ("user.email", "runner@example.org")):
                    _git("-C", str(self.workspace), "config", key, value)
            case "actions/setup-python" | "actions/cache" | "actions/cache/restore" | "actions/cache/save":
                pass
            case "aws-actions/configure-aws-credentials":
                # What the role's trust says: tests/policies/test_pipeline.py.
                assert self.job["permissions"]["id-token"] == "write"
                if self.job.get("environment") not in self.forge.credentials:
                    return "failure"
                self.env |= self.forge.credentials[self.job["environment"]]
            case "actions/upload-artifact":
                target = self.artifacts / wanted["name"]
                target.mkdir(parents=True)
                shutil.copy(wanted["path"], target)
            case "actions/download-artifact":
                shutil.copytree(self.artifacts / wanted["name"], wanted["path"], dirs_exist_ok=True)
            case _:
                raise AssertionError(f"an action that nothing is known of: {action}")
        return "success"

    def _outputs(self) -> dict[str, str]:
        path = Path(self.env["GITHUB_OUTPUT"])
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return dict(line.split("=", 1) for line in lines)

    def _tools(self) -> Path:
        """What a runner has: a Python whose environments have the package already, and `gh`."""
        tools = self.place / "tools"
        tools.mkdir()
        _script(tools / "python", f'test "$1 $2" = "-m venv" || exec {sys.executable} "$@"\n{_venv(self.place)}')
        _script(tools / "gh", f'echo "{self.forge.applied}"')
        return tools


def _venv(place: Path) -> str:
    """A script that makes an environment: its installer only notes what it is to install."""
    inner = (
        f'test "$1 $2" = "-m pip" || exec {sys.executable} "$@"\\n'
        f'for each; do last="$each"; done; test -s "$last"; echo "$@" >> {place}/installed\\n'
    )
    return (
        f'mkdir -p "$3/bin"\nprintf \'#!/bin/sh\\nset -e\\n{inner}\' > "$3/bin/python"\nchmod +x "$3/bin/python"\n'
        f'ln -s {COMMAND} "$3/bin/fedml-infra"\n'
    )


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def _filled(value: Any, context: Mapping[str, Any]) -> Any:
    """A value with its expressions worked out."""
    if not isinstance(value, str):
        return value
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: _text(_worked_out(found[1], context, failed=False)), value)


def _holds(condition: Any, context: Mapping[str, Any], *, failed: bool) -> bool:
    """Whether an `if` holds. Without a status function it asks for success as well."""
    text = re.sub(r"^\s*\$\{\{(.*)\}\}\s*$", r"\1", str(condition))
    asks = any(name in text for name in ("success()", "failure()", "always()", "cancelled()"))
    return bool(_worked_out(text, context, failed=failed)) and (asks or not failed)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _worked_out(text: str, context: Mapping[str, Any], *, failed: bool) -> Any:
    tokens = _tokens(text)
    value, rest = _either(list(tokens), context, failed)
    assert not rest, f"an expression that is not understood: {text}"
    return value


def _tokens(text: str) -> Iterator[str]:
    at = 0
    text = text.strip()
    while at < len(text):
        found = _TOKENS.match(text, at)
        assert found, f"an expression that is not understood: {text}"
        yield found[1]
        at = found.end()


def _either(tokens: list[str], context: Mapping[str, Any], failed: bool) -> tuple[Any, list[str]]:
    value, rest = _both(tokens, context, failed)
    while rest[:1] == ["||"]:
        other, rest = _both(rest[1:], context, failed)
        value = value or other
    return value, rest


def _both(tokens: list[str], context: Mapping[str, Any], failed: bool) -> tuple[Any, list[str]]:
    value, rest = _compared(tokens, context, failed)
    while rest[:1] == ["&&"]:
        other, rest = _compared(rest[1:], context, failed)
        value = value and other
    return value, rest


def _compared(tokens: list[str], context: Mapping[str, Any], failed: bool) -> tuple[Any, list[str]]:
    value, rest = _single(tokens, context, failed)
    if rest[:1] in (["=="], ["!="]):
        other, after = _single(rest[1:], context, failed)
        return (_text(value) == _text(other)) is (rest[0] == "=="), after
    return value, rest


def _single(tokens: list[str], context: Mapping[str, Any], failed: bool) -> tuple[Any, list[str]]:
    first, rest = tokens[0], tokens[1:]
    if first == "!":
        value, rest = _single(rest, context, failed)
        return not value, rest
    if first == "(":
        value, rest = _either(rest, context, failed)
        assert rest[:1] == [")"]
        return value, rest[1:]
    if first.startswith("'"):
        return first[1:-1].replace("''", "'"), rest
    if rest[:2] == ["(", ")"]:
        return {"success": not failed, "failure": failed, "always": True, "cancelled": False}[first], rest[2:]
    value = context
    for part in first.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value, rest
