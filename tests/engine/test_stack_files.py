"""Stack files: read with lines, edited so that all else stays as it was, written in one step."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedml_infra.engine.stack_files import Ciphertext, StackFile, load, stack_files
from fedml_infra.errors import ConfigurationError, StackNotFoundError

FILE = """\
# the administrator's: no aws_topic_arn, so this stack declares the hub
encryptionsalt: v1:...
config:
  aws:region: us-east-1
  'other:thing':   'x'   # not ours
  fedml-infra:fed_name: cardio # the name

  # every half hour
  fedml-infra:sync_sched: "m30"
  fedml-infra:fed_secret_key: {secure: v1:...}
  fedml-infra:members:                    # other organisations' accounts
    # Bern
    - aws_id: "222222222222"   # theirs
    # Basel
    - {aws_id: "333333333333", rights: [publish], nodes: [insel]}   # Basel's
    # that was all
  # our own
  fedml-infra:nodes:                      # this organisation's own nodes
    - pid: charite
      s3_bucket: cardio-charite/updates # made

  other:last: |
    a text
    # of three lines
    with a hash
# the end
"""
MEMBERS = "fedml-infra:members"


def stack_file(text: str = FILE) -> StackFile:
    return StackFile(Path("Pulumi.cardio.yaml"), text, on_disk=None)


def changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went, and those that came."""
    import difflib

    diff = list(difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True)))
    return [line[2:] for line in diff if line[0] == "-"], [line[2:] for line in diff if line[0] == "+"]


def edit(key: str, value: Any, text: str = FILE) -> tuple[list[str], list[str]]:
    file = stack_file(text)
    file.set(key, value)
    assert file.config[key] == value
    return changed(text, file.text)


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


# What is set


def test_a_value_changes_its_line_and_no_other() -> None:
    assert edit("fedml-infra:fed_name", "neuro") == (
        ["  fedml-infra:fed_name: cardio # the name\n"],
        ["  fedml-infra:fed_name: neuro # the name\n"],
    )


def test_a_value_that_is_as_it_was_changes_nothing() -> None:
    file = stack_file()
    for key, value in file.config.items():
        file.set(key, value)
    assert file.text == FILE


def test_a_new_key_is_one_new_line_after_the_last() -> None:
    text = FILE.replace("  other:last: |\n    a text\n    # of three lines\n    with a hash\n", "")
    went, came = edit("fedml-infra:protect", True, text)
    assert (went, came) == ([], ["  fedml-infra:protect: true\n"])


def test_a_new_key_does_not_land_in_another_text() -> None:
    text = FILE.replace("    with a hash\n", "")
    file = stack_file(text)
    file.set("fedml-infra:protect", True)
    assert file.config["other:last"] == "a text\n# of three lines\n"
    assert file.config["fedml-infra:protect"] is True


def test_a_member_that_joins_is_new_lines_only() -> None:
    members = [*stack_file().config[MEMBERS], {"aws_id": "012345678901", "rights": ["publish"], "nodes": ["usz"]}]
    assert edit(MEMBERS, members) == (
        [],
        ['    - aws_id: "012345678901"\n', "      rights: [publish]\n", "      nodes: [usz]\n"],
    )


def test_a_member_that_leaves_takes_its_lines_and_no_comment() -> None:
    assert edit(MEMBERS, stack_file().config[MEMBERS][1:]) == (['    - aws_id: "222222222222"   # theirs\n'], [])


def test_a_member_that_changes_changes_its_lines_only() -> None:
    members = stack_file().config[MEMBERS]
    members[1]["rights"] = ["publish", "receive"]
    went, came = edit(MEMBERS, members)
    assert len(went) == 1
    assert len(came) == 1
    assert came[0].split("#") == [
        '    - {aws_id: "333333333333", rights: [publish, receive], nodes: [insel]} ',
        " Basel's\n",
    ]


def test_a_bare_account_id_is_not_requoted() -> None:
    text = FILE.replace('"222222222222"', "222222222222")
    members = [*stack_file(text).config[MEMBERS], {"aws_id": "444444444444"}]
    assert edit(MEMBERS, members, text) == ([], ['    - aws_id: "444444444444"\n'])


def test_a_key_of_an_entry_keeps_the_comments_of_the_others() -> None:
    nodes = stack_file().config["fedml-infra:nodes"]
    nodes[0]["adopt_bucket"] = True
    assert edit("fedml-infra:nodes", nodes) == ([], ["      adopt_bucket: true\n"])


def test_the_first_members_are_a_block() -> None:
    text = "config:\n  fedml-infra:fed_name: cardio\n"
    file = stack_file(text)
    file.set(MEMBERS, [{"aws_id": "222222222222", "rights": ["publish"]}])
    assert file.text == text + f'  {MEMBERS}:\n    - aws_id: "222222222222"\n      rights: [publish]\n'


def test_a_secret_is_written_as_pulumi_does() -> None:
    _, came = edit("fedml-infra:hub_key", Ciphertext("v1:q3p8jy8q9Q7PWypN:VhTr69I40C05nDD1ARt/ntdQjRo="))
    assert "  fedml-infra:hub_key: {secure: v1:q3p8jy8q9Q7PWypN:VhTr69I40C05nDD1ARt/ntdQjRo=}\n" in came


@pytest.mark.parametrize(
    "text",
    [
        *("012345678901", "1e3", "0x1F", "0b11", "1_000", "yes", "No", "null", "~", "2024-01-01", "true", "", " a"),
        *("a: b", "a #b", "*x", "@x", "- x", "é", 'q"q', "a\nb", "a:", ".5", "%x", "{x}", "12:30"),
    ],
)
def test_text_that_yaml_could_take_for_something_else_is_quoted(text: str) -> None:
    """For YAML 1.1 and 1.2 alike: the engine's parser knows numbers that ruamel.yaml does not."""
    _, came = edit("fedml-infra:tags", {"x": text}, "config:\n  a:b: c\n")
    assert came[-1].startswith('    x: "')


