"""The pipelines that `init` writes: by their schemas, by zizmor, and by what no job of them may have."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import pytest
from ruamel.yaml import YAML

from fedml_infra.errors import ConfigurationError
from fedml_infra.gitops.pipelines import Settings, pipeline_files, render, settings

KMS = "awskms://alias/federations?region=eu-central-1"
BACKENDS = {"file": "file", "bucket": "s3://charite-states/fed", "cloud": "cloud"}
SECRETS = {"passphrase": "passphrase", "kms": KMS}
COMBINATIONS = list(product(BACKENDS.values(), SECRETS.values()))
VENDOR = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"
SCHEMAS = {"workflows/": "github-workflows.json", "dependabot": "dependabot.json", ".gitlab-ci": "gitlab-ci.json"}


def wanted(ci: str, backend: str = "s3://charite-states", secrets: str = "passphrase") -> Settings:
    return settings(ci=ci, backend=backend, secrets=secrets, region="eu-central-1", branch="main")


def parsed(text: str) -> list[Any]:
    """The documents of a YAML file as plain values; `on` stays a word, as in YAML 1.2, and GitLab's tags are lists."""
    loader = YAML(typ="safe", pure=True)
    loader.constructor.add_constructor("!reference", lambda load, node: load.construct_sequence(node))
    return list(loader.load_all(text))


def workflow(name: str, **options: str) -> dict[str, Any]:
    (found,) = parsed(pipeline_files(wanted("github", **options))[f".github/workflows/fedml-{name}.yml"])
    return found


def jobs(**options: str) -> dict[str, dict[str, Any]]:
    """Every job of every GitHub workflow, by workflow and name."""
    return {
        f"{name}/{job}": content
        for name in ("pull-request", "apply", "drift")
        for job, content in workflow(name, **options)["jobs"].items()
    }


def gitlab(**options: str) -> dict[str, Any]:
    return parsed(pipeline_files(wanted("gitlab", **options))[".gitlab-ci.yml"])[1]


@pytest.mark.parametrize("ci", ["github", "gitlab"])
@pytest.mark.parametrize(("backend", "secrets"), COMBINATIONS)
def test_every_file_passes_its_official_schema(ci: str, backend: str, secrets: str) -> None:
    for path, text in pipeline_files(wanted(ci, backend, secrets)).items():
        (name,) = [schema for part, schema in SCHEMAS.items() if part in path]
        schema = json.loads((VENDOR / name).read_text(encoding="utf-8"))
        for document in parsed(text):
            jsonschema.validate(document, schema)


def test_check_jsonschema_itself_agrees_and_would_see_a_mistake(tmp_path: Path) -> None:
    text = pipeline_files(wanted("github"))[".github/workflows/fedml-pull-request.yml"]
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text(text)
    bad.write_text(text.replace("runs-on:", "runs-at:"))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    assert subprocess.run([*command, good], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*command, bad], capture_output=True, check=False).returncode == 1


ZIZMOR = Path(sys.executable).with_name("zizmor")


def zizmor(folder: Path, files: dict[str, str]) -> list[str]:
    """What zizmor finds in workflows, offline, at its strictest."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    command = [ZIZMOR, "--offline", "--no-config", "--no-progress", "--persona=auditor", "--format=json", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [finding["ident"] for finding in json.loads(done.stdout) if not finding.get("ignored")]


@pytest.mark.parametrize(("backend", "secrets"), [("s3://charite-states", KMS), ("cloud", "passphrase")])
def test_zizmor_finds_nothing_at_its_strictest(tmp_path: Path, backend: str, secrets: str) -> None:
    assert zizmor(tmp_path, pipeline_files(wanted("github", backend, secrets))) == []


def test_zizmor_has_only_the_self_hosted_runner_to_say_where_the_state_is_on_one(tmp_path: Path) -> None:
    assert set(zizmor(tmp_path, pipeline_files(wanted("github", "file")))) == {"self-hosted-runner"}


def test_zizmor_would_find_a_word_of_the_pull_request_in_a_shell_line(tmp_path: Path) -> None:
    files = pipeline_files(wanted("github"))
    path = ".github/workflows/fedml-pull-request.yml"
    worse = files[path].replace('"$HEAD"', "${{ github.event.pull_request.head.ref }}")
    assert "template-injection" in zizmor(tmp_path, {path: worse})


def test_one_finding_is_ignored_and_says_why() -> None:
    """`pull_request_target` is what keeps the pull request's own workflow from running."""
    ignored = [
        line for text in pipeline_files(wanted("github")).values() for line in text.splitlines() if "zizmor:" in line
    ]
    assert [line.split("#")[0].strip() for line in ignored] == ["pull_request_target:"]


