"""Stack files are edited so that all else stays as it was, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedml_infra.engine.stack_files import Ciphertext, StackFile
from tests.engine.stack_text import FILE, MEMBERS, stack_file


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
