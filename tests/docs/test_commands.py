"""Every `fedml-infra` command in the documentation exists, with every option that is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.root import fedml_infra
from tests.docs.pages import ROOT, blocks, commands_in, inline_commands, pages

SHELLS = {"sh", "console", "bash"}


def shown() -> list[tuple[str, list[str], bool]]:
    """Where, the words, and whether the whole line has to parse (text may name a command without its arguments)."""
    found: list[tuple[str, list[str], bool]] = []
    for page in pages():
        for block in blocks(page):
            if block.language in SHELLS:
                found += [(str(block), words, True) for words in commands_in(block.text)]
        found += [(str(page.relative_to(ROOT)), words, False) for words in inline_commands(page)]
    return found


def resolve(words: Sequence[str]) -> tuple[click.Command, list[str], list[str]]:
    """The command that the words call, its path, and what is left for it to parse."""
    command: click.Command = fedml_infra
    rest, path = list(words), []
    while isinstance(command, click.Group):
        context = click.Context(command, info_name="fedml-infra")
        # A group's own options come before the name of the command: let it read them.
        _, rest, _ = command.make_parser(context).parse_args(rest)
        if not rest:
            break
        found = command.get_command(context, rest[0])
        assert found is not None, f"there is no command {' '.join([*path, rest[0]])}"
        path.append(rest.pop(0))
        command = found
    return command, path, rest


def parse(command: click.Command, rest: list[str]) -> None:
    context = click.Context(command)
    options, left, _ = command.make_parser(context).parse_args(list(rest))
    assert not left, f"{left} is too much"
    for parameter in command.params:
        value = options.get(parameter.name or "")
        if value is not None and isinstance(parameter.type, click.Choice):
            for given in value if isinstance(value, list | tuple) else [value]:
                parameter.type.convert(given, parameter, context)


def test_there_are_commands_to_look_at() -> None:
    """So that the tests below cannot pass for want of a subject."""
    assert len(shown()) > 30


@pytest.mark.parametrize(
    ("where", "words", "whole"), shown(), ids=[f"{where} {' '.join(words)}" for where, words, _ in shown()]
)
def test_command_and_options_exist(where: str, words: list[str], whole: bool) -> None:
    command, path, rest = resolve(words)
    if whole:
        parse(command, rest)
    else:
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= known, where
    result = CliRunner().invoke(fedml_infra, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize(
    "words", [["raise"], ["drift", "cardio", "--no-such-option"], ["policies", "who-can", "cardio", "a", "b", "c"]]
)
def test_a_wrong_command_is_told(words: list[str]) -> None:
    with pytest.raises((AssertionError, click.UsageError)):
        command, _, rest = resolve(words)
        parse(command, rest)


def test_words_are_found_in_shell() -> None:
    text = 'eval "$(fedml-infra sandbox env --account 1)"\nA=b fedml-infra up \\\n  x && fedml-infra down | cat\n'
    assert list(commands_in(text)) == [["sandbox", "env", "--account", "1"], ["up", "x"], ["down"]]


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for page in pages() for target in re.findall(r"^make ([a-z]+)", shell_of(page), re.MULTILINE)}
    named |= {target for page in pages() for target in re.findall(r"`make ([a-z]+)`", page.read_text(encoding="utf-8"))}
    assert {"demo", "test", "setup"} <= named <= targets


def shell_of(page: Path) -> str:
    return "\n".join(block.text for block in blocks(page) if block.language in SHELLS)