@pytest.mark.parametrize(("backend", "secrets"), COMBINATIONS)
def test_no_expression_stands_in_a_shell_line(backend: str, secrets: str) -> None:
    lines = [
        step["run"] for job in jobs(backend=backend, secrets=secrets).values() for step in job["steps"] if "run" in step
    ]
    assert lines
    assert [line for line in lines if "${{" in line] == []


def test_every_action_is_pinned_by_commit_with_its_version_said() -> None:
    found = [
        line.strip()
        for text in pipeline_files(wanted("github")).values()
        for line in text.splitlines()
        if "uses:" in line
    ]
    assert found
    assert [line for line in found if not re.fullmatch(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_a_workflow_gives_nothing_that_a_job_does_not_ask_for() -> None:
    assert [workflow(name)["permissions"] for name in ("pull-request", "apply", "drift")] == [{}, {}, {}]


def test_each_job_has_these_rights_and_no_more() -> None:
    read = {"contents": "read"}
    assert {name: job["permissions"] for name, job in jobs().items()} == {
        "pull-request/check": read,
        "pull-request/preview": {**read, "id-token": "write"},
        "pull-request/comment": {**read, "pull-requests": "write"},
        "apply/apply": {"contents": "write", "pull-requests": "write", "id-token": "write", "actions": "read"},
        "drift/drift": {**read, "id-token": "write", "issues": "write"},
    }


def test_each_job_that_goes_to_aws_has_an_environment_and_no_other_has() -> None:
    assert {name: job["environment"] for name, job in jobs().items() if "environment" in job} == {
        "pull-request/preview": "fedml-preview",
        "apply/apply": "fedml-apply",
        "drift/drift": "fedml-drift",
    }


@pytest.mark.parametrize(("backend", "secrets"), COMBINATIONS)
def test_no_secret_is_in_a_job_without_an_environment(backend: str, secrets: str) -> None:
    bare = [job for job in jobs(backend=backend, secrets=secrets).values() if "environment" not in job]
    assert bare
    assert "secrets." not in json.dumps(bare)


def test_a_secret_is_given_to_one_step_of_a_job() -> None:
    for job in jobs(backend="cloud").values():
        assert "secrets." not in json.dumps({key: value for key, value in job.items() if key != "steps"})
        assert sum("secrets." in json.dumps(step) for step in job["steps"]) <= 1


def test_secrets_are_those_that_the_repository_was_made_for() -> None:
    def named(**options: str) -> set[str]:
        return set(re.findall(r"secrets\.(\w+)", json.dumps(jobs(**options)))) - {"FEDML_INFRA_DATABASE_URL"}

    assert named() == {"PULUMI_CONFIG_PASSPHRASE"}
    assert named(secrets=KMS) == set()
    assert named(backend="cloud", secrets=KMS) == {"PULUMI_ACCESS_TOKEN"}


def test_a_fork_gets_the_check_alone() -> None:
    found = workflow("pull-request")["jobs"]
    assert found["preview"]["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    assert found["comment"]["needs"] == "preview"
    assert "if" not in found["check"]


def test_what_is_checked_out_is_the_default_branch_and_no_credential_stays() -> None:
    checkouts = [
        step["with"]
        for job in jobs().values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert len(checkouts) == len(jobs())
    assert all(each == {"ref": "main", "fetch-depth": 0, "persist-credentials": False} for each in checkouts)


def test_nothing_of_a_pull_request_is_checked_out_or_reaches_a_shell_but_by_a_variable() -> None:
    text = pipeline_files(wanted("github"))[".github/workflows/fedml-pull-request.yml"]
    uses = [line.strip() for line in text.splitlines() if "github.event.pull_request." in line]
    allowed = {
        "group: fedml-pull-request-${{ github.event.pull_request.number }}",
        "if: github.event.pull_request.head.repo.full_name == github.repository",
        "NUMBER: ${{ github.event.pull_request.number }}",
        "HEAD: ${{ github.event.pull_request.head.sha }}",
    }
    assert set(uses) == allowed
    assert "git checkout" not in text
    assert "git merge " not in text


def test_a_run_that_changes_aws_is_never_broken_off_by_the_next() -> None:
    assert workflow("apply")["concurrency"] == {"group": "fedml-apply", "cancel-in-progress": False}


def test_a_pull_request_s_run_writes_no_cache_that_others_read() -> None:
    found = {
        name: [step["uses"].split("@")[0] for step in job["steps"] if "actions/cache" in step.get("uses", "")]
        for name, job in jobs().items()
    }
    assert found["pull-request/preview"] == ["actions/cache/restore"]
    assert found["pull-request/check"] == []
    assert found["apply/apply"] == ["actions/cache"]


def test_every_job_ends_by_itself() -> None:
    assert all(isinstance(job["timeout-minutes"], int) for job in jobs().values())


def test_what_needs_the_state_runs_where_it_is() -> None:
    def runners(backend: str) -> dict[str, Any]:
        return {name: job["runs-on"] for name, job in jobs(backend=backend).items()}

    assert set(map(str, runners("cloud").values())) == {"ubuntu-24.04"}
    own = [name for name, runner in runners("file").items() if runner == ["self-hosted", "fedml-state"]]
    assert own == ["pull-request/preview", "apply/apply", "drift/drift"]


def test_on_gitlab_a_merge_request_s_own_pipeline_has_no_token_and_no_environment() -> None:
    found = gitlab()
    own = ["check", "ask-for-preview"]
    for name in own:
        assert all("merge_request_event" in rule["if"] for rule in found[name]["rules"])
        assert not {"id_tokens", "environment", "secrets"} & set(found[name])
    others = [name for name in found if isinstance(found[name], dict) and "rules" in found[name] and name not in own]
    for name in set(others) - {"workflow"}:
        assert all('$CI_COMMIT_BRANCH == "main"' in rule["if"] for rule in found[name]["rules"])


def test_on_gitlab_each_job_s_token_is_for_its_own_role() -> None:
    found = {name: job["id_tokens"] for name, job in gitlab().items() if isinstance(job, dict) and "id_tokens" in job}
    assert found == {name: {"FEDML_AWS_TOKEN": {"aud": f"fedml-{name}"}} for name in ("preview", "apply", "drift")}
    assert all(gitlab()[name]["environment"]["name"] == f"fedml-{name}" for name in found)


def test_on_gitlab_a_fork_gets_the_check_alone() -> None:
    (rule,) = gitlab()["ask-for-preview"]["rules"]
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in rule["if"]


def test_on_gitlab_the_number_of_a_merge_request_is_a_number() -> None:
    head, _ = parsed(pipeline_files(wanted("gitlab"))[".gitlab-ci.yml"])
    expression = re.compile(head["spec"]["inputs"]["merge_request"]["regex"])
    assert expression.match("12")
    assert not any(expression.match(text) for text in ("1; curl evil", "$(id)", "../1", "-1"))


def test_on_gitlab_a_run_that_changes_aws_is_alone_and_not_broken_off() -> None:
    assert gitlab()["apply"]["resource_group"] == "fedml-apply"
    assert gitlab()["workflow"]["auto_cancel"] == {"on_new_commit": "none"}


@pytest.mark.parametrize("ci", ["github", "gitlab"])
@pytest.mark.parametrize(("backend", "secrets"), COMBINATIONS)
def test_no_mark_of_a_template_is_left(ci: str, backend: str, secrets: str) -> None:
    for text in pipeline_files(wanted(ci, backend, secrets)).values():
        assert not re.search(r"<<\w+>>|%%", text)


def test_without_a_ci_there_is_no_pipeline() -> None:
    assert pipeline_files(wanted("none")) == {}


def test_another_default_branch_is_the_one_that_is_trusted() -> None:
    other = settings(ci="github", backend="cloud", secrets=KMS, region="eu-central-1", branch="trunk")
    text = "".join(pipeline_files(other).values())
    assert 'branches: ["trunk"]' in text
    assert not re.search(r"\bmain\b", text.replace("__main__", ""))


@pytest.mark.parametrize(
    "change",
    [
        {"branch": "main; curl evil"},
        {"branch": "../main"},
        {"branch": '"]'},
        {"branch": ""},
        {"region": "mars-1"},
        {"backend": "gs://bucket"},
        {"backend": "s3://"},
        {"backend": "s3://bucket?x=a b"},
        {"secrets": "hunter2"},
        {"secrets": "awskms://alias/x"},
        {"secrets": "awskms://alias/x?region=eu-central-1#\nrun: evil"},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(change: dict[str, str]) -> None:
    good = {"ci": "github", "backend": "file", "secrets": "passphrase", "region": "us-east-1", "branch": "main"}
    with pytest.raises(ConfigurationError):
        settings(**{**good, **change})


def test_a_bucket_s_region_is_said_once() -> None:
    assert wanted("none", "s3://b").backend == "s3://b?region=eu-central-1"
    assert wanted("none", "s3://b?region=us-west-2").backend == "s3://b?region=us-west-2"
    assert wanted("none", "s3://b?profile=x").backend == "s3://b?profile=x&region=eu-central-1"


def test_lines_and_paragraphs_of_a_template_depend_on_flags() -> None:
    text = render("CODEOWNERS", {"owner": "us"}, {"gitlab"})
    assert "#/.gitlab-ci.yml @us/platform\n" in text
    assert ".github" not in text
