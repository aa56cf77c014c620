"""Which stacks a change touches."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedml_infra.engine.project import template
from fedml_infra.errors import ConfigurationError
from fedml_infra.gitops.changed import Layout, StackChange, changed_stacks
from tests.gitops.repositories import Checkout

PROJECT = "infra/fed"


@pytest.fixture
def project(checkout: Checkout) -> Path:
    """A project in a folder of its repository, with two stacks."""
    for name, content in template().items():
        checkout.write(f"{PROJECT}/{name}", content)
    checkout.write(f"{PROJECT}/requirements.txt", "fedml-infra==0.1.0\n")
    for name in ("cardio", "onco"):
        checkout.write(f"{PROJECT}/stacks/Pulumi.{name}.yaml", f"config: {{a: {name}}}\n")
    checkout.write("README.md", "all\n")
    checkout.commit()
    return checkout.root / PROJECT


def test_stacks_added_changed_and_removed_are_told_by_name(checkout: Checkout, project: Path) -> None:
    (project / "stacks/Pulumi.onco.yaml").rename(project / "stacks/Pulumi.derma.yaml")
    (project / "stacks/Pulumi.cardio.yaml").write_text("not: [yaml\n")
    (checkout.root / "README.md").write_text("other\n")
    expected = (StackChange("cardio", "changed"), StackChange("derma", "added"), StackChange("onco", "removed"))
    found = changed_stacks(checkout.repository, project, "HEAD")
    assert (found.stacks, found.program, found.others) == (expected, (), ("README.md",))
    checkout.commit()
    assert changed_stacks(checkout.repository, project, "HEAD~1", "HEAD") == found


@pytest.mark.parametrize(
    "path", ["__main__.py", "Pulumi.yaml", "requirements.txt", "requirements.in", "requirements/runtime.txt", "x.py"]
)
def test_a_file_of_the_program_touches_every_stack(checkout: Checkout, project: Path, path: str) -> None:
    file = checkout.write(f"{PROJECT}/{path}", "")
    if path == "Pulumi.yaml":
        file.write_text("name: fedml-infra\nstackConfigDir: stacks\n")
    found = changed_stacks(checkout.repository, project, "HEAD")
    assert found.stacks == (StackChange("cardio", "changed"), StackChange("onco", "changed"))
    assert found.program == (f"{PROJECT}/{path}",)
    checkout.commit()
    assert changed_stacks(checkout.repository, project, "HEAD~1", "HEAD") == found


def test_with_a_changed_program_an_added_and_a_removed_stack_keep_their_status(
    checkout: Checkout, project: Path
) -> None:
    (project / "stacks/Pulumi.onco.yaml").rename(project / "stacks/Pulumi.derma.yaml")
    (project / "__main__.py").write_text("")
    found = changed_stacks(checkout.repository, project, "HEAD").stacks
    assert [stack.status for stack in found] == ["changed", "added", "removed"]


@pytest.mark.parametrize(
    "path",
    [
        "stacks/Pulumi.cardio.yaml",
        f"{PROJECT}/stacks/deep/Pulumi.cardio.yaml",
        f"{PROJECT}/Pulumi.cardio.yaml",
        f"{PROJECT}/stacks/Pulumi.a b.yaml",
        f"{PROJECT}/stacks/Pulumi..yaml",
        f"{PROJECT}/stacks/Pulumi.x\n.yaml",
        f"{PROJECT}/stacks/Pulumi.x.yml",
        f"{PROJECT}/stacks/pulumi.x.yaml",
    ],
)
def test_what_is_no_stack_file_of_the_project_touches_none(checkout: Checkout, project: Path, path: str) -> None:
    checkout.write(path, "x")
    found = changed_stacks(checkout.repository, project, "HEAD")
    assert (found.stacks, found.others) == ((), (path,))


def test_a_project_at_the_root_of_its_repository_has_its_stacks_told(checkout: Checkout) -> None:
    checkout.write("Pulumi.yaml", "name: fedml-infra\n")
    checkout.commit()
    checkout.write("Pulumi.cardio.yaml", "x")
    found = changed_stacks(checkout.repository, checkout.root, "HEAD")
    assert (found.stacks, found.program) == ((StackChange("cardio", "added"),), ())


def test_a_project_outside_the_repository_is_refused(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: fedml-infra\n")
    with pytest.raises(ConfigurationError, match="lies outside"):
        Layout.of(checkout.repository, tmp_path)


def test_stack_files_that_lead_outside_the_repository_are_refused(checkout: Checkout) -> None:
    checkout.write("Pulumi.yaml", "name: fedml-infra\nstackConfigDir: ../../elsewhere\n")
    with pytest.raises(ConfigurationError, match="lies outside"):
        Layout.of(checkout.repository, checkout.root)
