"""Stack files: read with lines, refused where they are none, written in one step."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fedml_infra.engine.stack_files import Ciphertext, StackFile, load, stack_files
from fedml_infra.errors import ConfigurationError, StackNotFoundError
from tests.engine.stack_text import FILE, MEMBERS, stack_file


def test_values_are_plain_and_secrets_are_ciphertext() -> None:
    config = stack_file().config
    assert config["fedml-infra:fed_secret_key"] == Ciphertext("v1:...")
    assert config["fedml-infra:sync_sched"] == "m30"
    assert type(config["fedml-infra:sync_sched"]) is str
    assert type(config[MEMBERS]) is list
    assert type(config[MEMBERS][0]) is dict


def test_lines_are_counted_from_one() -> None:
    lines = stack_file().lines
    assert (lines["aws:region"], lines[MEMBERS], lines[f"{MEMBERS}[0]"]) == (4, 11, 13)
    assert (lines[f"{MEMBERS}[1].rights[0]"], lines["fedml-infra:nodes[0].s3_bucket"]) == (15, 20)


def test_a_mistake_has_its_line() -> None:
    text = FILE.replace('aws_id: "222222222222"', "aws_id: 2222").replace("pid: charite", "pidd: charite")
    with pytest.raises(ConfigurationError) as caught:
        stack_file(text).validated()
    found = {problem.key: problem.line for problem in caught.value.problems}
    assert found == {"members[0].aws_id": 13, "nodes[0].pid": 19, "nodes[0].pidd": 19}


def test_an_unknown_key_has_its_line() -> None:
    with pytest.raises(ConfigurationError) as caught:
        stack_file(FILE.replace("fedml-infra:sync_sched", "fedml-infra:sync_shed")).validated()
    assert {problem.key: problem.line for problem in caught.value.problems} == {"sync_sched": None, "sync_shed": 9}


def test_a_secret_in_clear_text_is_an_error_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match="clear text") as caught:
        stack_file(FILE.replace("{secure: v1:...}", "AAECAwQFBgcICQoLDA0ODw==")).validated()
    assert "AAEC" not in str(caught.value)


def test_the_example_is_valid() -> None:
    read = stack_file().validated()
    assert read.has_secret("fed_secret_key")
    assert read.is_hub


# What is no stack file


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("config:\n  a:b: [\n", 3),
        ("config:\n\ta:b: c\n", 2),
        ("config:\n  a:b: c\n   d:e: f\n", 3),
        ("config:\n  a:b: 'c\n", 3),
        ("config:\n  a:b: *c\n", 2),
    ],
)
def test_a_syntax_error_has_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigurationError, match="is not YAML") as caught:
        stack_file(text)
    assert [problem.line for problem in caught.value.problems] == [line]


def test_a_key_twice_has_its_line() -> None:
    with pytest.raises(ConfigurationError, match="duplicate key") as caught:
        stack_file("config:\n  a:b: c\n  x:y: z\n  a:b: d\n")
    assert caught.value.problems[0].line == 4


@pytest.mark.parametrize("text", ["- a\n", "text\n", "7\n", "config: [a]\n", "config: text\n"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no stack file"):
        stack_file(text)


def test_two_documents_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="is not YAML"):
        stack_file("config:\n  a:b: c\n---\nconfig:\n  a:b: d\n")


def test_a_date_is_no_text() -> None:
    with pytest.raises(ConfigurationError, match="not a date"):
        stack_file(FILE.replace("pid: charite", "pid: 2024-01-01")).validated()


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.cardio.yaml"
    path.write_bytes(b"config:\n  a:b: \xff\n")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        StackFile.read(path)


def test_a_file_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.neuro.yaml").write_text("config: {}\n")
    with pytest.raises(StackNotFoundError) as caught:
        StackFile.read(tmp_path / "Pulumi.cardio.yaml")
    assert "Pulumi.neuro.yaml" in str(caught.value)


# On disk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "Pulumi.cardio.yaml"
    path.write_bytes(FILE.encode())
    return path


def test_what_is_written_can_be_loaded(path: Path) -> None:
    file = StackFile.read(path)
    file.set("fedml-infra:protect", True)
    file.write()
    assert load(path).protect
    assert path.read_text() == file.text


def test_nothing_is_left_beside_the_file(path: Path) -> None:
    file = StackFile.read(path)
    file.set("fedml-infra:protect", True)
    file.write()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_the_mode_stays(path: Path, mode: int) -> None:
    path.chmod(mode)
    file = StackFile.read(path)
    file.set("fedml-infra:protect", True)
    file.write()
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_the_file_is_replaced_in_one_step(path: Path) -> None:
    """Who had it open still reads the old one, whole."""
    with path.open() as reader:
        file = StackFile.read(path)
        file.set("fedml-infra:protect", True)
        file.write()
        assert reader.read() == FILE


def test_a_symbolic_link_stays_one(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link" / "Pulumi.cardio.yaml"
    link.parent.mkdir()
    link.symlink_to(path)
    file = StackFile.read(link)
    file.set("fedml-infra:protect", True)
    file.write()
    assert link.is_symlink()
    assert "protect" in path.read_text()


def test_what_someone_else_wrote_meanwhile_is_not_overwritten(path: Path) -> None:
    file = StackFile.read(path)
    file.set("fedml-infra:protect", True)
    path.write_text(FILE + "# theirs\n")
    with pytest.raises(ConfigurationError, match="changed by someone else"):
        file.write()
    assert path.read_text() == FILE + "# theirs\n"


def test_a_new_file_overwrites_none(path: Path) -> None:
    file = StackFile.new(path)
    file.set("aws:region", "us-east-1")
    with pytest.raises(ConfigurationError, match="changed by someone else"):
        file.write()
    assert path.read_text() == FILE


def test_a_file_can_be_written_again(path: Path) -> None:
    file = StackFile.read(path)
    for name in ("a", "b"):
        file.set("fedml-infra:fed_name", name)
        file.write()
    assert "fed_name: b" in path.read_text()


def test_a_new_file_makes_its_folder(tmp_path: Path) -> None:
    file = StackFile.new(tmp_path / "stacks" / "Pulumi.cardio.yaml")
    file.set("aws:region", "us-east-1")
    file.write()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o644
    assert StackFile.read(file.path).config == {"aws:region": "us-east-1"}


def test_a_stack_is_named_after_its_file(path: Path) -> None:
    assert StackFile.read(path).stack == "cardio"
    other = path.rename(path.with_name("Pulumi.neuro.yaml"))
    with pytest.raises(ConfigurationError, match="'neuro'"):
        load(other)


@pytest.mark.parametrize(("project", "folder"), [("name: x\nstackConfigDir: stacks\n", "stacks"), ("name: x\n", ".")])
def test_stack_files_are_found_where_the_project_says(tmp_path: Path, project: str, folder: str) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text(project)
    for name in ("Pulumi.b.yaml", "Pulumi.a.yaml", "schema.json"):
        (tmp_path / folder / name).write_text("config: {}\n")
    assert list(stack_files(tmp_path)) == ["a", "b"]
    assert stack_files(tmp_path)["a"] == tmp_path / folder / "Pulumi.a.yaml"
