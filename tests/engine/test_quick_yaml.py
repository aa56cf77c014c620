"""The hurried reader says what the other one says, or leaves it to that one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fedml_infra.engine import quick_yaml
from fedml_infra.engine.quick_yaml import quick
from fedml_infra.engine.stack_files import StackFile
from fedml_infra.engine.yaml_text import equal
from fedml_infra.errors import ConfigurationError, StackNotFoundError

TEXT = """\
# yaml-language-server: $schema=schema.json
encryptionsalt: v1:abcdefgh=:v1:abcdefgh
config:
  aws:region: us-east-1   # here
  fedml-infra:fed_name: cardio
  fedml-infra:fed_secret_key:
    secure: v1:abcdefgh:abcdefgh
  fedml-infra:members:
    - aws_id: "222222222222"
    - {aws_id: 333333333333, rights: [publish], nodes: [insel, 'other']}
  fedml-infra:tags: {team: Cardio team}
  fedml-infra:nodes:
    - pid: charite
      adopt_bucket: true
      s3_bucket: cardio-charite/updates
"""

PIECES = (
    *("yes", "012345678901", "012345670123", "1:30", "0o17", "1_000", "1e3", "~", "<<: {a: b}", "&a", "*a", "!!str x"),
    *("- ", "  ", "{", "}", "[", "]", ":", " #c", "#", "'", '"', "|", "---", "...", "? ", ",", ": ", "\t", "0x1f"),
    *(".5", "2020-01-01", "null", "True", "a b", "a: b", "-", "é", "%", "@x", "`", "=", "\n", "secure", "config:"),
    *("{secure: v1:a}", "{a: 1,b}", "a?b", "\\", "\ufeff", "\u2028"),
)


def altered(rng: random.Random) -> str:
    """The text with one to three things put in, taken out or doubled."""
    text = TEXT
    for _ in range(rng.choice((1, 1, 2, 3))):
        at, lines = rng.randrange(len(text)), text.split("\n")
        row = rng.randrange(len(lines))
        match rng.randrange(4):
            case 0:
                text = text[:at] + rng.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + rng.randrange(1, 4) :]
            case 2:
                lines[row] = lines[row].replace(": ", f": {rng.choice(PIECES)} ", 1)
                text = "\n".join(lines)
            case _:
                lines.insert(rng.randrange(len(lines)), lines[row])
                text = "\n".join(lines)
    return text


def agree(text: str) -> bool:
    """Whether it was read in a hurry; then all that the slow reader says must be the same."""
    found = quick(text)
    if found is None:
        return False
    slow = StackFile(Path("Pulumi.cardio.yaml"), text, on_disk=None)
    assert equal(found.config, slow.config), text
    assert equal(found.rest, slow.rest), text
    assert found.lines == slow.lines, text
    assert found.rest_lines == slow.rest_lines, text
    return True


def test_a_plain_file_is_read_in_a_hurry() -> None:
    assert agree(TEXT)


@pytest.mark.parametrize("seed", range(4))
def test_both_readers_agree_on_whatever_is_made_of_it(seed: int) -> None:
    rng = random.Random(seed)
    hurried = sum(agree(altered(rng)) for _ in range(60))
    assert hurried > 5


@pytest.mark.soak
def test_both_readers_agree_on_very_many() -> None:
    rng = random.Random(5)
    assert sum(agree(altered(rng)) for _ in range(20_000)) > 2_000


@pytest.mark.parametrize(
    "value",
    [
        "yes",
        "012345678901",
        "012345670123",
        "1:30",
        "0o17",
        "0x1f",
        "1_000",
        "1e3",
        "2020-01-01",
        "~",
        "True",
        "!!str a",
    ],
)
def test_what_yaml_1_1_and_1_2_read_differently_is_left_to_the_other(value: str) -> None:
    assert quick(f"config:\n  a:b: {value}\n") is None


@pytest.mark.parametrize(
    "text",
    [
        "config:\n  a:b: c\n  a:b: d\n",
        "config: {}\nconfig: {}\n",
        "config: {}\n---\nconfig: {}\n",
        "config: [",
        "- a\n",
        "",
        "config: &x {}\n",
        "config:\n  a:b: one\n    two\n",
    ],
)
def test_what_is_unusual_or_wrong_is_left_to_the_other(text: str) -> None:
    assert quick(text) is None


@pytest.mark.parametrize("text", ["config:\n  a:b: c\n  a:b: d\n", "config: {}\n---\nconfig: {}\n", "config: ["])
def test_reading_refuses_it_then(text: str, tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.cardio.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="is not YAML"):
        quick_yaml.read(path)


def test_reading_says_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StackNotFoundError):
        quick_yaml.read(tmp_path / "Pulumi.cardio.yaml")
