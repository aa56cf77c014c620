"""Passphrases."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from pydantic import SecretStr

from fedml_infra.wire.v2.passphrase import WORDS, canonical, new_passphrase, words
from tests.wire.values import texts


def test_the_list_has_2048_different_plain_words() -> None:
    assert len(words()) == len(set(words())) == 2048
    assert all(word.isascii() and word.isalpha() and word.islower() and 3 <= len(word) <= 8 for word in words())


def test_no_two_words_begin_alike() -> None:
    assert len({word[:4] for word in words()}) == 2048


def test_a_passphrase_holds_77_bits() -> None:
    assert math.log2(len(words())) * WORDS >= 77
    chosen: list[int] = []
    new_passphrase(lambda listed: (chosen.append(len(listed)), listed[0])[1])
    assert chosen == [2048] * WORDS


def test_it_is_words_of_the_list_and_another_each_time() -> None:
    made = [new_passphrase().get_secret_value() for _ in range(20)]
    assert len(set(made)) == 20
    assert all(set(each.split("-")) <= set(words()) for each in made)


def test_it_does_not_print_itself() -> None:
    made = new_passphrase()
    assert made.get_secret_value() not in f"{made} {made!r}"


@pytest.mark.parametrize(
    "typed",
    ["Abandon Ability able", " abandon  ability-able\n", "ABANDON - ABILITY - ABLE", "abandon\tability\r\nable"],
)
def test_words_that_are_typed_as_they_were_heard_are_the_same(typed: str) -> None:
    assert canonical(SecretStr(typed)) == b"abandon-ability-able"


def test_letters_with_accents_are_composed() -> None:
    assert canonical(SecretStr("e\u0301")) == canonical(SecretStr("\u00e9")) == "é".encode()


@given(texts)
def test_what_is_canonical_stays(text: str) -> None:
    once = canonical(SecretStr(text))
    assert canonical(SecretStr(once.decode())) == once
