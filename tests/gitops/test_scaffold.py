"""The repository that `init` writes: whole or not at all, and sound from the start."""

from __future__ import annotations

import re
import subprocess
from itertools import product
from pathlib import Path

import pytest

from fedml_infra.engine.backend import backend_url
from fedml_infra.engine.project import find_project, stack_dir, template
from fedml_infra.errors import ConfigurationError, ConflictError
from fedml_infra.gitops.git import Repository
from fedml_infra.gitops.pipelines import Settings, settings
from fedml_infra.gitops.scaffold import files_of, locked_requirements, make, own_requirement

KMS = "awskms://alias/federations?region=eu-central-1"
COMBINATIONS = list(
    product(("github", "gitlab", "none"), ("file", "s3://charite-states/fed", "cloud"), ("passphrase", KMS))
)


def wanted(ci: str = "github", backend: str = "cloud", secrets: str = "passphrase") -> Settings:
    return settings(ci=ci, backend=backend, secrets=secrets, region="eu-central-1", branch="main")


def written(ci: str = "github", backend: str = "cloud", secrets: str = "passphrase") -> dict[str, str]:
    return files_of(wanted(ci, backend, secrets), locked="locked\n", own="own\n")


@pytest.mark.parametrize(("ci", "backend", "secrets"), COMBINATIONS)
def test_every_combination_is_written_in_full(ci: str, backend: str, secrets: str) -> None:
    files = written(ci, backend, secrets)
    assert {"Pulumi.yaml", "__main__.py", "stacks/schema.json", "requirements.txt", "README.md", "CODEOWNERS"} <= set(
        files
    )
    assert not [path for path, text in files.items() if re.search(r"<<\w+>>|%%", text)]
    assert all(text.endswith("\n") and not text.endswith("\n\n") for text in files.values())


@pytest.mark.parametrize(("ci", "backend", "secrets"), COMBINATIONS)
def test_the_readme_speaks_of_what_was_chosen_and_of_nothing_else(ci: str, backend: str, secrets: str) -> None:
    readme = written(ci, backend, secrets)["README.md"]
    assert ("Setting up GitHub" in readme, "Setting up GitLab" in readme) == (ci == "github", ci == "gitlab")
    assert ("PULUMI_CONFIG_PASSPHRASE" in readme) == (secrets == "passphrase")
    assert ("--secrets-provider" in readme) == (secrets == KMS)
    assert ("pulumi login" in readme) == (backend == "cloud")
    assert ("thrown away" in readme) == (backend == "file")


def test_the_program_is_the_one_of_every_project() -> None:
    files = written(backend="s3://charite-states")
    assert files["__main__.py"] == template()["__main__.py"]
    assert files["Pulumi.yaml"].startswith(template()["Pulumi.yaml"])


@pytest.mark.parametrize("backend", ["file", "s3://charite-states/fed?profile=x", "cloud"])
def test_the_backend_is_read_back_as_it_was_meant(tmp_path: Path, backend: str) -> None:
    asked = wanted("none", backend)
    make(tmp_path / "here", asked)
    assert backend_url({}, tmp_path / "here") == asked.backend


