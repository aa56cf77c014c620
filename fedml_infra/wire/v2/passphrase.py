"""Passphrases that are made here: seven words of 2,048, which is 77 bits."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files

from pydantic import SecretStr

WORDS = 7
BITS_PER_WORD = 11

_PARTING = re.compile(r"[ \t\r\n-]+")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def new_passphrase(choose: Callable[[Sequence[str]], str] = secrets.choice) -> SecretStr:
    """Seven words, each chosen out of all of them, with hyphens between."""
    return SecretStr("-".join(choose(words()) for _ in range(WORDS)))


def canonical(passphrase: SecretStr) -> bytes:
    """The bytes that are stretched: NFC, A to Z made small, each run of spaces, line ends and hyphens one hyphen, none
    at the ends; in UTF-8. Words that are read out on the telephone come out as they were made.
    Empty if nothing is left.
    """
    text = unicodedata.normalize("NFC", passphrase.get_secret_value()).translate(_LOWER)
    return _PARTING.sub("-", text).strip("-").encode()


@cache
def words() -> tuple[str, ...]:
    """The list, in its order."""
    lines = files(__package__).joinpath("words.txt").read_text(encoding="ascii").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))
