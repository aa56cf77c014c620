"""A challenge counts once."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from fedml_infra.store.challenges import KEPT
from fedml_infra.store.store import Store


def count(store: Store) -> int:
    with store._database.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM challenges")).scalar_one())


def test_a_challenge_counts_once(store: Store) -> None:
    end = store.now() + timedelta(minutes=5)
    assert store.challenges.use_once(b"one", end)
    assert store.challenges.use_once(b"two", end)
    assert not store.challenges.use_once(b"one", end)


def test_one_that_is_long_over_is_forgotten(store: Store) -> None:
    over = store.now() - KEPT - timedelta(seconds=1)
    store.challenges.use_once(b"old", over)
    store.challenges.use_once(b"new", store.now())
    assert count(store) == 1


def test_one_that_ended_just_now_is_not(store: Store) -> None:
    """The verifier's clock may be behind the database's."""
    store.challenges.use_once(b"just over", store.now() - timedelta(minutes=1))
    assert not store.challenges.use_once(b"just over", store.now())
