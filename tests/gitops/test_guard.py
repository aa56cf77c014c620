"""What a proposed stack file may not do: each refusal, with its line."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fedml_infra.gitops.guard import Base, mistakes
from fedml_infra.gitops.strict_yaml import Node, read

OLD = """\
encryptionsalt: v1:abc:v1:def:ghi
config:
  aws:region: us-east-1
  aws:profile: prod
  fedml-infra:fed_name: cardio
  fedml-infra:sync_sched: m30
  fedml-infra:fed_secret_key: {secure: v1:one}
  fedml-infra:hub_key:
    secure: v1:two
  fedml-infra:nodes:
    - {pid: charite, s3_bucket: cardio-charite/updates}
"""
OTHER = 'secretsprovider: "awskms://alias/fed"\nconfig:\n  fedml-infra:fed_secret_key: {secure: v1:far}\n'
BASE = Base.of({"cardio": OLD.encode(), "onco": OTHER.encode()})
END = OLD.count("\n") + 1


def refused(text: str, before: str | None = OLD) -> list[tuple[int | None, str]]:
    found = mistakes("cardio", before.encode() if before is not None else None, text.encode(), BASE)
    return [(one.line, one.message) for one in found]


def test_a_member_a_node_and_a_new_key_may_be_proposed() -> None:
    text = (
        OLD.replace("v1:one", "v1:new")
        + '    - {pid: insel, s3_bucket: b}\n  fedml-infra:members:\n    - aws_id: "222222222222"\n'
    )
    assert refused(text + "  fedml-infra:tags: {team: 'a: b'}\n  aws:defaultTags: {tags: {a: b}}\n# a word\n") == []


def test_what_the_base_has_already_may_stay() -> None:
    odd = OLD + "  aws:endpoints: [{sqs: 'http://x'}]\n  other:secret: {secure: v1:three}\n"
    assert refused(odd.replace("m30", "h1"), odd) == []


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (OLD + "secretsprovider: awskms://alias/mine\n", END, "secretsprovider is added"),
        (OLD.replace("v1:abc", "v1:xyz"), 1, "encryptionsalt is changed"),
        (OLD.split("\n", 1)[1], None, "encryptionsalt is taken out"),
        (OLD + "encryptedkey: AQ==\n", END, "encryptedkey is added"),
        (OLD + "environment: [prod]\n", END, "environment is added"),
        (OLD + "  aws:endpoints: [{sqs: 'http://x'}]\n", END, "aws:endpoints may not be set"),
        (OLD + "  aws:config:endpoints: [{sqs: 'http://x'}]\n", END, "aws:config:endpoints may not be set"),
        (OLD + "  aws:accessKey: AK\n", END, "aws:accessKey may not be set"),
        (OLD.replace("prod", "other"), 4, "aws:profile may not be set"),
        (OLD.replace("  aws:profile: prod\n", ""), None, "aws:profile is taken out"),
        (OLD + "  pulumi:template: x\n", END, "pulumi:template may not be set"),
        (OLD + "  fed_old_keys: {secure: v1:one}\n", END, "fed_old_keys may not be set"),
        (OLD + "  fedml-infra:config:hub_key: {secure: v1:one}\n", END, "is no key of ours"),
        (OLD + "  fedml-infra:tags: {a: {secure: v1:new}}\n", END, "tags.a is encrypted, and is no secret"),
        (OLD.replace("fed_name: cardio", "fed_name: {secure: v1:new}"), 5, "fed_name is encrypted"),
        (OLD.replace("pid: charite", "pid: {secure: v1:one}"), 11, "nodes[0].pid is encrypted"),
        (OLD.replace("us-east-1", "{secure: v1:one}"), 3, "aws:region is encrypted"),
        (OLD + "  fedml-infra:tags: {a: xv1:onex}\n", END, "tags.a holds a ciphertext of the base"),
        (OLD.replace("{secure: v1:one}", "MDEyMzQ1Njc4OWFiY2RlZg"), 7, "stands in clear text"),
        (OLD.replace("{secure: v1:one}", "{secure: v1:one, more: x}"), 7, "stands in clear text"),
        (OLD.replace("{secure: v1:one}", "{secure: {secure: v1:one}}"), 7, "stands in clear text"),
        (OLD + "  fedml-infra:member_key: {secure: v1:one}\n", END, "another place (cardio, fedml-infra:fed_sec"),
        (OLD.replace("v1:one", "v1:two"), 7, "another place (cardio, fedml-infra:hub_key)"),
        (OLD.replace("v1:one", "v1:far"), 7, "another place (onco, fedml-infra:fed_secret_key)"),
    ],
)  # fmt: skip
def test_a_change_is_refused_with_its_line(text: str, line: int | None, message: str) -> None:
    assert any(at == line and message in told for at, told in refused(text)), refused(text)


def test_every_mistake_is_told_at_once() -> None:
    text = OLD.replace("prod", "x") + "  aws:token: x\n  fedml-infra:fed_nam: z\nmore: 1\n"
    assert len(refused(text)) == 4


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ("secretsprovider: awskms://alias/mine\n", "no stack of the base branch has"),
        ("secretsprovider: 5\n", "is no text"),
        ("encryptionsalt: v2:x\n", "none that the engine makes"),
        ("secretsprovider: awskms://alias/fed\nencryptionsalt: v1:abc\n", "none that the engine makes"),
        ("encryptedkey: AQ==\n", "without the secretsprovider"),
        ("environment: [prod]\n", "has no place"),
    ],
)
def test_a_new_file_is_refused_for_what_it_says_of_its_encryption(top: str, message: str) -> None:
    assert message in str(refused(top + "config: {}\n", None))


@pytest.mark.parametrize(
    "top",
    [
        "encryptionsalt: v1:new:v1:a+/=:b\n",
        "secretsprovider: awskms://alias/fed\nencryptedkey: AQ==\n",
        "secretsprovider: passphrase\n",
    ],
)  # fmt: skip
def test_a_new_file_may_be_encrypted_as_others_are(top: str) -> None:
    assert refused(top + "config:\n  fedml-infra:fed_secret_key: {secure: v1:mine}\n", None) == []


@pytest.mark.parametrize(
    "top",
    [
        "encryptionsalt: v1:abc:v1:def:ghi\n",
        "secretsprovider: awskms://alias/fed\nencryptedkey: FAR=\n",
    ],
)  # fmt: skip
def test_a_new_file_does_not_open_what_is_encrypted_for_another_stack(top: str) -> None:
    far = OTHER.replace("config:", "encryptedkey: FAR=\nconfig:")
    base = Base.of({"cardio": OLD.encode(), "onco": far.encode()})
    text = top + "config:\n  fedml-infra:fed_secret_key: {secure: v1:earlier}\n"
    found = mistakes("mine", None, text.encode(), base)
    assert ["another stack" in one.message for one in found] == [True]


def test_a_ciphertext_of_a_base_file_that_cannot_be_read_counts_too() -> None:
    base = Base.of({"odd": b"a: &x {secure: 'v1:hidden'}\nb: *x\n"})
    text = b"config:\n  fedml-infra:fed_secret_key: {secure: v1:hidden}\n"
    assert "another place" in mistakes("odd", None, text, base)[0].message


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: &x b\n", 1, "an anchor"),
        ("a: b\nc: *a\n", 2, "an alias"),
        ("a: {b: c}\n<<: {d: e}\n", 2, "a word or number"),
        ("a: !!binary b\n", 1, "a tag"),
        ("a: ! b\n", 1, "a tag"),
        ("%YAML 1.1\n---\na: b\n", 2, "directive"),
        ("%TAG ! tag:x,2000:\n---\na: b\n", 2, "directive"),
        ("a: b\n---\nc: d\n", 2, "a second document"),
        ("a: b\na: c\n", 2, "the key 'a' twice"),
        ("a: b\n'a': c\n", 2, "the key 'a' twice"),
        ("? [a]\n: b\n", 1, "a key that is no text"),
        ("1: b\n", 1, "a key that is no text"),
        ("a: |\n  b\n", 1, "several lines"),
        ("a: b\n  c\n", 1, "several lines"),
        ("a: 'b\n  c'\n", 1, "several lines"),
        ("a:\tb\n", 1, "a tab"),
        ("a: b\r\n", 1, "CRLF"),
        ("a: b # c\rd: e\n", 1, "a carriage return"),
        ("\ufeffa: b\n", 1, "a byte order mark"),
        ("a: b\u2028c: d\n", 1, "U+2028"),
        ("a: b\u0085c: d\n", 1, "U+0085"),
        ("a: b # \u202e\n", 1, "U+202E"),
        ("a: b\x00\n", 1, "U+0000"),
        *((f"a: {word}\n", 1, "a word or number") for word in ("yes", "No", "on", "OFF", "y", "012345678901", "0x1F",
          "0o17", "1_000", "1:30", "1e3", "1.5", ".5", "+1", ".inf", "-.INF", ".NaN", "=", "2026-01-01", "0b1",
          "2026-01-01 10:00:00 +01:00")),
        ("a: [\n", 2, "is not YAML"),
        ("a: b: c\n", 1, "is not YAML"),
        ("a: " + "[" * 5000, None, "nested deeper"),
    ],
)  # fmt: skip
def test_what_two_readers_could_take_differently_is_refused(text: str, line: int | None, message: str) -> None:
    found = read(text.encode())[1]
    assert any(message in one.message and line in (None, one.line) for one in found), found


def test_bytes_that_are_no_text_are_refused() -> None:
    assert read(b"a: b\nc: \xff\n")[1][0].line == 2


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]\n", "word\n", "config: []\n"])
def test_what_is_no_stack_file_is_refused(text: str) -> None:
    assert refused(text)


@given(st.text(max_size=200))
def test_whatever_text_it_is_reading_ends(text: str) -> None:
    read(text.encode("utf-8", "surrogatepass"))


@given(
    st.lists(st.tuples(st.text("ab1'\" ", min_size=1), st.text("a0x1_:.'\"{}[],#&*!|>%@`-+?\\eénNyYof~ ")), max_size=3)
)
def test_what_is_accepted_parsers_of_both_yamls_read_alike(pairs: list[tuple[str, str]]) -> None:
    text = "".join(f"{key}: {value}\n" for key, value in pairs)
    document, found = read(text.encode())
    if document is not None and not found:
        # PyYAML is of YAML 1.1, ruamel.yaml of 1.2; compared as text, as 1 is True.
        assert repr(unlined(document)) == repr(YAML(typ="safe", pure=True).load(text)) == repr(yaml.safe_load(text))


def unlined(node: Node) -> Any:
    """The value without lines."""
    if isinstance(node.value, dict):
        return {key: unlined(inner) for key, inner in node.value.items()}
    return [unlined(inner) for inner in node.value] if isinstance(node.value, list) else node.value