@pytest.mark.parametrize("key", ["fed_secret_key", "fed_old_keys", "hub_key", "member_key"])
def test_a_secret_in_the_clear_is_never_written(key: str) -> None:
    file = stack_file()
    with pytest.raises(ValueError, match="only its ciphertext") as caught:
        file.set(f"fedml-infra:{key}", "AAECAwQFBgcICQoLDA0ODw==")
    assert "AAEC" not in str(caught.value) + file.text


# What is removed


def test_a_key_that_goes_takes_its_lines_only() -> None:
    file = stack_file()
    file.remove("fedml-infra:sync_sched")
    assert changed(FILE, file.text) == (['  fedml-infra:sync_sched: "m30"\n'], [])


def test_a_list_that_goes_leaves_the_comments_behind_it() -> None:
    file = stack_file()
    file.remove(MEMBERS)
    assert "    # that was all\n  # our own\n  fedml-infra:nodes:" in file.text
    assert MEMBERS not in file.config


def test_removing_what_is_not_there_changes_nothing() -> None:
    file = stack_file()
    file.remove("fedml-infra:tags")
    assert file.text == FILE


def test_the_last_key_can_go() -> None:
    file = stack_file("# a\nconfig:\n  a:b: c\n")
    file.remove("a:b")
    assert file.config == {}
    assert file.text.startswith("# a\n")


KEYS = ["fedml-infra:fed_name", "fedml-infra:protect", "fedml-infra:topology", "fedml-infra:tags", MEMBERS]
ACCOUNTS = st.lists(st.sampled_from(["222222222222", "333333333333", "012345678901"]), unique=True)
VALUES = st.one_of(
    st.booleans(),
    st.integers(0, 10**12),
    st.text(max_size=12),
    st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=9), max_size=3).filter(
        lambda d: "secure" not in d
    ),
    st.builds(Ciphertext, st.text("v1:+/=aZ", min_size=1)),
    ACCOUNTS.map(lambda ids: [{"aws_id": aws_id, "rights": ["publish"]} for aws_id in ids]),
    st.lists(st.one_of(st.text(max_size=5), st.integers())),
)
EDITS = st.lists(st.tuples(st.sampled_from(KEYS), st.one_of(st.none(), VALUES)), max_size=6)
MINE = ("fedml-infra:fed_name", "fedml-infra:protect", "fedml-infra:topology", "fedml-infra:tags", MEMBERS)


@settings(deadline=None, max_examples=40)
@given(EDITS)
def test_whatever_is_edited_the_rest_is_as_it_was(edits: list[tuple[str, Any]]) -> None:
    """Other keys by value and by line, comments that stand alone, other namespaces."""
    file, expected = stack_file(), stack_file().config
    for key, value in edits:
        if value is None:
            file.remove(key)
            expected.pop(key, None)
        else:
            file.set(key, value)
            expected[key] = value
        assert file.config == expected
    theirs = [
        line
        for line in FILE.splitlines()
        if not any(word in line for word in ("fed_name", "aws_id", MEMBERS, "Bern", "Basel"))
    ]
    left = iter(file.text.splitlines())
    assert [line for line in theirs if line not in left] == []


# How it is laid out


@pytest.mark.parametrize("text", [FILE, FILE.rstrip("\n"), FILE.rsplit("# the end")[0].rstrip("\n")])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_stay(text: str, newline: str) -> None:
    given = text.replace("\n", newline)
    file = stack_file(given)
    file.set("fedml-infra:fed_name", "neuro")
    assert file.text == given.replace("cardio #", "neuro #")


def test_a_missing_newline_at_the_end_is_no_trouble() -> None:
    file = stack_file("config:\n  fedml-infra:fed_name: cardio")
    file.set("fedml-infra:protect", True)
    assert file.text == "config:\n  fedml-infra:fed_name: cardio\n  fedml-infra:protect: true\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "config:\n",
        "config: {}\n",
        "encryptionsalt: v1:x\n",
        "config: {aws:region: us-east-1, fedml-infra:fed_name: x}\n",
        "config:\n    aws:region: us-east-1\n    fedml-infra:tags: &t\n        a: b\n    other:x: *t\n",
        "config:\n  fedml-infra:fed_name: x\nencryptionsalt: v1:x\n",
        "config:\n  fedml-infra:fed_name:\n    x\n",
        "{config: {fedml-infra:fed_name: x}}\n",
        "config:\n   fedml-infra:members:\n   - aws_id: '222222222222'\n   - aws_id: '333333333333'\n",
    ],
)
def test_every_layout_can_be_edited(text: str) -> None:
    file = stack_file(text)
    before = file.config
    file.set("fedml-infra:fed_name", "neuro")
    file.set(MEMBERS, [{"aws_id": "333333333333"}, {"aws_id": "444444444444"}])
    file.set("fedml-infra:tags", {"a": "c"})
    assert file.config == before | {
        "fedml-infra:fed_name": "neuro",
        MEMBERS: [{"aws_id": "333333333333"}, {"aws_id": "444444444444"}],
        "fedml-infra:tags": {"a": "c"},
    }
    file.remove("fedml-infra:tags")
    assert ("v1:x" in file.text) is ("v1:x" in text)
    assert ("# only" in file.text) is ("# only" in text)


def test_a_new_file_names_the_schema_to_editors() -> None:
    file = StackFile.new(Path("Pulumi.cardio.yaml"))
    file.set("aws:region", "us-east-1")
    assert file.text == "# yaml-language-server: $schema=schema.json\nconfig:\n  aws:region: us-east-1\n"


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
