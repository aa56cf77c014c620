"""Processes at the same moment: one account has a token, one answer has a challenge, the audit keeps one chain."""

from __future__ import annotations

import pytest

from fedml_infra.store.place import StorePlace
from fedml_infra.store.store import open_store
from tests.store.racing import account, append, open_it, race, read_then_write, redeem, use_challenge
from tests.store.values import new_token


def winners(place: StorePlace, *, processes: int, tokens: int) -> list[int]:
    """How many accounts got each token; that it is written down for the one who did."""
    made = [new_token() for _ in range(tokens)]
    with open_store(place) as store:
        for token in made:
            store.tokens.add(token)
    answers = race(processes, place, redeem, [token.digest for token in made])
    with open_store(place) as store:
        for token, won in zip(made, answers, strict=True):
            assert store.tokens.get(token.id).used_by == account(won.index(True))
    return [sum(won) for won in answers]


def test_exactly_one_account_gets_a_token(place: StorePlace) -> None:
    assert winners(place, processes=8, tokens=6) == [1] * 6


@pytest.mark.soak
def test_exactly_one_account_of_64_gets_each_of_50_tokens(place: StorePlace) -> None:
    assert winners(place, processes=64, tokens=50) == [1] * 50


def test_looking_first_and_writing_afterwards_would_be_noticed(place: StorePlace) -> None:
    """The mutation: without it, who knows whether the race above is one?"""
    token = new_token()
    with open_store(place) as store:
        store.tokens.add(token)
    (won,) = race(4, place, read_then_write, [token.digest])
    assert sum(won) == 4


def test_a_challenge_counts_in_one_process(place: StorePlace) -> None:
    answers = race(4, place, use_challenge, [bytes([number]) for number in range(5)])
    assert [sum(each) for each in answers] == [1] * 5


def test_entries_of_many_processes_are_one_chain(place: StorePlace) -> None:
    answers = race(4, place, append, list(range(5)))
    assert sorted(number for each in answers for number in each) == list(range(1, 21))
    with open_store(place) as store:
        assert store.audit.chain().broken is None
        assert store.audit.chain().entries == 20


def test_processes_that_come_first_together_find_it_made(place: StorePlace) -> None:
    assert race(6, place, open_it, [0]) == [[0] * 6]
