"""The folder with Pulumi.yaml: found, and written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fedml_infra.engine.project import TEMPLATE_FILES, find_project, stack_dir, stack_path, template, write_project
from fedml_infra.errors import ConfigurationError

TOP = Path(__file__).parents[2]


@pytest.mark.parametrize("name", TEMPLATE_FILES)
def test_the_template_is_this_projects_own_program(name):
    assert template()[name] == (TOP / name).read_text()


def test_a_project_is_found_from_any_folder_below_it(tmp_path):
    (tmp_path / "Pulumi.yaml").touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_project(below) == tmp_path


def test_no_project_is_an_error_that_says_where_it_looked(tmp_path):
    with pytest.raises(ConfigurationError, match=str(tmp_path)):
        find_project(tmp_path)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("stackConfigDir: stacks\n", "stacks"),
        ("a: 1\nstackConfigDir: 'my-stacks' # here\n", "my-stacks"),
        ("# stackConfigDir: x\n", "."),
    ],
)
def test_stack_files_lie_where_the_project_says(tmp_path, text, folder):
    (tmp_path / "Pulumi.yaml").write_text(text)
    assert stack_dir(tmp_path) == tmp_path / folder
    assert stack_path(tmp_path, "cardio") == tmp_path / folder / "Pulumi.cardio.yaml"


def test_a_written_project_is_whole_and_writing_it_again_changes_nothing(tmp_path):
    written = {path.name for path in write_project(tmp_path / "new")}
    assert written == {"Pulumi.yaml", "__main__.py", ".venv"}
    assert (tmp_path / "new/stacks").is_dir()
    assert (tmp_path / "new/.venv").resolve() == Path(sys.prefix).resolve()
    (tmp_path / "new/__main__.py").write_text("mine")
    assert write_project(tmp_path / "new") == ()
    assert (tmp_path / "new/__main__.py").read_text() == "mine"


def test_another_project_is_not_written_into(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: theirs\n")
    with pytest.raises(ConfigurationError, match="belongs to another project"):
        write_project(tmp_path)
    assert not (tmp_path / "__main__.py").exists()


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="-C DIR"):
        write_project(tmp_path / "file" / "below")