def test_every_requirement_is_pinned_by_hash_and_no_registry_is_named() -> None:
    text = locked_requirements()
    pins = re.findall(r"^[a-z0-9][^ ]*==[^ ]+.*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(pins) > 30
    assert all("--hash=sha256:" in pin for pin in pins)
    assert {"pulumi", "pulumi-aws", "boto3"} <= {pin.partition("==")[0] for pin in pins}
    assert not re.search(r"https?://|index-url|find-links", text)


def test_this_package_is_pinned_too() -> None:
    assert re.fullmatch(r"fedml-infra==\d+\.\d+\.\d+( --hash=sha256:[0-9a-f]{64})?\n", own_requirement())


def test_it_is_a_project_and_a_git_repository_with_nothing_committed(tmp_path: Path) -> None:
    made = make(tmp_path / "a" / "federations", wanted())
    assert find_project(made.directory) == made.directory
    assert (stack_dir(made.directory) / "schema.json").is_file()
    assert Repository.find(made.directory).current_branch() == "main"
    assert set(map(str, made.files)) == {change.path for change in _untracked(made.directory)}


def _untracked(directory: Path) -> list:
    empty = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "/dev/null"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    return list(Repository(directory).changed(empty, None))


@pytest.mark.parametrize(
    "name",
    [
        ".venv", ".pulumi/credentials.json", "state/x", "cardio.passphrase", ".env", "fedml.sqlite", "x.sqlite-wal",
        "hub.pem", "preview.json", "__pycache__/x.pyc", "cardio.invite",
    ],
)  # fmt: skip
def test_what_is_secret_or_local_is_ignored(tmp_path: Path, name: str) -> None:
    make(tmp_path, wanted())
    asked = subprocess.run(["git", "check-ignore", "--quiet", "--no-index", name], cwd=tmp_path, check=False)
    assert asked.returncode == 0


@pytest.mark.parametrize(
    "name", ["stacks/Pulumi.cardio.yaml", "stacks/schema.json", ".github/workflows/fedml-apply.yml"]
)
def test_what_is_reviewed_is_not_ignored(tmp_path: Path, name: str) -> None:
    make(tmp_path, wanted())
    asked = subprocess.run(["git", "check-ignore", "--quiet", "--no-index", name], cwd=tmp_path, check=False)
    assert asked.returncode == 1


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    make(tmp_path, wanted())
    assert make(tmp_path, wanted()).files == ()


def test_what_was_taken_out_comes_back(tmp_path: Path) -> None:
    make(tmp_path, wanted())
    (tmp_path / "CODEOWNERS").unlink()
    assert make(tmp_path, wanted()).files == (Path("CODEOWNERS"),)


def test_another_file_of_a_name_is_an_error_that_names_all_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine\n")
    (tmp_path / ".gitignore").symlink_to("/nowhere")
    with pytest.raises(ConflictError, match=r"\.gitignore, README\.md"):
        make(tmp_path, wanted())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitignore", "README.md"]
    assert (tmp_path / "README.md").read_text() == "mine\n"


def test_what_cannot_be_written_whole_is_taken_back(tmp_path: Path) -> None:
    """`.github` is a file, so that the workflows, which come last, have no place."""
    (tmp_path / ".github").write_text("")
    with pytest.raises(ConfigurationError, match="Nothing was left"):
        make(tmp_path, wanted())
    assert [path.name for path in tmp_path.iterdir()] == [".github"]


def test_pipelines_are_not_put_where_no_code_host_looks(tmp_path: Path) -> None:
    make(tmp_path, wanted())
    with pytest.raises(ConfigurationError, match="only found at its root"):
        make(tmp_path / "below", wanted())
    assert not (tmp_path / "below").exists()


def test_without_pipelines_it_may_lie_in_another_repository(tmp_path: Path) -> None:
    make(tmp_path, wanted())
    make(tmp_path / "below", wanted("none"))
    assert not (tmp_path / "below" / ".git").exists()
    assert (tmp_path / "below" / "Pulumi.yaml").is_file()


@pytest.mark.parametrize(
    ("ci", "backend", "warned"),
    [("github", "file", 1), ("gitlab", "file", 1), ("none", "file", 0), ("github", "cloud", 0)],
)
def test_a_state_on_one_machine_and_runners_that_are_thrown_away_is_a_warning(
    tmp_path: Path, ci: str, backend: str, warned: int
) -> None:
    assert len(make(tmp_path, wanted(ci, backend)).warnings) == warned


def test_the_hook_of_pre_commit_is_the_check() -> None:
    assert "entry: fedml-infra check\n" in written()[".pre-commit-config.yaml"]
