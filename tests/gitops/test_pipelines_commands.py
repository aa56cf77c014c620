"""Every `fedml-infra` command in what `init` writes exists, with every option that is given."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fedml_infra.gitops.pipelines import settings
from fedml_infra.gitops.scaffold import files_of
from tests.docs.pages import blocks, commands_in, inline_commands
from tests.docs.test_commands import parse, resolve
from tests.gitops.test_pipelines import gitlab, jobs

CIS = ("github", "gitlab", "none")


def of_pipelines() -> list[list[str]]:
    """The words of each call in a step."""
    lines = [step["run"] for job in jobs().values() for step in job["steps"] if "run" in step]
    lines += [line for job in gitlab().values() if isinstance(job, dict) for line in job.get("script", [])]
    return [words for line in lines for words in commands_in(line)]


@pytest.fixture(params=CIS)
def readme(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    kms = "awskms://alias/federations?region=eu-central-1"
    wanted = settings(ci=request.param, backend="cloud", secrets=kms, region="eu-central-1", branch="main")
    page = tmp_path / "README.md"
    page.write_text(files_of(wanted, locked="", own="")["README.md"])
    return page


def test_the_steps_call_all_that_a_pipeline_needs() -> None:
    called = {" ".join(words[:2]) if words[0] == "gitops" else words[0] for words in of_pipelines()}
    assert called == {"check", *(f"gitops {name}" for name in ("take", "preview", "comment", "apply", "drift"))}


@pytest.mark.parametrize("words", of_pipelines(), ids=" ".join)
def test_what_a_step_calls_is_there(words: list[str]) -> None:
    command, _, rest = resolve(words)
    parse(command, rest)


def test_what_the_readme_shows_is_there(readme: Path) -> None:
    shown = [words for block in blocks(readme) if block.language == "sh" for words in commands_in(block.text)]
    assert len(shown) > 5
    for words in shown:
        command, _, rest = resolve(words)
        parse(command, rest)


def test_what_the_readme_speaks_of_is_there(readme: Path) -> None:
    shown = list(inline_commands(readme))
    assert len(shown) > 5
    for words in shown:
        command, _, rest = resolve(words)
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= known


def test_the_variables_that_the_readme_asks_for_are_those_that_the_pipelines_read(readme: Path) -> None:
    text = readme.read_text()
    for ci, found in (("GitHub", json.dumps(jobs(backend="cloud"))), ("GitLab", json.dumps(gitlab(backend="cloud")))):
        if f"Setting up {ci}" in text:
            read = set(re.findall(r"(?:vars|secrets)\.(\w+)|\$(FEDML_AWS_ROLE)", found))
            assert {name for pair in read for name in pair if name} - {"PULUMI_CONFIG_PASSPHRASE"} <= set(
                re.findall(r"`(\w+)`", text)
            )
